import { assertInteger, U2SegError } from '@u2seg/core';
import { DataHash } from '../data-hash.ts';
import type { PanopticCategory } from '../panoptic/panoptic-quality.ts';
import { describeMapping, type ClusterMapping } from './cluster-mapping.ts';
import type { MatchingProtocol } from './cluster-matching.ts';
import { instanceVoteDefaults, semanticVoteDefaults, type InstanceVoteOptions } from './cluster-votes.ts';
import { compareImage, type ComparedImage, type UniversalPair } from './universal-image.ts';
import { scoreUniversal, type UniversalScores } from './universal-score.ts';
import { clusterIndex, matchUniversal, pixelVotes, u2segVotes, type UniversalSpace } from './universal-votes.ts';

export {
  compareImage,
  type ClusteredImage,
  type ClusteredSegment,
  type ComparedImage,
  type UniversalPair,
} from './universal-image.ts';

export interface UniversalOptions {
  /** The classes of the ground truth. */
  readonly categories: readonly PanopticCategory[];
  /** K, the thing clusters of the prediction. */
  readonly numThingClusters: number;
  /** S, its stuff clusters. */
  readonly numStuffClusters: number;
  /** Name of the data scored, for example `coco/val2017`. */
  readonly dataset: string;
  readonly protocols?: readonly MatchingProtocol[];
  /** Which things vote in the majority vote, and for what. */
  readonly instanceVotes?: InstanceVoteOptions;
  /** Overlap from which a stuff region votes in the majority vote. */
  readonly stuffMinIou?: number;
  /** Make segments of one stuff class one segment per image, as COCO's panoptic format has it. U2Seg's evaluator does not. */
  readonly mergeStuff?: boolean;
}

export const universalDefaults: Required<
  Pick<UniversalOptions, 'protocols' | 'instanceVotes' | 'stuffMinIou' | 'mergeStuff'>
> = {
  protocols: ['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one'],
  instanceVotes: instanceVoteDefaults,
  stuffMinIou: semanticVoteDefaults.minIou,
  mergeStuff: true,
};

/** Scores under one matching, with what the matching was and what it was fitted on. */
export interface ProtocolResult extends UniversalScores {
  readonly protocol: MatchingProtocol;
  readonly mapping: ClusterMapping;
  /** True where the mapping was fitted on the very data scored, as U2Seg's and STEGO's papers do. */
  readonly fittedOnScoredData: boolean;
  readonly mergeStuff: boolean;
}

export interface UniversalReport {
  readonly dataset: string;
  readonly images: number;
  /** SHA-256 over the ground truth scored. */
  readonly sha256: string;
  readonly results: readonly ProtocolResult[];
}

/**
 * Panoptic and semantic evaluation of clustered segmentations under several matchings at once.
 *
 * Maps are read once, at `update`; what is kept per image is how its segments overlap (a few kilobytes), because a matching can
 * only be fitted when all images are seen. Shards merge.
 */
export class UniversalEvaluator {
  readonly #options: Required<UniversalOptions>;
  readonly #space: UniversalSpace;
  readonly #hash = new DataHash();
  #images: ComparedImage[] = [];

