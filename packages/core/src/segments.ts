import type { BboxXywh, Rle } from './rle.ts';

/** One class-agnostic object proposal of an image: MaskCut's output, CutLER's detection. */
export interface MaskProposal {
  /** At the size of the image. */
  readonly mask: Rle;
  /** Tight box in input pixels. */
  readonly bboxXywh: BboxXywh;
  /** Pixels set. */
  readonly area: number;
  /** Confidence, in [0, 1]. */
  readonly score: number;
}

/** A proposal with its cluster: U2Seg's pseudo-label. */
export interface Segment extends MaskProposal {
  /** Pseudo-class, in [0, K). */
  readonly clusterId: number;
}
