/** Against pycocotools itself, on generated data: runs where `U2SEG_PEER_PYTHON` names a Python that has it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { rleArea, rleBbox, rleFromPolygons, rleToString } from '@u2seg/core';
import { cocoStatNames, evaluateCoco, readCocoGroundTruth, readCocoResults, type IouType } from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const python = process.env['U2SEG_PEER_PYTHON'];
const [height, width] = [240, 320];

interface Case {
  readonly gt: object;
  readonly dt: readonly object[];
  readonly iouType: IouType;
  readonly maxDets: readonly number[];
  readonly useCats: 0 | 1;
  /** Results with a box and a mask: pycocotools then takes the box's area. */
  readonly both: boolean;
}

interface Answer {
  readonly stats: readonly number[] | null;
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly scores: readonly number[];
}

/** Boxes on a coarse grid, so that overlaps, equal IoUs and areas at the very bounds of small and medium are common. */
const box = fc
  .tuple(fc.nat(6), fc.nat(5), fc.constantFrom(8, 16, 32, 33, 64, 96, 97, 128), fc.constantFrom(8, 32, 48, 96, 128))
  .map(([x, y, w, h]) => [20 * x, 16 * y, w, h] as const);
const place = fc.record({
  // not in order, one of them without anything
  image_id: fc.constantFrom(7, 3, 11),
  category_id: fc.constantFrom(1, 5, 90),
  bbox: box,
});
const outline = ([x, y, w, h]: readonly number[]): number[] => {
  const [right, bottom] = [x! + w!, y! + h!];
  return [x!, y!, right, y! + 0.4 * h!, right - 0.3 * w!, bottom, x! + 0.1 * w!, bottom];
};
const cases = fc
  .record({
    truths: fc.array(fc.tuple(place, fc.boolean(), fc.constantFrom(0, 1, 0, 0)), { maxLength: 14 }),
    // few scores, so that ties are common
    found: fc.array(fc.tuple(place, fc.constantFrom(0.1, 0.5, 0.5, 0.9, 1)), { maxLength: 40 }),
    hits: fc.array(fc.tuple(fc.nat(13), fc.integer({ min: -9, max: 9 }), fc.constantFrom(0.3, 0.5, 0.9)), {
      maxLength: 20,
    }),
    iouType: fc.constantFrom<IouType>('bbox', 'segm'),
    maxDets: fc.constantFrom([1, 10, 100], [1, 2, 3], [1, 5, 100], [100], [2, 20]),
    useCats: fc.constantFrom<0 | 1>(1, 1, 0),
    both: fc.boolean(),
  })
  .map(({ truths, found, hits, iouType, maxDets, useCats, both }): Case => {
    const near = hits.flatMap(([i, shift, score]) => {
      const truth = truths[i]?.[0];
      if (truth === undefined) return [];
      const [x, y, w, h] = truth.bbox;
      return [[{ ...truth, bbox: [x + Math.max(-x, shift), y, w, h] as const }, score] as const];
    });
    return {
      iouType,
      maxDets,
      useCats,
      both,
      gt: {
        images: [7, 3, 11, 2].map((id) => ({ id, height, width, file_name: `${id}.jpg` })),
        categories: [90, 1, 5].map((id) => ({ id, name: `${id}` })),
        annotations: truths.map(([truth, exact, iscrowd], i) => ({
          ...truth,
          id: 5 * i + 1,
          iscrowd,
          area: exact ? truth.bbox[2] * truth.bbox[3] : 0.7 * truth.bbox[2] * truth.bbox[3],
          segmentation:
            iscrowd === 1
              ? runLengths(outline(truth.bbox))
              : [outline(truth.bbox), ...(exact ? [outline([0, 0, 9, 9])] : [])],
        })),
      },
      dt: [...found, ...near].map(([one, score]) => ({
        image_id: one.image_id,
        category_id: one.category_id,
        score,
        ...(both || iouType === 'bbox' ? { bbox: one.bbox } : {}),
        ...(both || iouType === 'segm'
          ? {
              segmentation: {
                size: [height, width],
                counts: rleToString(rleFromPolygons([outline(one.bbox)], height, width)),
              },
            }
          : {}),
      })),
    };
  });

function runLengths(polygon: readonly number[]): object {
  return { size: [height, width], counts: [...rleFromPolygons([polygon], height, width).counts] };
}

function largestDifference(a: Float64Array, b: readonly number[]): number {
  let largest = 0;
  for (let i = 0; i < a.length; i += 1) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Any polygons, also outside the image, of no area, and crossing themselves. */
const polygons = fc.array(
  fc
    .array(fc.double({ min: -20, max: 90, noNaN: true }), { minLength: 6, maxLength: 16 })
    .map((xy) => xy.slice(0, xy.length & ~1)),
  { minLength: 1, maxLength: 3 },
);

describe.skipIf(python === undefined)('pycocotools as a peer (U2SEG_PEER_PYTHON)', () => {
  it('gives the same numbers and curves: ties, crowds, maxDets, empty images, categories pooled; and the same masks', () => {
    const drawn = fc.sample(cases, { seed: 20_240_601, numRuns: 100 });
    const outlines = fc.sample(polygons, { seed: 6, numRuns: 300 });
    const script = fileURLToPath(new URL('./coco-peer.py', import.meta.url));
    const answers = JSON.parse(
      execFileSync(python!, [script], {
        input: JSON.stringify({ cases: drawn, masks: outlines.map((one) => [one, 60, 70]) }),
        maxBuffer: 2 ** 30,
      }).toString(),
    ) as { evaluations: Answer[]; masks: { string: string; area: number; bbox: number[] }[] };
    drawn.forEach((one, i) => {
      const gt = readCocoGroundTruth('gt.json', JSON.stringify(one.gt));
      const dt = readCocoResults('dt.json', JSON.stringify(one.dt), gt);
      const report = evaluateCoco(gt, dt, {
        iouType: one.iouType,
        maxDetections: one.maxDets,
        useCategories: one.useCats === 1,
        detectionArea: one.both && one.iouType === 'segm' ? 'box' : 'auto',
        mode: 'reference',
      });
      const answer = answers.evaluations[i]!;
      const about = `case ${i}: ${one.iouType}, maxDets ${one.maxDets.join(' ')}, useCats ${one.useCats}`;
      for (const curve of ['precision', 'recall', 'scores'] as const) {
        expect(answer[curve].length, `${about}: ${curve}`).toBe(report.curves[curve].length);
        expect(largestDifference(report.curves[curve], answer[curve]), `${about}: ${curve}`).toBeLessThan(1e-12);
      }
      if (answer.stats !== null) {
        const stats = cocoStatNames
          .map((name) => report.stats[name])
          .map((value) => (Number.isNaN(value) ? -1 : value));
        expect(stats, about).toBeAllClose(answer.stats, { atol: 1e-12 });
      }
    });
    outlines.forEach((one, i) => {
      const rle = rleFromPolygons(one, 60, 70);
      const mask = { string: rleToString(rle), area: rleArea(rle), bbox: [...rleBbox(rle)] };
      expect(mask, `mask ${i}`).toEqual(answers.masks[i]);
    });
  }, 300_000);
});
