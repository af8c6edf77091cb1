import { assertInteger, assertLength, U2SegError, type BboxXywh } from '@u2seg/core';
import { addLabelPairs, countLabelPairs } from '../semantic/label-pairs.ts';

/** How often each cluster met each class: what every matching protocol is fitted on. */
export interface VoteCounts {
  readonly numClusters: number;
  readonly numClasses: number;
  /** [K, C] votes, or pixels. */
  readonly counts: Float64Array;
}

export interface InstanceVoteOptions {
  /** A detection votes when `score >= minScore`. */
  readonly minScore?: number;
  /** ... for every ground truth whose box overlaps it with `IoU > minIou`. */
  readonly minIou?: number;
}

/** U2Seg's released thresholds; its paper's table for 800 clusters on COCO used 0.4 and 0.6. */
export const instanceVoteDefaults: Required<InstanceVoteOptions> = { minScore: 0.6, minIou: 0.7 };

/** A clustered detection that may vote. */
export interface VotingInstance {
  /** In [0, K). */
  readonly clusterId: number;
  readonly score: number;
  readonly bboxXywh: BboxXywh;
}

/** A ground-truth instance that may be voted for. */
export interface VotedInstance {
  /** In [0, C). */
  readonly classIndex: number;
  readonly bboxXywh: BboxXywh;
}

/**
 * Votes of instance clusters for classes as U2Seg counts them: every detection of high score votes once for each ground truth its
 * box overlaps well, crowds included. One detection can so vote for several classes.
 */
export class InstanceVotes implements VoteCounts {
  readonly numClusters: number;
  readonly numClasses: number;
  readonly counts: Float64Array;
  readonly options: Required<InstanceVoteOptions>;

  constructor(numClusters: number, numClasses: number, options: InstanceVoteOptions = {}) {
    this.numClusters = numClusters;
    this.numClasses = numClasses;
    this.counts = new Float64Array(numClusters * numClasses);
    this.options = { ...instanceVoteDefaults, ...options };
  }

  /** Adds one image. @throws U2SegError `out-of-range` for a cluster or class that does not exist, or a NaN score */
  update(detections: readonly VotingInstance[], gt: readonly VotedInstance[]): void {
    for (const one of gt) assertInteger('InstanceVotes.update: classIndex', one.classIndex, 0, this.numClasses - 1);
    for (const { clusterId, score, bboxXywh } of detections) {
      assertInteger('InstanceVotes.update: clusterId', clusterId, 0, this.numClusters - 1);
      if (Number.isNaN(score)) {
        throw new U2SegError('out-of-range', 'InstanceVotes.update: score must be a number, got NaN.');
      }
      if (score < this.options.minScore) continue;
      for (const one of gt) {
        if (boxIou(bboxXywh, one.bboxXywh) > this.options.minIou) {
          this.counts[clusterId * this.numClasses + one.classIndex]! += 1;
        }
      }
    }
  }

  merge(other: VoteCounts): void {
    mergeCounts('InstanceVotes.merge', this, other);
  }
}

export interface SemanticVoteOptions {
  /** A cluster's region of an image votes for a class's region when `IoU > minIou`. */
  readonly minIou?: number;
  /** Ground-truth label without a class; its pixels stay part of the predicted regions, as in the reference. */
  readonly ignoreLabel?: number;
  /** Labels below this one, in both maps, do not vote (U2Seg: 0 is things in both). */
  readonly firstLabel?: number;
}

/** U2Seg's released threshold ("results somehow is sensitive to this threshold", its code says). */
export const semanticVoteDefaults: Required<SemanticVoteOptions> = { minIou: 0.15, ignoreLabel: 255, firstLabel: 1 };

/** Votes of semantic clusters for classes as U2Seg counts them: one per image and pair of regions that overlap enough. */
export class SemanticVotes implements VoteCounts {
  readonly numClusters: number;
  readonly numClasses: number;
  readonly counts: Float64Array;
  readonly options: Required<SemanticVoteOptions>;
  readonly #pairs = new Uint32Array(256 * 256);

  /** @param numClusters - labels of the prediction, and `numClasses` labels of the ground truth, label 0 counted in both */
  constructor(numClusters: number, numClasses: number, options: SemanticVoteOptions = {}) {
    assertInteger('SemanticVotes: numClusters', numClusters, 1, 255);
    assertInteger('SemanticVotes: numClasses', numClasses, 1, 255);
    this.numClusters = numClusters;
    this.numClasses = numClasses;
    this.counts = new Float64Array(numClusters * numClasses);
    this.options = { ...semanticVoteDefaults, ...options };
  }

  /** Adds one image: [H, W] maps of labels. @throws U2SegError `out-of-range` for a label that does not exist */
  update(prediction: Uint8Array, gt: Uint8Array): void {
    assertLength('SemanticVotes.update: gt', gt.length, [prediction.length]);
    const pairs = countLabelPairs(prediction, gt, this.#pairs);
    const predictedArea = new Float64Array(256);
    const gtArea = new Float64Array(256);
    for (let p = 0; p < 256; p += 1) {
      for (let g = 0; g < 256; g += 1) {
        predictedArea[p]! += pairs[p * 256 + g]!;
        gtArea[g]! += pairs[p * 256 + g]!;
      }
    }
    const { minIou, ignoreLabel, firstLabel } = this.options;
    for (let label = 0; label < 256; label += 1) {
      if (predictedArea[label]! > 0) {
        assertInteger('SemanticVotes.update: predicted label', label, 0, this.numClusters - 1);
      }
      if (gtArea[label]! > 0 && label !== ignoreLabel) {
        assertInteger('SemanticVotes.update: ground-truth label', label, 0, this.numClasses - 1);
      }
    }
    for (let p = firstLabel; p < this.numClusters; p += 1) {
      for (let g = firstLabel; g < this.numClasses; g += 1) {
        const shared = pairs[p * 256 + g]!;
        if (shared / (predictedArea[p]! + gtArea[g]! - shared) > minIou) this.counts[p * this.numClasses + g]! += 1;
      }
    }
  }

  merge(other: VoteCounts): void {
    mergeCounts('SemanticVotes.merge', this, other);
  }
}

/** Pixels each cluster shares with each class, over all images: what STEGO and CUPS fit their Hungarian matching on. */
export class PixelVotes implements VoteCounts {
  readonly numClusters: number;
  readonly numClasses: number;
  readonly counts: Float64Array;

  constructor(numClusters: number, numClasses: number) {
    this.numClusters = numClusters;
    this.numClasses = numClasses;
    this.counts = new Float64Array(numClusters * numClasses);
  }

  /** Adds one image; pixels whose label is outside [0, K) or [0, C) do not vote. */
  update(prediction: Uint8Array, gt: Uint8Array): void {
    assertLength('PixelVotes.update: gt', gt.length, [prediction.length]);
    addLabelPairs(prediction, gt, this.counts, this.numClusters, this.numClasses);
  }

  merge(other: VoteCounts): void {
    mergeCounts('PixelVotes.merge', this, other);
  }
}

function mergeCounts(where: string, own: VoteCounts, other: VoteCounts): void {
  if (own.numClusters !== other.numClusters || own.numClasses !== other.numClasses) {
    throw new U2SegError('conflict', `${where}: both must have the same numbers of clusters and classes.`);
  }
  for (let i = 0; i < own.counts.length; i += 1) own.counts[i]! += other.counts[i]!;
}

function boxIou(a: BboxXywh, b: BboxXywh): number {
  const w = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  if (!(w > 0 && h > 0)) return 0;
  return (w * h) / (a[2] * a[3] + b[2] * b[3] - w * h);
}
