import { assertLength, decodeMask, U2SegError, type BboxXywh, type Segment } from '@u2seg/core';

/** What orders the instances of an image from the bottom of the stack to its top. */
export type PaintOrder = 'bbox-area' | 'mask-area' | 'score';

export interface MergeOptions {
  /** Number of stuff clusters; semantic values outside [0, stuffClusters) label nothing. */
  readonly stuffClusters?: number;
  /**
   * `bbox-area` paints large boxes first (U2Seg's code), `mask-area` large masks first, `score` weak instances first; what
   * is painted later hides what is below. Ties keep the order of the input, later on top.
   */
  readonly order?: PaintOrder;
  /** Instances with a lower score are left out; kept when `score >= minScore`. */
  readonly minScore?: number;
  /** An instance with fewer visible pixels is left out and hides nothing; 1 drops the invisible ones only. */
  readonly minArea?: number;
  /** An instance is left out, and hides nothing, when more than this share of its mask is hidden, in [0, 1]. */
  readonly maxOverlapRatio?: number;
  /** A stuff cluster is left out when more than this share of its pixels lies under instances, in [0, 1]. */
  readonly maxStuffCoveredRatio?: number;
  /** Stuff clusters with fewer pixels outside the instances are left out. */
  readonly minStuffArea?: number;
  /** Id of the first segment; U2Seg numbers its segments through the whole data set. */
  readonly firstSegmentId?: number;
}

/** U2Seg's released rule (generate_pseudo_panoptic.py): no score, area or overlap limit but the stuff's 70 %. */
export const mergeDefaults: Required<MergeOptions> = {
  stuffClusters: 27,
  order: 'bbox-area',
  minScore: 0,
  minArea: 1,
  maxOverlapRatio: 1,
  maxStuffCoveredRatio: 0.7,
  minStuffArea: 1,
  firstSegmentId: 1,
};

/** One segment of a merged map. */
export interface PanopticSegment {
  /** Value of its pixels in {@link PanopticLabel.ids}. */
  readonly id: number;
  readonly isThing: boolean;
  /** Thing: cluster of the instance, [0, K). Stuff: semantic cluster, [0, stuffClusters). */
  readonly clusterId: number;
  /** Pixels that show it. */
  readonly area: number;
  /** Tight box around those pixels. */
  readonly bboxXywh: BboxXywh;
  /** Thing: position of its instance in the input. */
  readonly instance?: number;
}

/** Panoptic pseudo-label of one image. */
export interface PanopticLabel {
  readonly height: number;
  readonly width: number;
  /** [H, W], segment id of each pixel; 0 where nothing is known. */
  readonly ids: Uint32Array;
  /** Things in painting order, then stuff by cluster. */
  readonly segments: readonly PanopticSegment[];
  /** [H, W], what the semantic branch learns: 0 thing, `1 + cluster` stuff, 255 unknown. */
  readonly semantic: Uint8Array;
  /** First id not used here, also not by an instance that was left out. */
  readonly nextSegmentId: number;
}

/** Value of a pixel the semantic branch must ignore. */
export const semanticIgnore = 255;

/**
 * Lays instances over a semantic map: U2Seg's pseudo-label (Eq. 5, things over stuff).
 *
 * 1. order the instances and paint them, the later ones over the earlier ones;
 * 2. drop the instances the limits exclude; with the defaults, those without a visible pixel;
 * 3. paint each stuff cluster, ascending, where no instance is, unless instances cover too much of it.
 *
 * @param instances - masks at the image's size; ids follow the painting order, also past instances that are dropped
 * @param semantic - [H, W] stuff cluster of each pixel, in [0, stuffClusters); any other value is unknown
 * @returns ids, segments and the training target of the semantic branch; no segment at all where nothing is known
 * @throws U2SegError `shape-mismatch` if a mask or the semantic map has another size
 */
export function mergePanoptic(
  instances: readonly Segment[],
  semantic: ArrayLike<number>,
  height: number,
  width: number,
  options: MergeOptions = {},
): PanopticLabel {
  const limits = { ...mergeDefaults, ...options };
  assertLength('mergePanoptic: semantic', semantic.length, [height, width]);
  const order = paintOrder(instances, limits);
  const ids = new Uint32Array(height * width);
  const things: PanopticSegment[] = [];
  // From the top down: what is dropped must hide nothing, which only the ones above it can tell.
  for (let rank = order.length - 1; rank >= 0; rank -= 1) {
    const instance = order[rank]!;
    const segment = claim(instances[instance]!, instance, limits.firstSegmentId + rank, ids, height, width, limits);
    if (segment !== undefined) things.push(segment);
  }
  things.reverse();
  const firstStuffId = limits.firstSegmentId + order.length;
  const stuff = paintStuff(semantic, ids, firstStuffId, width, limits);
  return {
    height,
    width,
    ids,
    segments: [...things, ...stuff],
    semantic: semanticTarget(ids, [...things, ...stuff]),
    nextSegmentId: firstStuffId + stuff.length,
  };
}

