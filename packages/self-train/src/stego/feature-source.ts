import { assertImage, assertInRange, assertInteger, type PatchFeatures, type RgbImage } from '@u2seg/core';

/** Dense features of a set of photos (or crops), in memory or read when asked for. */
export interface StegoFeatureSource {
  /** Number of photos; items are [0, count). */
  readonly count: number;
  /** D, the feature width, the same for all. */
  readonly dim: number;
  /** Features of one photo; grids may differ. Called often, so cache what is dear to compute. */
  read(index: number): PatchFeatures | Promise<PatchFeatures>;
  /** Labels of one photo for the linear probe, where there are any; they never reach the head. */
  readonly labels?: (index: number) => StegoLabels | Promise<StegoLabels>;
}

/** Ground truth of one photo: [H, W] in [0, classes), anything else is ignored. */
export interface StegoLabels {
  readonly data: Int32Array;
  readonly height: number;
  readonly width: number;
}

/** A box in rows and columns, `[top, top + height) x [left, left + width)`. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** STEGO crops to half the side. */
export const fiveCropDefaults: { readonly ratio: number } = { ratio: 0.5 };

/**
 * The four corners and the centre, each `ratio` of the height and of the width (rounded down, at least 1), in
 * torchvision's order: top left, top right, bottom left, bottom right, centre.
 */
export function fiveCropBoxes(height: number, width: number, ratio: number = fiveCropDefaults.ratio): CropBox[] {
  assertInteger('fiveCropBoxes: height', height, 1);
  assertInteger('fiveCropBoxes: width', width, 1);
  assertInRange('fiveCropBoxes: ratio', ratio, 0, 1);
  const h = Math.max(1, Math.floor(height * ratio));
  const w = Math.max(1, Math.floor(width * ratio));
  const box = (top: number, left: number): CropBox => ({ top, left, height: h, width: w });
  return [
    box(0, 0),
    box(0, width - w),
    box(height - h, 0),
    box(height - h, width - w),
    box(roundHalfToEven((height - h) / 2), roundHalfToEven((width - w) / 2)),
  ];
}

/** Python's `round`, which torchvision centres with. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Five crops of every photo, cut from features that were extracted once: item `5 * i + c` is crop `c` of photo `i`.
 *
 * Cheaper than STEGO, which cuts the photo and enlarges each crop before the backbone ({@link fiveCropPhotos}); here the
 * features keep the photo's own resolution and have seen beyond the crop.
 */
export function fiveCropFeatures(
  source: StegoFeatureSource,
  ratio: number = fiveCropDefaults.ratio,
): StegoFeatureSource {
  return {
    count: source.count * 5,
    dim: source.dim,
    async read(index) {
      const features = await source.read(Math.floor(index / 5));
      const box = fiveCropBoxes(features.gridH, features.gridW, ratio)[index % 5]!;
      return cropFeatures(features, box);
    },
  };
}

/** The cells of `box`, in grid rows and columns. */
function cropFeatures({ data, gridW, dim, patchSize }: PatchFeatures, box: CropBox): PatchFeatures {
  const out = new Float32Array(box.height * box.width * dim);
  for (let row = 0; row < box.height; row += 1) {
    const from = ((box.top + row) * gridW + box.left) * dim;
    out.set(data.subarray(from, from + box.width * dim), row * box.width * dim);
  }
  return { data: out, gridH: box.height, gridW: box.width, dim, patchSize };
}

/** Photos, read when asked for. */
export interface StegoPhotoSource {
  /** Number of photos; items are [0, count). */
  readonly count: number;
  read(index: number): RgbImage | Promise<RgbImage>;
}

export interface FiveCropPhotosOptions {
  /** D, the width of the features that `extract` gives. */
  readonly dim: number;
  /** Features of one crop, resized to what the backbone takes: STEGO's shorter side of 224 pixels, for example. */
  readonly extract: (crop: RgbImage) => PatchFeatures | Promise<PatchFeatures>;
  /** Share of the height and of the width. */
  readonly ratio?: number;
}

/**
 * Five crops of every photo as STEGO makes them: cut from the photo in pixels, each through the backbone on its own. Item
 * `5 * i + c` is crop `c` of photo `i`.
 *
 * Every read decodes a photo and runs the backbone; training reads an item many times. To pay once, store the items and
 * train on the stored ones.
 *
 * @throws U2SegError `shape-mismatch`, from a read, for a photo whose data do not fit its size
 */
export function fiveCropPhotos(photos: StegoPhotoSource, options: FiveCropPhotosOptions): StegoFeatureSource {
  const { dim, extract, ratio = fiveCropDefaults.ratio } = options;
  return {
    count: photos.count * 5,
    dim,
    async read(index) {
      const photo = await photos.read(Math.floor(index / 5));
      assertImage('fiveCropPhotos', photo);
      return extract(cropPhoto(photo, fiveCropBoxes(photo.height, photo.width, ratio)[index % 5]!));
    },
  };
}

/** The pixels of `box`. */
function cropPhoto({ data, width }: RgbImage, box: CropBox): RgbImage {
  const out = new Uint8Array(box.height * box.width * 3);
  for (let row = 0; row < box.height; row += 1) {
    const from = ((box.top + row) * width + box.left) * 3;
    out.set(data.subarray(from, from + box.width * 3), row * box.width * 3);
  }
  return { data: out, height: box.height, width: box.width };
}
