/** One segment of a panoptic map. */
export interface PanopticSegment {
  /** Id in the map, from 1 on (0 is void). */
  readonly id: number;
  readonly categoryId: number;
  /** Ground truth only: a crowd region is never a miss and swallows predictions of its class. */
  readonly isCrowd?: boolean;
  /** Ground truth only: pixels as the JSON states them; used in `reference` mode, where panopticapi trusts it. */
  readonly area?: number;
}

/** A panoptic segmentation of one image: which segment each pixel belongs to, and what the segments are. */
export interface PanopticImage {
  /** [H, W] row-major segment ids; 0 is void. */
  readonly ids: Uint32Array;
  readonly segments: readonly PanopticSegment[];
}
