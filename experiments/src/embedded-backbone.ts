/**
 * Which backbone that needs no download should be the default, and what each way of proposing makes of it, on coco-mini.
 *
 *   node experiments/dist/embedded-backbone.js
 *
 * Result: `experiments/embedded-backbone/summary.json`.
 */
import { fileURLToPath } from 'node:url';
import { createEmbeddedBackbone } from '@u2seg/backbone';
import { writeFileAtomic, type Backbone, type MaskProposal, type PatchFeatures, type RgbImage } from '@u2seg/core';
import { decodeImage, resizePillow, resizePillowGray } from '@u2seg/datasets';
import { maskCutReference, proposeMasks, proposeObjects, referenceAnnotations } from '@u2seg/maskcut';
import { HalvedScores, openCocoMini, thingsOf, type HalvedNumbers } from './coco-mini-photos.ts';
import { isMain } from './is-main.ts';

/** Side of the square the photos are resized to, in pixels. */
const side = 320;

/** The simplest candidate: mean and deviation of RGB in each patch, and its place. */
function plainColours(): Backbone {
  const [patchSize, dim] = [8, 8];
  return {
    info: { name: 'plain-colours', dim, clsDim: 0, patchSize, license: 'Apache-2.0', weightsSha256: 'none' },
    dispose: async () => {},
    extract: async ({ data, height, width }: RgbImage): Promise<PatchFeatures> => {
      const [gridH, gridW] = [height / patchSize, width / patchSize];
      const out = new Float32Array(gridH * gridW * dim);
      for (let cell = 0; cell < gridH * gridW; cell += 1) {
        const [gy, gx] = [Math.floor(cell / gridW), cell % gridW];
        for (let c = 0; c < 3; c += 1) {
          let [sum, squares] = [0, 0];
          for (let y = gy * patchSize; y < (gy + 1) * patchSize; y += 1) {
            for (let x = gx * patchSize; x < (gx + 1) * patchSize; x += 1) {
              const value = data[(y * width + x) * 3 + c]! / 128 - 1;
              sum += value;
              squares += value * value;
            }
          }
          const mean = sum / patchSize ** 2;
          out[cell * dim + c] = mean;
          out[cell * dim + 3 + c] = 2 * Math.sqrt(Math.max(0, squares / patchSize ** 2 - mean * mean));
        }
        out[cell * dim + 6] = (gx / gridW - 0.5) / 2;
        out[cell * dim + 7] = (gy / gridH - 0.5) / 2;
      }
      return { data: out, gridH, gridW, dim, patchSize };
    },
  };
}

type Propose = (image: RgbImage, features: PatchFeatures) => readonly MaskProposal[];

const methods: Readonly<Record<string, Propose>> = {
  'maskcut-reference, N 3, tau 0.15': (image, features) => reference(image, features, 0.15),
  'maskcut, N 3, tau 0.15': (image, features) => proposeMasks(image, features, { tau: 0.15, maxMasks: 3 }),
  'maskcut, N 8, tau 0.3': (image, features) => proposeMasks(image, features, { tau: 0.3, maxMasks: 8 }),
  // depends on the backbone little but through the cuts, which it is not given here
  ...(process.env['U2SEG_OBJECTS'] === '1'
    ? { 'objects, 100': (image, features) => proposeObjects(image, features) }
    : {}),
};

function reference(image: RgbImage, features: PatchFeatures, tau: number): readonly MaskProposal[] {
  const masks = maskCutReference(features, { tau, numCuts: 3 }).map(({ mask }) => mask);
  const finished = referenceAnnotations(resizePillow(image, side, side, 'lanczos'), masks, {
    height: image.height,
    width: image.width,
    resizeMask: (data, height, width, toHeight, toWidth) =>
      resizePillowGray({ data, height, width }, toHeight, toWidth, 'bicubic').data,
  });
  return finished.flatMap(({ annotation }) =>
    annotation === undefined
      ? []
      : [{ mask: annotation.segmentation, bboxXywh: annotation.bboxXywh, area: annotation.area, score: 1 }],
  );
}

/** One row: all photos, and the two halves by position (settings were looked at on the even half). */
interface Row {
  readonly backbone: string;
  readonly method: string;
  readonly masksPerPhoto: number;
  /** Time of cut and CRF over that of the first method. */
  timeRatio: number;
  readonly scores: HalvedNumbers;
}

async function run(data: string, say: (line: string) => void): Promise<Row[]> {
  const dataset = await openCocoMini(data);
  const rows: Row[] = [];
  for (const backbone of [plainColours(), createEmbeddedBackbone()]) {
    const state = Object.entries(methods).map(([method, propose]) => ({
      method,
      propose,
      milliseconds: 0,
      scores: new HalvedScores(),
    }));
    for (const [i, listed] of dataset.images.entries()) {
      const { truth } = thingsOf(i, listed.id, await dataset.load(listed));
      const image = await decodeImage(listed.path);
      const features = await backbone.extract(resizePillow(image, side, side, 'lanczos'));
      for (const one of state) {
        const started = performance.now();
        const found = one.propose(image, features);
        one.milliseconds += performance.now() - started;
        one.scores.update(i, truth, found);
      }
    }
    for (const one of state) {
      const { method, milliseconds } = one;
      const { masksPerPhoto } = one.scores;
      const scores = one.scores.compute({ bySize: false });
      const timeRatio = Number((milliseconds / state[0]!.milliseconds).toFixed(2));
      rows.push({ backbone: backbone.info.name, method, masksPerPhoto, timeRatio, scores });
      say(`${backbone.info.name}, ${method}: ${JSON.stringify(scores['all'])}`);
    }
  }
  return rows;
}

if (isMain(import.meta.url)) {
  const data = process.env['U2SEG_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
  const rows = await run(data, (line) => process.stdout.write(`${line}\n`));
  const summary = {
    question:
      'What do MaskCut, its reference and the region tree make of two backbones that need no download, on coco-mini?',
    protocol:
      'COCO mask AP and AR@100 in percent, class-agnostic, things of 100 photos, at most 100 masks; halves by position',
    rows,
  };
  const path = fileURLToPath(new URL('../embedded-backbone/summary.json', import.meta.url));
  await writeFileAtomic(path, `${JSON.stringify(summary, undefined, 2)}\n`);
}
