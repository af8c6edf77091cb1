import type { Overlaps } from '../panoptic/panoptic-overlap.ts';
import type { PanopticSegment } from '../panoptic/panoptic-image.ts';
import { PanopticQuality, type PanopticReport } from '../panoptic/panoptic-quality.ts';
import { scoreConfusion, semanticDefaults, type SemanticReport } from '../semantic/confusion-scores.ts';
import type { ComparedImage } from './universal-image.ts';
import { clusterIndex, type UniversalSpace } from './universal-votes.ts';

/** One image under one matching. */
export interface ImageScore {
  readonly name: string;
  /** PQ averaged over the classes of this image. */
  readonly pq: number;
  readonly pixelAccuracy: number;
}

/** All scores under one matching. */
export interface UniversalScores {
  readonly panoptic: PanopticReport;
  /** Over every class. */
  readonly semantic: SemanticReport;
  /** All things pooled as one class, before the stuff classes: the 16 classes of U2Seg's semantic table. */
  readonly semanticThingsPooled: SemanticReport;
  /** Sorted from worst PQ; ties by name. */
  readonly images: readonly ImageScore[];
}

/**
 * Scores compared images under a matching.
 *
 * @param classOfCluster - [K + S] class index or -1 for void; things first
 * @param mergeStuff - make segments of one stuff class one segment, in prediction and ground truth, as COCO's format has it
 */
export function scoreUniversal(
  space: UniversalSpace,
  images: readonly ComparedImage[],
  classOfCluster: ArrayLike<number>,
  mergeStuff: boolean,
): UniversalScores {
  const { categories } = space;
  const C = categories.length;
  const quality = new PanopticQuality(categories);
  const confusion = new Float64Array((C + 1) ** 2);
  const scores = images.map((image): ImageScore => {
    const own = imageConfusion(space, image, classOfCluster);
    let right = 0;
    let scored = 0;
    for (let p = 0; p <= C; p += 1) {
      for (let g = 0; g <= C; g += 1) {
        const count = own[p * (C + 1) + g]!;
        confusion[p * (C + 1) + g]! += count;
        if (g < C) scored += count;
        if (g < C && p === g) right += count;
      }
    }
    const mapped = mapSegments(space, image, classOfCluster, mergeStuff);
    const { pq } = quality.updateOverlaps(mapped.gt, mapped.prediction, mapped.overlaps, image.name);
    return { name: image.name, pq, pixelAccuracy: right / scored };
  });
  const names = categories.map((category) => category.name);
  const pooledOf = pooledClasses(space);
  const numPooled = Math.max(...pooledOf);
  const pooled = new Float64Array((numPooled + 1) ** 2);
  for (let p = 0; p <= C; p += 1) {
    for (let g = 0; g <= C; g += 1) {
      pooled[pooledOf[p]! * (numPooled + 1) + pooledOf[g]!]! += confusion[p * (C + 1) + g]!;
    }
  }
  const stuffNames = categories.filter((category) => !category.isThing).map((category) => category.name);
  return {
    panoptic: quality.compute(),
    semantic: scoreConfusion(confusion, names, semanticDefaults, images.length),
    semanticThingsPooled: scoreConfusion(pooled, ['things', ...stuffNames], semanticDefaults, images.length),
    // an image without any class (all void) has no PQ and is no failure: it goes last
    images: scores.sort((a, b) => orderable(a.pq) - orderable(b.pq) || (a.name < b.name ? -1 : 1)),
  };
}

function orderable(pq: number): number {
  return Number.isNaN(pq) ? Infinity : pq;
}

/** [C + 1] pooled class of every class: 0 for things, 1, 2, ... for stuff, the last for void. */
function pooledClasses(space: UniversalSpace): number[] {
  let next = 0;
  const pooled = space.categories.map((category) => {
    if (category.isThing) return 0;
    next += 1;
    return next;
  });
  return [...pooled, next + 1];
}

/** [C + 1, C + 1] pixels of one image, predicted x ground truth; void last. */
function imageConfusion(space: UniversalSpace, image: ComparedImage, classOfCluster: ArrayLike<number>): Float64Array {
  const C = space.categories.length;
  const out = new Float64Array((C + 1) ** 2);
  const stride = image.prediction.length + 1;
  for (let p = 0; p < stride; p += 1) {
    const mapped = p === 0 ? -1 : classOfCluster[clusterIndex(space, image.prediction[p - 1]!)]!;
    const row = mapped < 0 ? C : mapped;
    for (let g = 0; g <= image.gt.length; g += 1) {
      const column = g === 0 ? C : space.classOf.get(image.gt[g - 1]!.categoryId)!;
      out[row * (C + 1) + column]! += image.overlaps.shared[g * stride + p]!;
    }
  }
  return out;
}

/** The image's segments with classes, void ones gone, and the overlaps that belong to them. */
function mapSegments(
  space: UniversalSpace,
  image: ComparedImage,
  classOfCluster: ArrayLike<number>,
  mergeStuff: boolean,
): { gt: PanopticSegment[]; prediction: PanopticSegment[]; overlaps: Overlaps } {
  const gt = new SegmentMerger(space, mergeStuff);
  const rowOf = image.gt.map((truth) => gt.add(space.classOf.get(truth.categoryId)!, truth.isCrowd === true));
  const prediction = new SegmentMerger(space, mergeStuff);
  const columnOf = image.prediction.map((segment) => {
    const c = classOfCluster[clusterIndex(space, segment)]!;
    return c < 0 ? 0 : prediction.add(c, false);
  });
  const stride = prediction.segments.length + 1;
  const sourceStride = image.prediction.length + 1;
  const shared = new Float64Array((gt.segments.length + 1) * stride);
  const gtAreas = new Float64Array(gt.segments.length);
  const predictedAreas = new Float64Array(prediction.segments.length);
  for (let g = 0; g <= image.gt.length; g += 1) {
    const row = g === 0 ? 0 : rowOf[g - 1]!;
    for (let p = 0; p < sourceStride; p += 1) {
      const column = p === 0 ? 0 : columnOf[p - 1]!;
      const pixels = image.overlaps.shared[g * sourceStride + p]!;
      shared[row * stride + column]! += pixels;
      if (row > 0) gtAreas[row - 1]! += pixels;
      if (column > 0) predictedAreas[column - 1]! += pixels;
    }
  }
  return { gt: gt.segments, prediction: prediction.segments, overlaps: { shared, gtAreas, predictedAreas } };
}

/** Numbers segments from 1 on; those of one stuff class share a number where they are merged. */
class SegmentMerger {
  readonly segments: PanopticSegment[] = [];
  readonly #space: UniversalSpace;
  readonly #mergeStuff: boolean;
  readonly #stuff = new Map<number, number>();

  constructor(space: UniversalSpace, mergeStuff: boolean) {
    this.#space = space;
    this.#mergeStuff = mergeStuff;
  }

  add(classIndex: number, isCrowd: boolean): number {
    const category = this.#space.categories[classIndex]!;
    const merge = this.#mergeStuff && !category.isThing && !isCrowd;
    const known = merge ? this.#stuff.get(classIndex) : undefined;
    if (known !== undefined) return known;
    const id = this.segments.length + 1;
    this.segments.push({ id, categoryId: category.id, isCrowd });
    if (merge) this.#stuff.set(classIndex, id);
    return id;
  }
}
