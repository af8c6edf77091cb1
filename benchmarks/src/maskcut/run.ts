/**
 * One normalized cut against numpy and scipy, the dense CRF against pydensecrf where the peer's python has it, and a photo's
 * masks against the steps of CutLER's script, interleaved in one run.
 *
 *   npm run -s build -w @u2seg/benchmarks && node benchmarks/dist/maskcut/run.js [photo.jpg] [rounds]
 *
 * The features are synthetic (four groups and noise, half of the pairs connected); the photo for the CRF is the one given, else a
 * synthetic scene. The peer's python is named by `U2SEG_PEER_PYTHON` (default `python3`); without it ours is timed alone.
 */
import { createOnnxSession } from '@u2seg/backbone';
import { seededRng, type PatchFeatures, type RgbImage } from '@u2seg/core';
import { decodeImage, resizePillow, writeSyntheticDataset } from '@u2seg/datasets';
import { OnnxGraphBuilder } from '@u2seg/interchange';
import {
  affinityBits,
  affinityFromUpperPanels,
  DenseCrf,
  proposeMasks,
  secondEigenvector,
  unitRows,
  type AffinityGraph,
} from '@u2seg/maskcut';
import { cutlerCrfKernels, stegoCrfKernels } from '@u2seg/maskcut/internal';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PeerProcess } from '../peer-process.ts';

const grid = 60;
const dim = 384;
const tau = 0.15;
/** Labels of STEGO's COCOStuff-27. */
const labels = 27;
const rounds = Number(process.argv[3] ?? 5);
const folder = fileURLToPath(new URL('../../maskcut/', import.meta.url));

interface Answer {
  readonly ms: number;
  readonly value: number | null;
}

