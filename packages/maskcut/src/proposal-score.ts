import type { GridCut } from './cut/maskcut.ts';

/** What a proposal's score is made from. */
export interface ProposalDetails extends Omit<GridCut, 'mask'> {
  /** Place in the order of cuts, from 0. */
  readonly cut: number;
  /** IoU of the mask before and after CRF and filling, in [0, 1]: low where the cut ignored the photo's edges. */
  readonly crfIou: number;
  /** 4 pi area / perimeter^2 of the final mask, in [0, 1]: 1 for a disc, small for scattered or stringy masks. */
  readonly compactness: number;
  /** Share of the photo's border pixels the final mask covers, in [0, 1]. */
  readonly borderContact: number;
  /** Area of the final mask over that of the photo, in [0, 1]. */
  readonly imageAreaRatio: number;
  /** Mean |p - 1/2| * 2 of the CRF's probability inside of the final mask, in [0, 1]. */
  readonly crfConfidence: number;
}

/** Confidence in a proposal, in [0, 1]. */
export type ProposalScorer = (details: ProposalDetails) => number;

/**
 * The default score: how clean the cut is (1 - Ncut and the contrast of affinity inside and across, together), times how
 * far the CRF agrees, times a discount for masks that run along the photo's border as background does.
 *
 * Every factor is in [0, 1]; none was fitted on labels.
 */
export function defaultProposalScore(details: ProposalDetails): number {
  const separation = clamp(1 - details.ncut);
  const contrast = clamp(details.insideAffinity - details.acrossAffinity);
  const agreement = clamp(details.crfIou);
  const border = 1 - 0.7 * clamp(details.borderContact);
  return Math.sqrt(((separation + contrast) / 2) * agreement) * border;
}

/** Compactness and border contact of a mask: [H, W] of 0 and 1. */
export function shapeOf(
  mask: Uint8Array,
  height: number,
  width: number,
): { compactness: number; borderContact: number; area: number } {
  let area = 0;
  let edges = 0;
  let border = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      if (mask[at] === 0) continue;
      area += 1;
      if (x === 0 || mask[at - 1] === 0) edges += 1;
      if (x === width - 1 || mask[at + 1] === 0) edges += 1;
      if (y === 0 || mask[at - width] === 0) edges += 1;
      if (y === height - 1 || mask[at + width] === 0) edges += 1;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) border += 1;
    }
  }
  // Counting pixel edges overestimates a slanted outline by up to 4 / pi.
  const perimeter = (edges * Math.PI) / 4;
  const rim = height < 2 || width < 2 ? height * width : 2 * (height + width) - 4;
  return {
    compactness: area === 0 ? 0 : clamp((4 * Math.PI * area) / (perimeter * perimeter)),
    borderContact: border / rim,
    area,
  };
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
