import { assertInteger, U2SegError, type BboxXywh, type Rle } from '@u2seg/core';
import { CocoAccumulator, type CocoReport } from '../coco/coco-evaluate.ts';
import {
  detectionsFrom,
  groundTruthFrom,
  type CocoCategory,
  type CocoImage,
  type GroundTruthInstance,
} from '../coco/coco-tables.ts';
import { DataHash, imageDigest } from '../data-hash.ts';
import { describeMapping, type ClusterMapping } from './cluster-mapping.ts';
import { matchClusters, type MatchingProtocol } from './cluster-matching.ts';
import { instanceVoteDefaults, InstanceVotes, type InstanceVoteOptions } from './cluster-votes.ts';

/** A detection that knows its cluster and no class. */
export interface ClusteredDetection {
  /** In [0, K). */
  readonly clusterId: number;
  readonly score: number;
  readonly bboxXywh: BboxXywh;
  /** At the image's size; those without one are no part of mask AP. */
  readonly mask?: Rle;
}

/** One image with its ground truth and what was detected. */
export interface ClusteredInstanceImage {
  readonly image: CocoImage;
  readonly gt: readonly Omit<GroundTruthInstance, 'imageId'>[];
  readonly detections: readonly ClusteredDetection[];
}

export interface ClusteredInstanceOptions {
  /** Classes of the ground truth. */
  readonly categories: readonly CocoCategory[];
  /** K */
  readonly numClusters: number;
  /** Name of the data scored, for example `coco/val2017`. */
  readonly dataset: string;
  readonly protocols?: readonly MatchingProtocol[];
  /** Which detections vote, and for what. */
  readonly votes?: InstanceVoteOptions;
}

/** Class-aware AP and AR under one matching. */
export interface ClusteredInstanceResult {
  readonly protocol: MatchingProtocol;
  readonly mapping: ClusterMapping;
  /** Clusters that were given a class ("matched" in Table 8 of the U2Seg paper); detections of the others are dropped. */
  readonly matchedClusters: number;
  /** True where the mapping was fitted on the very data scored, as U2Seg's paper does. */
  readonly fittedOnScoredData: boolean;
  readonly bbox: CocoReport;
  /** Absent where detections or ground truth have no masks. */
  readonly segm?: CocoReport;
}

/**
 * Class-aware COCO AP of detections whose categories are clusters: clusters are named by box votes (U2Seg's Tables 2-4, A2, A3),
 * detections of unnamed clusters dropped, the rest scored as COCO does.
 *
 * Detections and ground truth stay in memory until `compute`, because a mapping can only be fitted when all images are seen.
 */
export class ClusteredInstanceEvaluator {
  readonly #options: Required<ClusteredInstanceOptions>;
  readonly #votes: Required<InstanceVoteOptions>;
  readonly #classOf: ReadonlyMap<number, number>;
  readonly #hash = new DataHash();
  #images: ClusteredInstanceImage[] = [];

  constructor(options: ClusteredInstanceOptions) {
    assertInteger('ClusteredInstanceEvaluator: numClusters', options.numClusters, 1);
    this.#options = { protocols: ['majority-vote', 'hungarian-one-to-one'], votes: {}, ...options };
    this.#votes = { ...instanceVoteDefaults, ...options.votes };
    this.#classOf = new Map(options.categories.map(({ id }, index) => [id, index]));
  }

