import { maskCutReference, referenceAnnotations, tokenCut } from '@u2seg/maskcut';
import { areaOf, maskIou, resizeNearest } from '@u2seg/maskcut/internal';
import { golden, readPng } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { baseName, decode, featuresOf, goldenCases, type GoldenRle, type MaskCutCase } from './golden-case.ts';
import { resizeBicubic } from './pillow-bicubic.ts';

const folder = golden('maskcut');

describe.skipIf(folder === undefined)('golden maskcut: reference mode', () => {
  for (const name of folder === undefined ? [] : goldenCases(folder)) {
    const spec = folder!.json<MaskCutCase>(`${name}.json`);
    // lambda2 = lambda3: the vector is any of a whole space, in the reference too.
    const defined = spec.cuts[0]!.relative_gap_3_2 > 1e-6;
    // What a case does not ask is no test, rather than a skipped one: nothing is missing there.

    if (defined)
      it(`${name}: both signs give the reference's bipartitions, components, drops and masks`, () => {
        const features = featuresOf(folder!, name, spec);
        for (const negated of [false, true]) {
          const peakSigns = spec.cuts.map((cut) => (negated ? -cut.lapack_sign : cut.lapack_sign) as 1 | -1);
          const cuts = maskCutReference(features, { tau: spec.tau, numCuts: spec.N, peakSigns });
          expect(cuts).toHaveLength(spec.cuts.length);
          spec.cuts.forEach((wanted, k) => {
            const cut = cuts[k]!;
            const rle = negated ? wanted.mask_out_if_all_eigenvectors_negated_rle : wanted.mask_out_rle;
            expect(differing(cut.mask, decode(rle)), `mask of cut ${k}, negated ${negated}`).toBe(0);
            if (negated) return;
            // Patches with the same edges tie, and which of them comes first is then the rounding's choice.
            if (wanted.argmax_abs_rel_margin > 1e-9) expect(cut.seed).toBe(wanted.seed_after);
            expect(cut.cornersAbove).toBe(wanted.fg_corners_before);
            expect(cut.reversed).toBe(wanted.reversed);
            expect(differing(cut.foreground, decode(wanted.bipartition_rle))).toBe(0);
            expect(differing(cut.component, decode(wanted.cc_rle))).toBe(0);
            expect(areaOf(cut.component)).toBe(wanted.cc_area);
            expect(cut.areaRatio).toBeCloseTo(wanted.ratio, 12);
            expect(cut.dropped).toBe(wanted.dropped);
            if (wanted.iou_with_previous_kept_mask !== null) {
              expect(cut.iouWithPrevious).toBeCloseTo(wanted.iou_with_previous_kept_mask, 6);
            }
          });
        }
      });

    if (defined)
      it(`${name}: with our own sign, the masks of one of the two`, () => {
        const cuts = maskCutReference(featuresOf(folder!, name, spec), { tau: spec.tau, numCuts: 1 });
        const wanted = spec.cuts[0]!;
        const either = [wanted.mask_out_rle, wanted.mask_out_if_all_eigenvectors_negated_rle];
        expect(either.some((rle) => differing(cuts[0]!.mask, decode(rle)) === 0)).toBe(true);
      });

    if (!defined)
      it(`${name}: undefined in the reference, but nothing breaks`, () => {
        const cuts = maskCutReference(featuresOf(folder!, name, spec), { tau: spec.tau, numCuts: spec.N });
        expect(cuts).toHaveLength(spec.N);
        expect(Math.abs(cuts[0]!.eigen.value - spec.cuts[0]!.lambda2)).toBeLessThan(1e-9);
      });

    if (spec.postprocess !== undefined)
      it(`${name}: CRF, filling, IoU test and annotations`, () => {
        const base = baseName(folder!, name, '_image.png')!;
        const image = readPng(folder!.file(`${base}_image.png`));
        const [height, width] = spec.original_size_hw!;
        const masks = spec.postprocess!.map((post) => decode(spec.cuts[post.cut]!.mask_out_rle));
        const results = referenceAnnotations(image, masks, { height, width, resizeMask: resizeBicubic });
        spec.postprocess!.forEach((post, k) => {
          const result = results[k]!;
          expectSimilar(result.afterCrf, post.after_crf_rle);
          expectSimilar(result.afterFill, post.after_fill_rle);
          expect(result.droppedByIou).toBe(post.dropped_by_iou);
          if (post.iou_before_after === null) expect(result.iouBeforeAfter).toBeNaN();
          else expect(result.iouBeforeAfter).toBeCloseTo(post.iou_before_after, 3);
          expect(result.annotation === undefined).toBe(post.annotation === null);
          if (post.annotation === null || result.annotation === undefined) return;
          const { segmentation, bboxXywh, area } = result.annotation;
          expect([segmentation.height, segmentation.width]).toEqual([post.annotation.height, post.annotation.width]);
          // Exact where the CRF's masks are the same to the pixel.
          const same = differing(result.afterFill, decode(post.after_fill_rle)) === 0;
          expect(Math.abs(area - post.annotation.area) / post.annotation.area).toBeLessThanOrEqual(same ? 0 : 1e-3);
          bboxXywh.forEach((v, i) => expect(Math.abs(v - post.annotation!.bbox[i]!)).toBeLessThanOrEqual(same ? 0 : 1));
        });
      });
  }
});

interface TokenCutCase {
  readonly key: string;
  readonly tau: number;
  readonly no_binary_graph: boolean;
  readonly lambda2: number;
  readonly seed: number;
  readonly mask_rle: GoldenRle;
}

describe.skipIf(folder === undefined)('golden maskcut: TokenCut', () => {
  for (const file of folder?.list(/_tokencut\.json$/u) ?? []) {
    const base = file.replace('_tokencut.json', '');
    const spec = folder!.json<MaskCutCase>(`${base}.json`);
    const tensors = folder!.tensors(file.replace('.json', '.safetensors'));
    for (const wanted of folder!.json<TokenCutCase[]>(file)) {
      it(`${base}: ${wanted.key}`, () => {
        const features = featuresOf(folder!, base, spec);
        const result = tokenCut(features, {
          tau: wanted.tau,
          affinity: wanted.no_binary_graph ? 'cosine' : 'binary',
        });
        expect(Math.abs(result.eigen.value - wanted.lambda2)).toBeLessThan(wanted.no_binary_graph ? 1e-5 : 1e-9);
        expect(result.seed).toBe(wanted.seed);
        const mask = decode(wanted.mask_rle);
        const [h, w] = wanted.mask_rle.size;
        expect(differing(resizeNearest(result.mask, spec.grid, spec.grid, h, w), mask)).toBe(0);
        const stored = [...tensors].find(([key]) => key.includes(wanted.key) && key.includes('eigvec'));
        if (stored === undefined) return;
        const vector = Float64Array.from(stored[1].data as Float32Array);
        const sign = Math.sign(vector[wanted.seed]!) * Math.sign(result.eigen.vector[wanted.seed]!);
        // The reference computes the float variant in float32 throughout.
        expect(result.eigen.vector).toBeAllClose(
          vector.map((v) => sign * v),
          { ofMax: wanted.no_binary_graph ? 2e-5 : 1e-7 },
        );
      });
    }
  }
});

function differing(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  let count = 0;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) count += 1;
  return count;
}

function expectSimilar(mask: Uint8Array, rle: GoldenRle): void {
  const wanted = decode(rle);
  if (areaOf(wanted) === 0) expect(areaOf(mask)).toBe(0);
  else expect(maskIou(mask, wanted)).toBeGreaterThanOrEqual(0.999);
}
