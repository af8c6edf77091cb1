/**
 * What bfloat16 does to the predictions of a trained network: the same photos in float32 and in bfloat16.
 *
 *   npm run build && node benchmarks/dist/model/inference-precision.js <model.safetensors of a run> <folder of photos> [count]
 *
 * Writes benchmarks/model/inference-precision.json.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { rleIou, type RgbImage } from '@u2seg/core';
import { decodeImage, listPhotos, resizePillow, resizeShortestEdgeShape } from '@u2seg/datasets';
import { loadStateDict, loadTfBackend, PanopticCascadeModel, type DetectorConfig } from '@u2seg/heads';
import { readSafetensors, type NamedTensor } from '@u2seg/interchange';
import { predictPanoptic, type PanopticPrediction } from '@u2seg/self-train';

const [modelPath, folder, count = '128'] = process.argv.slice(2);
if (modelPath === undefined || folder === undefined) throw new Error('wanted a model file and a folder of photos');
const bytes = readFileSync(modelPath);
const { tensors, metadata } = readSafetensors(new Uint8Array(bytes), modelPath);
const info = JSON.parse(metadata.get('info')!) as {
  readonly network: DetectorConfig;
  readonly testSize: { readonly shortestEdge: number; readonly maxSize: number };
};
const backend = await loadTfBackend('tensorflow');
const model = PanopticCascadeModel.create(info.network, { seed: 0 });
loadStateDict(model, new Map(tensors.map((tensor): [string, NamedTensor] => [tensor.name, tensor])));

/** Detections with a partner of the same cluster whose mask overlaps by more than half, and how far the partners are apart. */
const pairs = { detections: 0, paired: 0, scores: [] as number[], masks: [] as number[] };
const pixels = { all: 0, semantic: 0, panoptic: 0 };
/** Both maps say of a pixel which cluster it is and whether that is a thing. */
function meaning({ panoptic }: PanopticPrediction): (pixel: number) => number {
  const ofId = new Map(
    panoptic!.segments.map(({ id, isThing, category }) => [id, (isThing ? 1 : -1) * (1 + category)]),
  );
  return (pixel) => ofId.get(panoptic!.ids[pixel]!) ?? 0;
}

function compare(exact: PanopticPrediction, rounded: PanopticPrediction): void {
  const free = new Set(rounded.instances);
  pairs.detections += exact.instances.length;
  for (const one of exact.instances) {
    let [partner, best] = [undefined as (typeof exact.instances)[number] | undefined, 0.5];
    for (const other of free) {
      if (other.clusterId !== one.clusterId) continue;
      const overlap = rleIou(one.mask, other.mask);
      if (overlap > best) [partner, best] = [other, overlap];
    }
    if (partner === undefined) continue;
    free.delete(partner);
    pairs.paired += 1;
    pairs.scores.push(Math.abs(one.score - partner.score));
    pairs.masks.push(best);
  }
  if (exact.panoptic === undefined) return;
  const [a, b] = [meaning(exact), meaning(rounded)];
  for (let i = 0; i < exact.height * exact.width; i += 1) {
    pixels.all += 1;
    pixels.semantic += Number(exact.semantic![i] !== rounded.semantic![i]);
    pixels.panoptic += Number(a(i) !== b(i));
  }
}

const photos = (await listPhotos(folder, { recursive: true })).photos.slice(0, Number(count));
const { shortestEdge, maxSize } = info.testSize;
for (const { path } of photos) {
  const photo = await decodeImage(path);
  const { height, width } = resizeShortestEdgeShape(photo.height, photo.width, shortestEdge, maxSize);
  const image: RgbImage = await resizePillow(photo, height, width, 'bilinear');
  const look = (precision: 'float32' | 'bfloat16'): Promise<PanopticPrediction> =>
    predictPanoptic({ infer: (input, options) => model.infer(input, { ...options, precision }) }, image);
  compare(await look('float32'), await look('bfloat16'));
}
model.dispose();

const quantile = (values: readonly number[], q: number): number =>
  Number(values.toSorted((a, b) => a - b)[Math.round(q * (values.length - 1))]!.toFixed(4));
const share = (part: number, whole: number): number => Number((part / whole).toFixed(4));
const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
const summary = {
  job: 'inference-precision',
  model: { sha256: createHash('sha256').update(bytes).digest('hex'), testSize: info.testSize },
  photos: photos.length,
  backend: backend.description,
  commit: git('rev-parse', 'HEAD'),
  dirty: git('status', '--porcelain').length > 0,
  detections: pairs.detections,
  pairedShare: share(pairs.paired, pairs.detections),
  scoreDifference: { median: quantile(pairs.scores, 0.5), p95: quantile(pairs.scores, 0.95) },
  maskIou: { median: quantile(pairs.masks, 0.5), p5: quantile(pairs.masks, 0.05) },
  ...(pixels.all > 0 && {
    semanticPixelsThatDiffer: share(pixels.semantic, pixels.all),
    panopticPixelsThatDiffer: share(pixels.panoptic, pixels.all),
  }),
};
writeFileSync(
  new URL('../../model/inference-precision.json', import.meta.url),
  `${JSON.stringify(summary, null, 2)}\n`,
);
process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