  constructor(options: UniversalOptions) {
    this.#options = { ...universalDefaults, ...options };
    assertInteger('UniversalEvaluator: numThingClusters', options.numThingClusters, 0);
    assertInteger('UniversalEvaluator: numStuffClusters', options.numStuffClusters, 0);
    this.#space = {
      categories: options.categories,
      classOf: new Map(options.categories.map((category, index) => [category.id, index])),
      numThingClusters: options.numThingClusters,
      numStuffClusters: options.numStuffClusters,
    };
  }

  /**
   * Adds one image.
   *
   * @throws U2SegError naming the image and the segment: maps of another size, a pixel whose segment is not listed, a listed
   *   segment without pixels, an unknown category, a cluster out of range
   */
  update(pair: UniversalPair): void {
    this.#check(pair);
    this.add(compareImage(pair));
  }

  /** Adds one image that was compared elsewhere. @throws U2SegError for an unknown category or a cluster out of range */
  add(image: ComparedImage): void {
    this.#check({ name: image.name, gt: { segments: image.gt }, prediction: { segments: image.prediction } });
    this.#images.push(image);
    this.#hash.add(image.digest);
  }

  #check(image: {
    readonly name: string;
    readonly gt: Pick<UniversalPair['gt'], 'segments'>;
    readonly prediction: Pick<UniversalPair['prediction'], 'segments'>;
  }): void {
    const { name, gt, prediction } = image;
    const { numThingClusters, numStuffClusters } = this.#space;
    for (const segment of prediction.segments) {
      const limit = segment.isThing ? numThingClusters : numStuffClusters;
      const where = `UniversalEvaluator.update: ${name}: segment ${segment.id}`;
      assertInteger(`${where}: clusterId`, segment.clusterId, 0, limit - 1);
      if (Number.isNaN(segment.score)) {
        throw new U2SegError('out-of-range', `${where}: score must be a number, got NaN.`);
      }
    }
    for (const segment of gt.segments) {
      if (!this.#space.classOf.has(segment.categoryId)) {
        throw new U2SegError(
          'bad-format',
          `UniversalEvaluator.update: ${name}: ground-truth segment ${segment.id}: categoryId ${segment.categoryId} is unknown.`,
        );
      }
    }
  }

  /** Adds the images another evaluator with the same options has seen. */
  merge(other: UniversalEvaluator): void {
    if (JSON.stringify(other.#options) !== JSON.stringify(this.#options)) {
      throw new U2SegError('conflict', 'UniversalEvaluator.merge: both must have the same options.');
    }
    this.#images.push(...other.#images);
    this.#hash.merge(other.#hash);
  }

  /** Fits one mapping per protocol on the images seen. */
  fit(): ClusterMapping[] {
    const { instanceVotes, stuffMinIou, protocols, dataset, categories } = this.#options;
    const things = { ...instanceVoteDefaults, ...instanceVotes };
    const fittedOn = { dataset, images: this.#images.length, sha256: this.#hash.digest() };
    const classNames = categories.map((category) => category.name);
    return protocols.map((protocol) => {
      const byVote = protocol === 'majority-vote';
      const votes = byVote
        ? u2segVotes(this.#space, this.#images, things, stuffMinIou)
        : pixelVotes(this.#space, this.#images);
      return describeMapping(matchUniversal(this.#space, votes, protocol), {
        protocol,
        evidence: byVote ? 'instances' : 'pixels',
        thresholds: byVote ? { ...things, stuffMinIou } : {},
        classNames,
        fittedOn,
      });
    });
  }

  /**
   * Scores the images seen under each mapping.
   *
   * @param mappings - fitted elsewhere, on another split; none means fitted here, on the data scored, and the report says so
   * @throws U2SegError `conflict` for a mapping of other classes or another number of clusters
   */
  compute(mappings: readonly ClusterMapping[] = this.fit()): UniversalReport {
    const sha256 = this.#hash.digest();
    const { mergeStuff, dataset, categories } = this.#options;
    const numClusters = this.#space.numThingClusters + this.#space.numStuffClusters;
    // a report must not depend on the order of updates
    const images = [...this.#images].sort((a, b) => (a.name < b.name ? -1 : 1));
    const results = mappings.map((mapping): ProtocolResult => {
      const sameClasses = mapping.classNames.join('\n') === categories.map((category) => category.name).join('\n');
      if (!sameClasses || mapping.classOfCluster.length !== numClusters) {
        throw new U2SegError(
          'conflict',
          `UniversalEvaluator.compute: the ${mapping.protocol} mapping must be of ${numClusters} clusters to these ${categories.length} classes, got ${mapping.classOfCluster.length} to ${mapping.classNames.length}${sameClasses ? '' : ' others'}.`,
        );
      }
      return {
        protocol: mapping.protocol,
        mapping,
        fittedOnScoredData: mapping.fittedOn.sha256 === sha256,
        mergeStuff,
        ...scoreUniversal(this.#space, images, mapping.classOfCluster, mergeStuff),
      };
    });
    return { dataset, images: images.length, sha256, results };
  }

  /** Index of a cluster in a mapping's `classOfCluster`: things first, then stuff. */
  clusterIndex(segment: { readonly clusterId: number; readonly isThing: boolean }): number {
    return clusterIndex(this.#space, segment);
  }

  reset(): void {
    this.#images = [];
    this.#hash.reset();
  }
}

/**
 * Evaluates clustered segmentations against ground truth: PQ, SQ, RQ, mIoU and pixel accuracy under U2Seg's majority vote and under
 * Hungarian matching, each result with its protocol, its thresholds and what it was fitted on.
 */
export function evaluateUniversal(
  pairs: Iterable<UniversalPair>,
  options: UniversalOptions,
  mappings?: readonly ClusterMapping[],
): UniversalReport {
  const evaluator = new UniversalEvaluator(options);
  for (const pair of pairs) evaluator.update(pair);
  return mappings === undefined ? evaluator.compute() : evaluator.compute(mappings);
}