  /** Adds one image. @throws U2SegError for an unknown category, a cluster out of range or a score that is NaN */
  update(one: ClusteredInstanceImage): void {
    const where = `ClusteredInstanceEvaluator.update: ${one.image.fileName}`;
    one.detections.forEach(({ clusterId, score }, i) => {
      assertInteger(`${where}: detection ${i}: clusterId`, clusterId, 0, this.#options.numClusters - 1);
      if (Number.isNaN(score)) {
        throw new U2SegError('out-of-range', `${where}: detection ${i}: score must be a number, got NaN.`);
      }
    });
    one.gt.forEach(({ categoryId }, i) => {
      if (this.#classOf.has(categoryId)) return;
      throw new U2SegError('bad-format', `${where}: ground truth ${i}: categoryId ${categoryId} is unknown.`);
    });
    this.#images.push(one);
    const rows = one.gt.map(({ categoryId, bboxXywh, crowd, area, mask }) =>
      [categoryId, ...bboxXywh, crowd === true ? 1 : 0, area ?? '', mask === undefined ? '' : mask.counts].join(),
    );
    this.#hash.add(imageDigest(one.image.fileName, rows.join('\n')));
  }

  /** Fits one mapping per protocol on the images seen. */
  fit(): ClusterMapping[] {
    const { numClusters, categories, protocols, dataset } = this.#options;
    const votes = new InstanceVotes(numClusters, categories.length, this.#votes);
    for (const { detections, gt } of this.#images) {
      votes.update(
        detections,
        gt.map(({ categoryId, bboxXywh }) => ({ classIndex: this.#classOf.get(categoryId)!, bboxXywh })),
      );
    }
    return protocols.map((protocol) =>
      describeMapping(matchClusters(votes, protocol), {
        protocol,
        evidence: 'instances',
        thresholds: { ...this.#votes },
        classNames: categories.map(({ name }) => name),
        fittedOn: { dataset, images: this.#images.length, sha256: this.#hash.digest() },
      }),
    );
  }

  /**
   * Scores the images seen under each mapping.
   *
   * @param mappings - fitted elsewhere, on another split; none means fitted here, on the data scored, and the results say so
   * @throws U2SegError `conflict` for a mapping of other classes or another number of clusters
   */
  compute(mappings: readonly ClusterMapping[] = this.fit()): ClusteredInstanceResult[] {
    const { numClusters, categories } = this.#options;
    const names = categories.map(({ name }) => name).join('\n');
    const sha256 = this.#hash.digest();
    return mappings.map((mapping) => {
      const { classOfCluster, classNames, protocol } = mapping;
      if (classOfCluster.length !== numClusters || classNames.join('\n') !== names) {
        throw new U2SegError(
          'conflict',
          `ClusteredInstanceEvaluator.compute: the ${protocol} mapping must be of ${numClusters} clusters to these ${categories.length} classes, got ${classOfCluster.length} to ${classNames.length}.`,
        );
      }
      const withMasks =
        this.#images.every(({ gt, detections }) => gt.every(hasMask) && detections.every(hasMask)) ||
        (this.#images.some(({ gt }) => gt.some(hasMask)) &&
          this.#images.some(({ detections }) => detections.some(hasMask)));
      return {
        protocol,
        mapping,
        matchedClusters: classOfCluster.filter((c) => c >= 0).length,
        fittedOnScoredData: mapping.fittedOn.sha256 === sha256,
        bbox: this.#score(classOfCluster, 'bbox'),
        ...(withMasks ? { segm: this.#score(classOfCluster, 'segm') } : {}),
      };
    });
  }

  #score(classOfCluster: readonly number[], iouType: 'bbox' | 'segm'): CocoReport {
    const { categories } = this.#options;
    const accumulator = new CocoAccumulator({ iouType });
    const scored = iouType === 'segm' ? hasMask : (): boolean => true;
    for (const { image, gt, detections } of this.#images) {
      const ground = groundTruthFrom(
        [image],
        categories,
        gt.filter(scored).map((one) => ({ ...one, imageId: image.id })),
      );
      const named = detections.filter(scored).flatMap(({ clusterId, ...detection }) => {
        const c = classOfCluster[clusterId]!;
        return c < 0 ? [] : [{ ...detection, imageId: image.id, categoryId: categories[c]!.id }];
      });
      accumulator.update(ground, detectionsFrom(ground, named));
    }
    return accumulator.compute();
  }
}

function hasMask(one: { readonly mask?: Rle }): boolean {
  return one.mask !== undefined;
}
