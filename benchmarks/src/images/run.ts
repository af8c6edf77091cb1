/**
 * Image input against Pillow, interleaved in one run: decode a JPEG, resize it, read a panoptic PNG.
 *
 *   npm run -s build -w @u2seg/benchmarks && node benchmarks/dist/images/run.js
 *
 * The pictures are synthetic scenes of 640 x 480, written to a temporary folder. The peer's python is named by
 * `U2SEG_PEER_PYTHON` (default `python3`); without Pillow there, ours is timed alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decodeImage, readPanopticPng, resizePillow, writeSyntheticDataset } from '@u2seg/datasets';

const rounds = 5;
const repeats = 10;
const here = fileURLToPath(new URL('../../', import.meta.url));

interface Peer {
  readonly versions: Readonly<Record<string, string>>;
  readonly ask: (job: object) => Promise<number[]>;
  readonly stop: () => void;
}

async function startPeer(): Promise<Peer | undefined> {
  const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
  const child: ChildProcess = spawn(python, [join(here, 'src/images/peer.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return undefined;
  return {
    versions: JSON.parse(first.value) as Record<string, string>,
    ask: async (job) => {
      child.stdin!.write(`${JSON.stringify(job)}\n`);
      return JSON.parse((await lines.next()).value as string) as number[];
    },
    stop: () => child.stdin!.end(),
  };
}

async function timed(work: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const digits = (value: number): number => Number(value.toPrecision(3));

const folder = mkdtempSync(join(tmpdir(), 'u2seg-bench-'));
const written = await writeSyntheticDataset(folder, { count: 1, height: 480, width: 640 });
const photo = join(written.imageFolder, '000000000001.jpg');
const panoptic = join(written.panopticFolder, '000000000001.png');
const image = await decodeImage(photo);
const jobs: { name: string; kind: string; size: readonly [number, number]; work: () => unknown }[] = [
  { name: 'decode JPEG 640x480', kind: 'decode', size: [1, 1], work: () => decodeImage(photo) },
  ...(
    [
      [480, 480],
      [224, 224],
      [800, 1067],
    ] as const
  ).map((size) => ({
    name: `LANCZOS 640x480 to ${size[1]}x${size[0]}`,
    kind: 'resize',
    size,
    work: () => resizePillow(image, size[0], size[1], 'lanczos'),
  })),
  { name: 'read panoptic PNG 640x480', kind: 'panoptic', size: [1, 1], work: () => readPanopticPng(panoptic) },
];
const peer = await startPeer();
const results: object[] = [];
for (const { name, kind, size, work } of jobs) {
  const ours: number[] = [];
  const theirs: number[] = [];
  await timed(work);
  for (let round = 0; round < rounds; round += 1) {
    ours.push(...(await timed(work)));
    if (peer !== undefined) theirs.push(...(await peer.ask({ kind, size, photo, panoptic, repeats })));
  }
  const [mine, other] = [median(ours), theirs.length > 0 ? median(theirs) : undefined];
  results.push({
    job: name,
    oursMs: digits(mine),
    ...(other === undefined ? {} : { pillowMs: digits(other), ratio: digits(other / mine) }),
  });
}
peer?.stop();
rmSync(folder, { recursive: true });
const summary = {
  machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, loadAverage: digits(loadavg()[0]!) },
  versions: { node: process.version, ...peer?.versions },
  rounds,
  repeats,
  results,
};
writeFileSync(join(here, 'images/summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
console.table(results);
if (peer === undefined)
  console.log('No python with Pillow and numpy was found (U2SEG_PEER_PYTHON); ours was timed alone.');