/** Positions of the instances, bottom first. */
function paintOrder(instances: readonly Segment[], limits: Required<MergeOptions>): number[] {
  const key = (segment: Segment): number => {
    if (limits.order === 'score') return segment.score;
    return limits.order === 'mask-area' ? -segment.area : -(segment.bboxXywh[2] * segment.bboxXywh[3]);
  };
  const keys = instances.map((segment, i) => {
    const value = key(segment);
    if (Number.isNaN(value)) {
      throw new U2SegError(
        'out-of-range',
        `mergePanoptic: instances[${i}]: ${limits.order} must be a number, got NaN.`,
      );
    }
    return value;
  });
  return instances
    .map((_, i) => i)
    .filter((i) => instances[i]!.score >= limits.minScore)
    .sort((a, b) => keys[a]! - keys[b]! || a - b);
}

/** Paints the pixels of one instance nobody above it has taken; undefined when the limits exclude it. */
function claim(
  segment: Segment,
  instance: number,
  id: number,
  ids: Uint32Array,
  height: number,
  width: number,
  limits: Required<MergeOptions>,
): PanopticSegment | undefined {
  const { mask } = segment;
  if (mask.height !== height || mask.width !== width) {
    throw new U2SegError(
      'shape-mismatch',
      `mergePanoptic: instances[${instance}].mask must be [${height}, ${width}], got [${mask.height}, ${mask.width}].`,
    );
  }
  const { data } = decodeMask(mask);
  let all = 0;
  let visible = 0;
  for (let i = 0; i < data.length; i += 1) {
    if (data[i] === 0) continue;
    all += 1;
    if (ids[i] === 0) visible += 1;
  }
  if (visible === 0 || visible < limits.minArea || (all - visible) / all > limits.maxOverlapRatio) return undefined;
  const box = new Extent();
  for (let i = 0; i < data.length; i += 1) {
    if (data[i] === 0 || ids[i] !== 0) continue;
    ids[i] = id;
    box.add(i, width);
  }
  return { id, isThing: true, clusterId: segment.clusterId, area: visible, bboxXywh: box.bboxXywh(), instance };
}

function paintStuff(
  semantic: ArrayLike<number>,
  ids: Uint32Array,
  firstId: number,
  width: number,
  limits: Required<MergeOptions>,
): PanopticSegment[] {
  const { stuffClusters } = limits;
  const total = new Uint32Array(stuffClusters);
  const free = new Uint32Array(stuffClusters);
  for (let i = 0; i < ids.length; i += 1) {
    const cluster = semantic[i]!;
    if (!(cluster >= 0 && cluster < stuffClusters)) continue;
    total[cluster]! += 1;
    if (ids[i] === 0) free[cluster]! += 1;
  }
  const idOf = new Uint32Array(stuffClusters);
  let used = 0;
  for (let cluster = 0; cluster < stuffClusters; cluster += 1) {
    const covered = (total[cluster]! - free[cluster]!) / total[cluster]!;
    if (free[cluster] === 0 || free[cluster]! < limits.minStuffArea || covered > limits.maxStuffCoveredRatio) continue;
    idOf[cluster] = firstId + used;
    used += 1;
  }
  const boxes = Array.from({ length: stuffClusters }, () => new Extent());
  for (let i = 0; i < ids.length; i += 1) {
    const cluster = semantic[i]!;
    if (ids[i] !== 0 || !(cluster >= 0 && cluster < stuffClusters) || idOf[cluster] === 0) continue;
    ids[i] = idOf[cluster]!;
    boxes[cluster]!.add(i, width);
  }
  const segments: PanopticSegment[] = [];
  for (let cluster = 0; cluster < stuffClusters; cluster += 1) {
    if (idOf[cluster] === 0) continue;
    segments.push({
      id: idOf[cluster]!,
      isThing: false,
      clusterId: cluster,
      area: free[cluster]!,
      bboxXywh: boxes[cluster]!.bboxXywh(),
    });
  }
  return segments;
}

/** Training target of the semantic branch from a map and its segments. */
function semanticTarget(ids: Uint32Array, segments: readonly PanopticSegment[]): Uint8Array {
  const value = new Map<number, number>([[0, semanticIgnore]]);
  for (const segment of segments) value.set(segment.id, segment.isThing ? 0 : segment.clusterId + 1);
  return Uint8Array.from(ids, (id) => value.get(id)!);
}

/** Tight box of pixels seen one by one. */
class Extent {
  #left = Infinity;
  #top = Infinity;
  #right = -1;
  #bottom = -1;

  add(pixel: number, width: number): void {
    const x = pixel % width;
    const y = (pixel - x) / width;
    if (x < this.#left) this.#left = x;
    if (x > this.#right) this.#right = x;
    if (y < this.#top) this.#top = y;
    if (y > this.#bottom) this.#bottom = y;
  }

  bboxXywh(): BboxXywh {
    return [this.#left, this.#top, this.#right - this.#left + 1, this.#bottom - this.#top + 1];
  }
}