const features = groupedFeatures();
const temporary = mkdtempSync(join(tmpdir(), 'u2seg-bench-'));
try {
  const photo = await photoOf(process.argv[2]);
  const mask = centralMask(photo);
  const unary = noise(labels * photo.height * photo.width);
  const files = { 'features.f32': features.data, 'photo.rgb': photo.data, 'mask.u8': mask, 'unary.f32': unary };
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(files)) {
    writeFileSync(join(temporary, name), new Uint8Array(buffer, byteOffset, byteLength));
  }
  const edgesByRuntime = await runtimeAffinity();
  const spec = { patches: grid * grid, dim, tau, height: photo.height, width: photo.width, labels };
  const started = await PeerProcess.start<Record<string, string>>(join(folder, 'peer.py'), [
    temporary,
    JSON.stringify(spec),
  ]);
  const hasCrf = started !== undefined && started.hello['pydensecrf'] !== 'missing';
  if (!hasCrf) console.error('the peer has no pydensecrf: the CRF and the photo are timed alone');
  const graph = affinityBits(features, tau);
  const times: Record<string, number[]> = {};
  const time = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    (times[name] ??= []).push(performance.now() - start);
    return result;
  };
  const askPeer = async (command: string): Promise<number | null> => {
    const answer = await started!.peer.ask<Answer>(command);
    (times[`peer ${command}`] ??= []).push(answer.ms);
    return answer.value;
  };
  const masks = { ours: 0, peer: 0 };
  const area = { ours: 0, peer: 0 };
  const labelSum = { ours: 0, peer: 0 };
  for (let round = 0; round <= rounds; round += 1) {
    await time('affinity, own kernel, 1 thread', () => affinityBits(features, tau));
    const built = await time('affinity, onnxruntime', edgesByRuntime);
    const eigen = await time('second eigenvector, 1 thread', () => secondEigenvector(graph));
    await time('cut, own kernels, 1 thread', () => secondEigenvector(affinityBits(features, tau)));
    await time('cut, affinity by onnxruntime', async () => secondEigenvector(await edgesByRuntime()));
    if (started !== undefined) {
      for (const command of ['affinity', 'eigh', 'eigsh', 'affinity+eigh', 'affinity+eigsh']) {
        const value = await askPeer(command);
        if (value !== null && Math.abs(value - eigen.value) > 1e-8) {
          throw new Error(`the eigenvalues differ: ${eigen.value} and ${value}`);
        }
      }
    }
    if (countBits(built) !== countBits(graph)) {
      console.error(`edges: ${countBits(graph)} by the own kernel, ${countBits(built)} by onnxruntime (pairs at tau)`);
    }
    for (const threads of [1, 2] as const) {
      const suffix = `with the lattices, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      const [refined] = await time(`CRF 2 labels, ${suffix}`, () => {
        using crf = new DenseCrf(photo, cutlerCrfKernels, { threads });
        return crf.refineMasks([mask]);
      });
      await time(`CRF 4 masks of a photo, ${suffix}`, () => {
        using crf = new DenseCrf(photo, cutlerCrfKernels, { threads });
        return crf.refineMasks([mask, mask, mask, mask]);
      });
      const marginals = await time(`CRF ${labels} labels, ${suffix}`, () => {
        using crf = new DenseCrf(photo, stegoCrfKernels, { threads });
        return crf.infer(unary, { labels });
      });
      const proposals = await time(
        `photo to finished masks without the backbone, ${threads === 1 ? '1 thread' : '2 threads'}`,
        () => proposeMasks(photo, features, { crfThreads: threads }),
      );
      masks.ours = proposals.length;
      area.ours = sum(refined!);
      labelSum.ours = sum(marginals.labels);
    }
    const edges = await time('photo to finished masks, affinity by onnxruntime, 2 threads', async () => {
      const built = await edgesByRuntime();
      return proposeMasks(photo, features, { crfThreads: 2, graph: built });
    });
    masks.ours = edges.length;
    if (hasCrf) {
      area.peer = (await askPeer('crf2'))!;
      labelSum.peer = (await askPeer(`crf${labels}`))!;
      masks.peer = (await askPeer('photo'))!;
      assertNear('area of the refined mask', area.ours, area.peer, 1e-3 * area.peer);
      assertNear('sum of the labels', labelSum.ours, labelSum.peer, 1e-3 * labelSum.peer);
    }
    // The first round pays for page faults and the compiler.
    if (round === 0) for (const name of Object.keys(times)) times[name] = [];
  }
  started?.peer.stop();
  const ms = Object.fromEntries(
    Object.entries(times).map(([name, values]) => [
      name,
      { median: digits(median(values)), best: digits(Math.min(...values)) },
    ]),
  );
  const ratio = (peer: string, ours: string): number | undefined =>
    times[peer] === undefined ? undefined : digits(median(times[peer]) / median(times[ours]!));
  const ratios = {
    'numpy + scipy.linalg.eigh over ours, own kernels': ratio('peer affinity+eigh', 'cut, own kernels, 1 thread'),
    'numpy + scipy.sparse.linalg.eigsh over ours, own kernels': ratio(
      'peer affinity+eigsh',
      'cut, own kernels, 1 thread',
    ),
    'numpy + scipy.linalg.eigh over ours, onnxruntime': ratio('peer affinity+eigh', 'cut, affinity by onnxruntime'),
    'numpy + scipy.sparse.linalg.eigsh over ours, onnxruntime': ratio(
      'peer affinity+eigsh',
      'cut, affinity by onnxruntime',
    ),
    'scipy.linalg.eigh over our eigenvector': ratio('peer eigh', 'second eigenvector, 1 thread'),
    'scipy.sparse.linalg.eigsh over our eigenvector': ratio('peer eigsh', 'second eigenvector, 1 thread'),
    'pydensecrf over ours, 2 labels, 1 thread': ratio('peer crf2', 'CRF 2 labels, with the lattices, 1 thread'),
    'pydensecrf over ours, 2 labels, 2 threads': ratio('peer crf2', 'CRF 2 labels, with the lattices, 2 threads'),
    [`pydensecrf over ours, ${labels} labels, 1 thread`]: ratio(
      `peer crf${labels}`,
      `CRF ${labels} labels, with the lattices, 1 thread`,
    ),
    [`pydensecrf over ours, ${labels} labels, 2 threads`]: ratio(
      `peer crf${labels}`,
      `CRF ${labels} labels, with the lattices, 2 threads`,
    ),
    "CutLER's steps over ours, photo to masks, 1 thread": ratio(
      'peer photo',
      'photo to finished masks without the backbone, 1 thread',
    ),
    "CutLER's steps over ours, photo to masks, 2 threads": ratio(
      'peer photo',
      'photo to finished masks, affinity by onnxruntime, 2 threads',
    ),
  };
  const summary = {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, loadAverage: digits(loadavg()[0]!) },
    versions: { node: process.version, ...started?.hello },
    sizes: { patches: grid * grid, dim, crf: [photo.height, photo.width] },
    rounds,
    masks: hasCrf ? masks : { ours: masks.ours },
    ms,
    ratios,
  };
  writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
  console.table(ms);
  console.table(ratios);
} finally {
  rmSync(temporary, { recursive: true });
}

/**
 * Products and Greater with bool output, rows normalized in the graph's input. In panels of rows against the patches from the
 * first of them on, for the affinity is symmetric.
 */
async function runtimeAffinity(): Promise<() => Promise<AffinityGraph>> {
  const n = grid * grid;
  const panelRows = 640;
  const builder = new OnnxGraphBuilder();
  const rows = builder.input('rows', 'float32', [n, dim]);
  const firstRows: number[] = [];
  for (let first = 0; first < n; first += panelRows) {
    const end = Math.min(n, first + panelRows);
    const part = (to: number): string =>
      builder.node('Slice', [rows, builder.ints([first]), builder.ints([to]), builder.ints([0])]);
    const products = builder.node('Gemm', [part(end), part(n)], { transB: 1 });
    const above = builder.node('Greater', [products, builder.float(tau)]);
    builder.output(`edges${firstRows.length}`, above, 'bool', [end - first, n - first]);
    firstRows.push(first);
  }
  const session = await createOnnxSession(builder.build());
  const unit = new Float32Array(n * dim);
  return async () => {
    unitRows(features, unit);
    const outputs = await session.run({ rows: { data: unit, shape: [n, dim], type: 'float32' } });
    const panels = firstRows.map((firstRow, p) => ({ firstRow, edges: outputs[`edges${p}`]!.data as Uint8Array }));
    return affinityFromUpperPanels(panels, n, tau);
  };
}

function groupedFeatures(): PatchFeatures {
  const rng = seededRng(7);
  const directions = Array.from({ length: 5 }, () => Float32Array.from({ length: dim }, () => rng() - 0.5));
  const data = new Float32Array(grid * grid * dim);
  for (let i = 0; i < grid * grid; i += 1) {
    const [y, x] = [Math.floor(i / grid), i % grid];
    const group =
      (x - 20) ** 2 + (y - 20) ** 2 < 120 ? 1 : (x - 45) ** 2 + (y - 40) ** 2 < 80 ? 2 : x > grid / 2 ? 3 : 0;
    for (let k = 0; k < dim; k += 1) {
      data[i * dim + k] = 0.35 * directions[4]![k]! + 0.55 * directions[group]![k]! + 0.8 * (rng() - 0.5);
    }
  }
  return { data, gridH: grid, gridW: grid, dim, patchSize: 8 };
}

async function photoOf(path: string | undefined): Promise<RgbImage> {
  if (path !== undefined) return resizePillow(await decodeImage(path), 480, 640, 'lanczos');
  const written = await writeSyntheticDataset(temporary, { count: 1, height: 480, width: 640 });
  return decodeImage(join(written.imageFolder, '000000000001.jpg'));
}

function centralMask({ height, width }: RgbImage): Uint8Array {
  const mask = new Uint8Array(height * width);
  for (let y = height >> 2; y < height - (height >> 2); y += 1) {
    mask.fill(1, y * width + (width >> 2), y * width + width - (width >> 2));
  }
  return mask;
}

function noise(length: number): Float32Array {
  const rng = seededRng(3);
  return Float32Array.from({ length }, () => 3 * rng());
}

function countBits(graph: AffinityGraph): number {
  let count = 0;
  for (let byte of graph.panels) for (; byte !== 0; byte &= byte - 1) count += 1;
  return count;
}

function sum(values: Uint8Array | Uint16Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function assertNear(what: string, ours: number, peer: number, tolerance: number): void {
  if (Math.abs(ours - peer) > tolerance) throw new Error(`the ${what} differs: ${ours} and ${peer}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function digits(value: number): number {
  return Number(value.toPrecision(3));
}
