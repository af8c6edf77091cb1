import { assertInteger, assertLength, U2SegError } from '@u2seg/core';
import { DataHash, imageDigest } from '../data-hash.ts';
import { scoreConfusion, semanticDefaults, type SemanticReport } from '../semantic/confusion-scores.ts';
import { countLabelPairs } from '../semantic/label-pairs.ts';
import { remapTable, sequentialRemapTable } from '../semantic/label-remap.ts';
import { describeMapping, type ClusterMapping } from './cluster-mapping.ts';
import { matchClusters, type MatchingProtocol } from './cluster-matching.ts';
import { semanticVoteDefaults, SemanticVotes } from './cluster-votes.ts';

export interface ClusteredSemanticOptions {
  readonly classNames: readonly string[];
  /** Labels of the predictions, [0, K). */
  readonly numClusters: number;
  /** Name of the data scored. */
  readonly dataset: string;
  readonly protocols?: readonly MatchingProtocol[];
  /** Ground-truth label without a class. */
  readonly ignoreLabel?: number;
  /** Overlap from which a region votes in the majority vote. */
  readonly voteMinIou?: number;
  /**
   * Labels below this one mean the same class in both maps and take no part in the matching; U2Seg's semantic maps have 0 for
   * things in both.
   */
  readonly firstLabel?: 0 | 1;
  /** `sequential` repeats U2Seg's in-place loop under the majority vote (see `sequentialRemapTable`). */
  readonly remap?: 'simultaneous' | 'sequential';
  /** What becomes of pixels whose cluster has no class; see `SemanticOptions`. */
  readonly voidPredictions?: 'missed' | 'left-out';
}

/** One image under one matching; NaN where it has no pixel of any class. */
export interface SemanticImageScore {
  readonly name: string;
  readonly miou: number;
  readonly pixelAccuracy: number;
}

export interface ClusteredSemanticResult {
  readonly protocol: MatchingProtocol;
  readonly mapping: ClusterMapping;
  readonly fittedOnScoredData: boolean;
  readonly remap: 'simultaneous' | 'sequential';
  readonly semantic: SemanticReport;
  /** From the worst mIoU; ties by name. */
  readonly images: readonly SemanticImageScore[];
}

/** Pairs of labels that occur in an image: `256 prediction + gt`, and their pixels. */
interface ImagePairs {
  readonly name: string;
  readonly keys: Uint16Array;
  readonly counts: Uint32Array;
}

/**
 * mIoU, pixel accuracy and frequency-weighted IoU of semantic maps whose labels are clusters, under several matchings at once.
 *
 * Kept per image are the pairs of labels that occur (a few hundred bytes), never maps.
 */
export class ClusteredSemanticEvaluator {
  readonly #options: Required<ClusteredSemanticOptions>;
  readonly #votes: SemanticVotes;
  readonly #hash = new DataHash();
  readonly #pairs = new Uint32Array(256 * 256);
  readonly #images: ImagePairs[] = [];

