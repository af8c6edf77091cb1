/** What readers of COCO files take differently. The rest of the format is read alike by all. */
export interface CocoRules {
  /** Ids below 0. */
  readonly negativeIds: boolean;
  /** `iscrowd` and `isthing` as true and false beside 1 and 0. */
  readonly booleanFlags: boolean;
  /** Categories without a name, which are called by their id, and empty names of panoptic PNGs. */
  readonly unnamed: boolean;
  /** Images of 2^32 pixels and more, whose run lengths do not fit 32 bits. */
  readonly hugeImages: boolean;
  /** Numbers after height and width in `size` of run lengths. */
  readonly longSizes: boolean;
  /** Instances without `area`, which get their box's. */
  readonly areaFromBox: boolean;
  /** Whether segments of a panoptic image must have `bbox` and `area`; else the box is not read and an area may be absent. */
  readonly segmentBoxes: boolean;
}

/** Files that are scored: masks and areas decide, names do not. */
export const scoringRules: CocoRules = {
  negativeIds: false,
  booleanFlags: false,
  unnamed: true,
  hugeImages: false,
  longSizes: false,
  areaFromBox: false,
  segmentBoxes: false,
};

/** Data sets that are read for training, from many sources. */
export const datasetRules: CocoRules & { readonly segmentBoxes: true } = {
  negativeIds: true,
  booleanFlags: true,
  unnamed: false,
  hugeImages: true,
  longSizes: true,
  areaFromBox: true,
  segmentBoxes: true,
};
