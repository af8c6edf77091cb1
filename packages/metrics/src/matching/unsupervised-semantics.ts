import { assertInteger, assertLength, U2SegError } from '@u2seg/core';
import { addLabelPairs } from '../semantic/label-pairs.ts';
import { assignHungarian } from './hungarian.ts';

export interface UnsupervisedOptions {
  readonly numClasses: number;
  /** Clusters beyond the number of classes. */
  readonly extraClusters?: number;
  /** `hungarian` fits clusters to classes on the data scored; `identity` takes label i for class i (a linear probe). */
  readonly matching?: 'hungarian' | 'identity';
  /**
   * `reference` repeats STEGO's UnsupervisedMetrics: predictions from `numClasses` on are dropped although extra clusters were
   * asked for, and the pixels of clusters left over form one more class of IoU 0 in the mean. `corrected` counts every cluster and
   * averages over classes alone; pixels of clusters left over are errors.
   */
  readonly mode?: 'corrected' | 'reference';
}

/** Numbers in [0, 1]. */
export interface UnsupervisedReport {
  readonly protocol: 'unsupervised-semantics';
  readonly matching: 'hungarian' | 'identity';
  readonly mode: 'corrected' | 'reference';
  /** Mean over the classes whose IoU is defined (they occur, or something is taken for them). */
  readonly miou: number;
  readonly accuracy: number;
  /** [K] class of each cluster; -1 for a cluster left over. */
  readonly classOfCluster: Int32Array;
  /** [C] IoU of each class; NaN where undefined. */
  readonly classIou: Float64Array;
}

/** STEGO's evaluation: pixels counted per cluster and class, clusters matched one to one, then mean IoU and accuracy. */
export class UnsupervisedSemantics {
  readonly #classes: number;
  readonly #clusters: number;
  readonly #matching: 'hungarian' | 'identity';
  readonly #mode: 'corrected' | 'reference';
  /** [K, C] pixels. */
  readonly #counts: Float64Array;

  constructor(options: UnsupervisedOptions) {
    assertInteger('UnsupervisedSemantics: numClasses', options.numClasses, 1);
    assertInteger('UnsupervisedSemantics: extraClusters', options.extraClusters ?? 0, 0);
    this.#classes = options.numClasses;
    this.#clusters = options.numClasses + (options.extraClusters ?? 0);
    this.#matching = options.matching ?? 'hungarian';
    this.#mode = options.mode ?? 'corrected';
    this.#counts = new Float64Array(this.#clusters * this.#classes);
  }

  /** [K, C] pixels, cluster x class. A copy. */
  get counts(): Float64Array {
    return this.#counts.slice();
  }

  /** Adds pixels: labels of clusters and classes; a label outside [0, K) or [0, C) leaves its pixel out. */
  update(prediction: ArrayLike<number>, gt: ArrayLike<number>): void {
    assertLength('UnsupervisedSemantics.update: gt', gt.length, [prediction.length]);
    const limit = this.#mode === 'reference' ? this.#classes : this.#clusters;
    if (prediction instanceof Uint8Array && gt instanceof Uint8Array) {
      addLabelPairs(prediction, gt, this.#counts, limit, this.#classes);
      return;
    }
    for (let i = 0; i < gt.length; i += 1) {
      const k = prediction[i]!;
      const c = gt[i]!;
      if (k >= 0 && k < limit && c >= 0 && c < this.#classes) this.#counts[k * this.#classes + c]! += 1;
    }
  }

  /** Adds counts made elsewhere, [K, C]. */
  addCounts(counts: ArrayLike<number>): void {
    assertLength('UnsupervisedSemantics.addCounts', counts.length, [this.#clusters, this.#classes]);
    for (let i = 0; i < counts.length; i += 1) this.#counts[i]! += counts[i]!;
  }

  merge(other: UnsupervisedSemantics): void {
    if (other.#mode !== this.#mode || other.#matching !== this.#matching || other.#classes !== this.#classes) {
      throw new U2SegError('conflict', 'UnsupervisedSemantics.merge: both must have the same options.');
    }
    this.addCounts(other.#counts);
  }

  reset(): void {
    this.#counts.fill(0);
  }

  compute(): UnsupervisedReport {
    const C = this.#classes;
    const K = this.#clusters;
    const classOfCluster =
      this.#matching === 'hungarian'
        ? assignHungarian(this.#counts, K, C, { maximize: true }).columnOfRow
        : Int32Array.from({ length: K }, (_, k) => (k < C ? k : -1));
    const tp = new Float64Array(C);
    const predicted = new Float64Array(C);
    const positives = new Float64Array(C);
    let total = 0;
    let left = 0;
    for (let k = 0; k < K; k += 1) {
      const own = classOfCluster[k]!;
      for (let c = 0; c < C; c += 1) {
        const count = this.#counts[k * C + c]!;
        total += count;
        positives[c]! += count;
        if (own < 0) left += count;
        else predicted[own]! += count;
        if (own === c) tp[c]! += count;
      }
    }
    const classIou = tp.map((hits, c) => hits / (predicted[c]! + positives[c]! - hits));
    let sum = 0;
    let defined = 0;
    for (const iou of classIou) {
      if (Number.isNaN(iou)) continue;
      sum += iou;
      defined += 1;
    }
    if (this.#mode === 'reference' && left > 0) defined += 1;
    return {
      protocol: 'unsupervised-semantics',
      matching: this.#matching,
      mode: this.#mode,
      miou: sum / defined,
      accuracy: tp.reduce((all, hits) => all + hits, 0) / total,
      classOfCluster,
      classIou,
    };
  }
}
