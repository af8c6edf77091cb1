/** What readers of COCO files take differently. The rest of the format is read alike by all. */
export interface CocoRules {
  /** Ids below 0. */
  readonly negativeIds: boolean;
  /** Categories without a name, which are called by their id, and empty names of panoptic PNGs. */
  readonly unnamed: boolean;
  /** Images of 2^32 pixels and more, whose run lengths do not fit 32 bits. */
  readonly hugeImages: boolean;
  /** Numbers after height and width in `size` of run lengths. */
  readonly longSizes: boolean;
  /** Images whose height and width are absent, 0 or -1, which count as 0 x 0: their run lengths state a size of their own. */
  readonly unsized: boolean;
}

/** Files that are scored: masks and areas decide, names do not. */
export const scoringRules: CocoRules = {
  negativeIds: false,
  unnamed: true,
  hugeImages: false,
  longSizes: false,
  unsized: true,
};

/** Data sets that are read for training, from many sources. */
export const datasetRules: CocoRules = {
  negativeIds: true,
  unnamed: false,
  hugeImages: true,
  longSizes: true,
  unsized: false,
};
