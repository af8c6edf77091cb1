import {
  assertImage,
  assertInteger,
  encodeMask,
  resampleBilinear,
  rleBbox,
  type MaskProposal,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import type { CrfThreads } from './crf/crf-kernels.ts';
import { crfIterations, cutlerCrfKernels, type CrfKernel } from './crf/crf-settings.ts';
import { DenseCrf, denseCrfDefaults, maskLogOdds, type CrfForeground } from './crf/dense-crf.ts';
import { maskCut, maskCutDefaults, type GridCut, type MaskCutOptions } from './cut/maskcut.ts';
import { areaOf, fillHoles, maskIou, resizeNearest } from './grid-mask.ts';
import { defaultProposalScore, shapeOf, type ProposalDetails, type ProposalScorer } from './proposal-score.ts';
import { workingImage } from './working-image.ts';

export interface ProposeMasksOptions extends MaskCutOptions {
  /** CRF kernels; none skips the CRF. */
  readonly crfKernels?: readonly CrfKernel[];
  readonly crfIterations?: number;
  /** Threads of the CRF, which give the same masks; see `DenseCrfOptions`. */
  readonly crfThreads?: CrfThreads;
  /** Photos with more pixels than this are averaged down for the CRF; its probabilities are scaled back up. */
  readonly maxCrfPixels?: number;
  /** Masks whose IoU before and after CRF and filling is below this are dropped, in [0, 1]. */
  readonly minCrfIou?: number;
  /** Masks that cover no more than this share of the photo in the end are dropped, in [0, 1]. */
  readonly minImageAreaRatio?: number;
  /** Turns the evidence into a score in [0, 1]. */
  readonly scorer?: ProposalScorer;
}

/** Kernels, iterations, minCrfIou: CutLER. maxCrfPixels: one and a half times its 480 x 480. */
export const proposeMasksDefaults: Required<Omit<ProposeMasksOptions, 'graph' | 'matmul'>> = {
  ...maskCutDefaults,
  crfKernels: cutlerCrfKernels,
  crfIterations,
  crfThreads: denseCrfDefaults.threads,
  maxCrfPixels: 640 * 540,
  minCrfIou: 0.5,
  minImageAreaRatio: 0.002,
  scorer: defaultProposalScore,
};

/** A proposal with the evidence its score was made from. */
export interface ScoredProposal extends MaskProposal {
  readonly details: ProposalDetails;
}

/**
 * Finds the salient objects of a photo: cut on the grid, upsample, CRF, fill holes, score.
 *
 * The features may come from a resized copy: the grid is stretched over the whole photo. Masks are disjoint; where the
 * CRF lets two of them grow into each other, the one found first keeps the pixels.
 *
 * @returns proposals at the size of the photo in the order found; empty when nothing survives
 * @throws U2SegError `shape-mismatch`, `out-of-range`, or `bad-format` for a feature that is not finite
 */
export function proposeMasks(
  image: RgbImage,
  features: PatchFeatures,
  options: ProposeMasksOptions = {},
): ScoredProposal[] {
  assertImage('proposeMasks', image);
  const settings = { ...proposeMasksDefaults, ...options };
  assertInteger('proposeMasks: maxCrfPixels', settings.maxCrfPixels, 1);
  const { cuts } = maskCut(features, options);
  return finishProposals(image, features.gridH, features.gridW, cuts, settings);
}

/** The second half of {@link proposeMasks}, for cuts made elsewhere. */
export function finishProposals(
  image: RgbImage,
  gridH: number,
  gridW: number,
  cuts: readonly GridCut[],
  options: ProposeMasksOptions = {},
): ScoredProposal[] {
  const settings = { ...proposeMasksDefaults, ...options };
  if (cuts.length === 0) return [];
  const { height, width } = image;
  const work = workingImage(image, settings.maxCrfPixels);
  const coarse = cuts.map((cut) => resizeNearest(cut.mask, gridH, gridW, work.height, work.width));
  const refined = refine(work, coarse, settings);
  const taken = new Uint8Array(height * width);
  const proposals: ScoredProposal[] = [];
  cuts.forEach((cut, k) => {
    const { probability } = refined[k]!;
    const atWork = fillHoles(aboveHalf(probability), work.height, work.width);
    const crfIou = maskIou(coarse[k]!, atWork);
    if (!(crfIou >= settings.minCrfIou)) return;
    const mask =
      work === image
        ? atWork
        : fillHoles(
            aboveHalf(resampleBilinear(probability, work, height, width, { coordinates: 'exact' })),
            height,
            width,
          );
    for (let i = 0; i < mask.length; i += 1) if (taken[i] !== 0) mask[i] = 0;
    const shape = shapeOf(mask, height, width);
    const imageAreaRatio = shape.area / mask.length;
    if (shape.area === 0 || imageAreaRatio <= settings.minImageAreaRatio) return;
    for (let i = 0; i < mask.length; i += 1) if (mask[i] !== 0) taken[i] = 1;
    const { mask: _grid, ...evidence } = cut;
    const details: ProposalDetails = {
      ...evidence,
      cut: k,
      crfIou,
      compactness: shape.compactness,
      borderContact: shape.borderContact,
      imageAreaRatio,
      crfConfidence: confidence(probability, atWork),
    };
    const rle = encodeMask({ data: mask, height, width });
    const score = Math.min(1, Math.max(0, settings.scorer(details)));
    proposals.push({ mask: rle, bboxXywh: rleBbox(rle), area: shape.area, score, details });
  });
  return proposals;
}

function refine(
  image: RgbImage,
  masks: readonly Uint8Array[],
  { crfKernels, crfIterations: iterations, crfThreads: threads }: typeof proposeMasksDefaults,
): readonly Pick<CrfForeground, 'probability'>[] {
  if (crfKernels.length === 0) return masks.map((mask) => ({ probability: Float32Array.from(mask) }));
  using crf = new DenseCrf(image, crfKernels, { threads });
  return crf.inferLogOdds(masks.map(maskLogOdds), iterations);
}

function aboveHalf(probability: Float32Array): Uint8Array {
  const mask = new Uint8Array(probability.length);
  for (let i = 0; i < mask.length; i += 1) mask[i] = probability[i]! > 0.5 ? 1 : 0;
  return mask;
}

function confidence(probability: Float32Array, mask: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < mask.length; i += 1) if (mask[i] !== 0) sum += 2 * Math.abs(probability[i]! - 0.5);
  return sum / Math.max(1, areaOf(mask));
}
