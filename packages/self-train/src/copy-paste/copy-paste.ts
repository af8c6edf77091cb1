import {
  decodeMask,
  encodeMask,
  resampleBilinear,
  rleArea,
  rleBbox,
  type Rle,
  type RgbImage,
  type Segment,
} from '@u2seg/core';
import type { TrainingExample } from '../data/training-set.ts';
import type { CopyPasteRandom } from './copy-paste-random.ts';

export interface CopyPasteOptions {
  /** Share of the targets that receive something, in [0, 1]. */
  readonly rate?: number;
  /** Paste a random number of the source's instances instead of all of them. */
  readonly randomCount?: boolean;
  /** Most instances pasted into a photo (CUPS: 8). */
  readonly maxCount?: number;
  /** Smallest and largest size of the pasted photo, as a share of the target's size. */
  readonly minRatio?: number;
  readonly maxRatio?: number;
  /** A pasted instance that covers this share of any instance of the target, or more, is not pasted. */
  readonly maxCoveredRatio?: number;
  /**
   * `reference` follows CutLER's trainer to the letter: a pasted mask is every pixel the interpolation touches (so it
   * carries a rim of background), and boxes pasted on a photo without instances are shifted along the wrong axes. The
   * default cuts masks at one half and takes every box from its mask.
   */
  readonly mode?: 'corrected' | 'reference';
}

/** CutLER's first stage; its self-training rounds use `minRatio` 0.5. */
export const copyPasteDefaults: Required<CopyPasteOptions> = {
  rate: 1,
  randomCount: true,
  maxCount: Number.POSITIVE_INFINITY,
  minRatio: 0.3,
  maxRatio: 1,
  maxCoveredRatio: 0.5,
  mode: 'corrected',
};

/**
 * Pastes instances of one photo of a batch into another (CutLER's copy-paste).
 *
 * 1. target `i` of `n` receives from photo `n - 1 - i`, as it was before any pasting;
 * 2. the source photo shrinks to a share of the target's size and moves by a random offset;
 * 3. of the chosen instances those that would cover half of a target's instance are left out;
 * 4. pixels and masks are pasted, the target's masks lose those pixels, instances without pixels are removed.
 *
 * @returns a new batch in the same order; an example nothing is pasted into is returned as it is
 */
export function copyPaste(
  batch: readonly TrainingExample[],
  random: CopyPasteRandom,
  options: CopyPasteOptions = {},
): TrainingExample[] {
  const settings = { ...copyPasteDefaults, ...options };
  return batch.map((target, i) => {
    const source = batch[batch.length - 1 - i]!;
    const count = drawCount(source.instances.length, random, settings);
    if (count === 0) return target;
    const chosen = random.choose(source.instances.length, count).map((position) => source.instances[position]!);
    return paste(target, source.image, chosen, random, settings);
  });
}

function drawCount(available: number, random: CopyPasteRandom, settings: Required<CopyPasteOptions>): number {
  const gate = random.gate();
  if (!(settings.rate >= gate) || available === 0) return 0;
  const wanted = settings.randomCount && available > 1 ? random.count(available) : available;
  return Math.min(wanted, settings.maxCount);
}

/** Where the shrunken source photo lies on the target. */
interface Placement {
  readonly left: number;
  readonly top: number;
  readonly height: number;
  readonly width: number;
}