  constructor(options: ClusteredSemanticOptions) {
    this.#options = {
      protocols: ['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one'],
      ignoreLabel: semanticVoteDefaults.ignoreLabel,
      voteMinIou: semanticVoteDefaults.minIou,
      firstLabel: 0,
      remap: 'simultaneous',
      voidPredictions: semanticDefaults.voidPredictions,
      ...options,
    };
    const { numClusters, classNames, voteMinIou, ignoreLabel, firstLabel } = this.#options;
    this.#votes = new SemanticVotes(numClusters, classNames.length, { minIou: voteMinIou, ignoreLabel, firstLabel });
  }

  /**
   * Adds one image: [H, W] labels of clusters and classes.
   *
   * @throws U2SegError `shape-mismatch`; `out-of-range` naming the image and a label that does not exist
   */
  update(name: string, prediction: Uint8Array, gt: Uint8Array): void {
    const where = `ClusteredSemanticEvaluator.update: ${name}`;
    assertLength(`${where}: gt`, gt.length, [prediction.length]);
    const { numClusters, classNames, ignoreLabel } = this.#options;
    countLabelPairs(prediction, gt, this.#pairs);
    const keys: number[] = [];
    for (let key = 0; key < this.#pairs.length; key += 1) {
      if (this.#pairs[key] === 0) continue;
      keys.push(key);
      const label = key & 255;
      assertInteger(`${where}: predicted label`, key >> 8, 0, numClusters - 1);
      if (label !== ignoreLabel) assertInteger(`${where}: ground-truth label`, label, 0, classNames.length - 1);
    }
    const counts = Uint32Array.from(keys, (key) => this.#pairs[key]!);
    this.#votes.update(prediction, gt);
    this.#images.push({ name, keys: Uint16Array.from(keys), counts });
    this.#hash.add(imageDigest(name, gt));
  }

  /** Fits one mapping per protocol on the images seen. */
  fit(): ClusterMapping[] {
    const { protocols, dataset, voteMinIou, firstLabel, classNames } = this.#options;
    const fittedOn = { dataset, images: this.#images.length, sha256: this.#hash.digest() };
    return protocols.map((protocol) => {
      const byVote = protocol === 'majority-vote';
      const match = matchClusters(byVote ? this.#votes : this.#pixels(), protocol);
      for (let label = 0; label < firstLabel; label += 1) match.classOfCluster[label] = label;
      return describeMapping(match, {
        protocol,
        evidence: byVote ? 'regions' : 'pixels',
        thresholds: { ...(byVote ? { minIou: voteMinIou } : {}), ...(firstLabel > 0 ? { firstLabel } : {}) },
        classNames,
        fittedOn,
      });
    });
  }

  /**
   * Scores the images seen under each mapping.
   *
   * @param mappings - fitted elsewhere, on another split; none means fitted here, on the data scored, and the results say so
   * @throws U2SegError `conflict` for a mapping of other classes or another number of clusters
   */
  compute(mappings: readonly ClusterMapping[] = this.fit()): ClusteredSemanticResult[] {
    const { numClusters, classNames, remap } = this.#options;
    const sha256 = this.#hash.digest();
    return mappings.map((mapping) => {
      const { protocol, classOfCluster } = mapping;
      if (classOfCluster.length !== numClusters || mapping.classNames.join('\n') !== classNames.join('\n')) {
        throw new U2SegError(
          'conflict',
          `ClusteredSemanticEvaluator.compute: the ${protocol} mapping must be of ${numClusters} clusters to these ${classNames.length} classes, got ${classOfCluster.length} to ${mapping.classNames.length}.`,
        );
      }
      const inPlace = remap === 'sequential' && protocol === 'majority-vote';
      const table = (inPlace ? sequentialRemapTable : remapTable)(classOfCluster, classNames.length);
      return {
        protocol,
        mapping,
        fittedOnScoredData: mapping.fittedOn.sha256 === sha256,
        remap: inPlace ? 'sequential' : 'simultaneous',
        ...this.#score(table),
      };
    });
  }

  #score(table: Uint8Array): Pick<ClusteredSemanticResult, 'semantic' | 'images'> {
    const { classNames, voidPredictions } = this.#options;
    const settings = { ...semanticDefaults, voidPredictions };
    const C = classNames.length;
    const total = new Float64Array((C + 1) ** 2);
    const images = this.#images.map(({ name, keys, counts }): SemanticImageScore => {
      const own = new Float64Array((C + 1) ** 2);
      keys.forEach((key, i) => {
        const predicted = Math.min(C, table[key >> 8]!);
        const truth = (key & 255) < C ? key & 255 : C;
        own[predicted * (C + 1) + truth]! += counts[i]!;
      });
      for (let i = 0; i < own.length; i += 1) total[i]! += own[i]!;
      const { miou, pixelAccuracy } = scoreConfusion(own, classNames, settings, 1);
      return { name, miou, pixelAccuracy };
    });
    const orderable = (miou: number): number => (Number.isNaN(miou) ? Infinity : miou);
    return {
      semantic: scoreConfusion(total, classNames, settings, images.length),
      images: images.sort((a, b) => orderable(a.miou) - orderable(b.miou) || (a.name < b.name ? -1 : 1)),
    };
  }

  /** Pixels that take part in the matching, cluster x class. */
  #pixels(): { numClusters: number; numClasses: number; counts: Float64Array } {
    const { numClusters, classNames, firstLabel } = this.#options;
    const numClasses = classNames.length;
    const counts = new Float64Array(numClusters * numClasses);
    for (const image of this.#images) {
      image.keys.forEach((key, i) => {
        const [k, c] = [key >> 8, key & 255];
        if (k >= firstLabel && c >= firstLabel && c < numClasses) counts[k * numClasses + c]! += image.counts[i]!;
      });
    }
    return { numClusters, numClasses, counts };
  }
}