function paste(
  target: TrainingExample,
  sourceImage: RgbImage,
  chosen: readonly Segment[],
  random: CopyPasteRandom,
  settings: Required<CopyPasteOptions>,
): TrainingExample {
  const { height, width } = target.image;
  const reference = settings.mode === 'reference';
  const ratio = random.ratio(settings.minRatio, settings.maxRatio);
  const place = { width: Math.trunc(ratio * width), height: Math.trunc(ratio * height) };
  const left = random.shift(width - place.width);
  const top = random.shift(height - place.height);
  const placement: Placement = { ...place, left, top };
  if (placement.width === 0 || placement.height === 0) return target;

  const masks = chosen.map((segment) => placeMask(segment.mask, placement, height, width, reference ? 0 : 0.5));
  const targets = target.instances.map((segment) => decodeMask(segment.mask).data);
  const kept = chosen
    .map((segment, i) => ({ segment, mask: masks[i]! }))
    .filter(({ mask }) => reference || mask.includes(1))
    .filter(({ mask }) => targets.every((other) => !(coveredRatio(mask, other) >= settings.maxCoveredRatio)));
  if (kept.length === 0) return target;

  const alpha = new Uint8Array(height * width);
  for (const { mask } of kept) {
    for (let p = 0; p < alpha.length; p += 1) alpha[p]! |= mask[p]!;
  }
  const pasted = kept.map(({ segment, mask }) => {
    const tight = segmentOf(mask, height, width, segment);
    // The reference skips the boxes' recomputation on a photo without instances, and shifts x by the rows' offset.
    return reference && targets.length === 0
      ? { ...tight, bboxXywh: swappedBox(segment, sourceImage, placement, ratio, target.image) }
      : tight;
  });
  const remaining = target.instances.flatMap((segment, i) => {
    const data = targets[i]!;
    let hidden = false;
    for (let p = 0; p < alpha.length; p += 1) {
      if (alpha[p] === 1 && data[p] === 1) {
        data[p] = 0;
        hidden = true;
      }
    }
    // In the reference every box of a changed photo is recomputed, hidden in part or not.
    if (!hidden && !reference) return [segment];
    const rest = segmentOf(data, height, width, segment);
    return rest.area === 0 ? [] : [rest];
  });
  return {
    ...target,
    image: composite(target.image, sourceImage, alpha, placement),
    instances: [...remaining, ...pasted],
    ...(target.semantic === undefined ? {} : { semantic: cleared(target.semantic, alpha) }),
    ...(target.ignore === undefined ? {} : { ignore: cleared(target.ignore, alpha) }),
  };
}

function placeMask(rle: Rle, placement: Placement, height: number, width: number, threshold: number): Uint8Array {
  const { data } = decodeMask(rle);
  const small = resampleBilinear(data, rle, placement.height, placement.width);
  const out = new Uint8Array(height * width);
  for (let y = 0; y < placement.height; y += 1) {
    const row = (placement.top + y) * width + placement.left;
    for (let x = 0; x < placement.width; x += 1) {
      const value = small[y * placement.width + x]!;
      if (value > threshold) out[row + x] = 1;
    }
  }
  return out;
}

/** Share of `other` that `mask` covers; NaN (never a reason to refuse) where `other` is empty. */
function coveredRatio(mask: Uint8Array, other: Uint8Array): number {
  let both = 0;
  let all = 0;
  for (let p = 0; p < other.length; p += 1) {
    all += other[p]!;
    both += other[p]! & mask[p]!;
  }
  return both / all;
}

function segmentOf(data: Uint8Array, height: number, width: number, like: Segment): Segment {
  const mask = encodeMask({ data, height, width });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score: like.score, clusterId: like.clusterId };
}

function swappedBox(
  segment: Segment,
  source: RgbImage,
  placement: Placement,
  ratio: number,
  target: RgbImage,
): [number, number, number, number] {
  const scaleX = (target.width / source.width) * ratio;
  const scaleY = (target.height / source.height) * ratio;
  const [x, y, w, h] = segment.bboxXywh;
  return [x * scaleX + placement.top, y * scaleY + placement.left, w * scaleX, h * scaleY];
}

function composite(target: RgbImage, source: RgbImage, alpha: Uint8Array, placement: Placement): RgbImage {
  const small = resampleBilinear(source.data, { ...source, channels: 3 }, placement.height, placement.width, {
    layout: 'hwc',
  });
  const data = target.data.slice();
  for (let y = 0; y < placement.height; y += 1) {
    for (let x = 0; x < placement.width; x += 1) {
      const at = (placement.top + y) * target.width + placement.left + x;
      if (alpha[at] === 0) continue;
      const from = (y * placement.width + x) * 3;
      for (let c = 0; c < 3; c += 1) data[at * 3 + c] = Math.trunc(small[from + c]!);
    }
  }
  return { data, height: target.height, width: target.width };
}

/** A label map that says thing (0), or not ignored (0), where something was pasted. */
function cleared(map: Uint8Array, alpha: Uint8Array): Uint8Array {
  return map.map((value, p) => (alpha[p] === 1 ? 0 : value));
}
