import type { BboxXywh } from '@u2seg/core';
import type { PanopticCategory } from '../panoptic/panoptic-quality.ts';
import { matchClusterGroups, type ClusterMatch, type MatchingProtocol } from './cluster-matching.ts';
import { InstanceVotes, type InstanceVoteOptions, type VoteCounts } from './cluster-votes.ts';
import type { ComparedImage } from './universal-image.ts';

/** Clusters of things come first, then those of stuff; classes are indices into `categories`. */
export interface UniversalSpace {
  readonly categories: readonly PanopticCategory[];
  /** Category id to index. */
  readonly classOf: ReadonlyMap<number, number>;
  readonly numThingClusters: number;
  readonly numStuffClusters: number;
}

/** Cluster index of a segment over things and stuff together. */
export function clusterIndex(
  space: UniversalSpace,
  segment: { readonly clusterId: number; readonly isThing: boolean },
): number {
  return segment.isThing ? segment.clusterId : space.numThingClusters + segment.clusterId;
}

/** Things and stuff are matched apart, under every protocol. */
export function matchUniversal(space: UniversalSpace, votes: VoteCounts, protocol: MatchingProtocol): ClusterMatch {
  const classes = (isThing: boolean): number[] =>
    space.categories.flatMap((category, c) => (category.isThing === isThing ? [c] : []));
  const clusters = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
  return matchClusterGroups(
    votes,
    [
      { clusters: clusters(0, space.numThingClusters), classes: classes(true) },
      { clusters: clusters(space.numThingClusters, space.numStuffClusters), classes: classes(false) },
    ],
    protocol,
  );
}

/** Pixels each cluster shares with each class. */
export function pixelVotes(space: UniversalSpace, images: readonly ComparedImage[]): VoteCounts {
  const votes = emptyVotes(space);
  for (const image of images) {
    const stride = image.prediction.length + 1;
    image.prediction.forEach((segment, p) => {
      const k = clusterIndex(space, segment);
      image.gt.forEach((truth, g) => {
        votes.counts[k * votes.numClasses + space.classOf.get(truth.categoryId)!]! +=
          image.overlaps.shared[(g + 1) * stride + p + 1]!;
      });
    });
  }
  return votes;
}

/**
 * U2Seg's votes: a thing of high score for every ground-truth thing its box overlaps well; a stuff cluster's region of an image for
 * every stuff class's region it overlaps enough.
 */
export function u2segVotes(
  space: UniversalSpace,
  images: readonly ComparedImage[],
  things: Required<InstanceVoteOptions>,
  stuffMinIou: number,
): VoteCounts {
  const numClasses = space.categories.length;
  const instances = new InstanceVotes(space.numThingClusters, numClasses, things);
  const votes = emptyVotes(space);
  for (const image of images) {
    const box = (boxes: Float64Array, i: number): BboxXywh => [
      boxes[4 * i]!,
      boxes[4 * i + 1]!,
      boxes[4 * i + 2]!,
      boxes[4 * i + 3]!,
    ];
    instances.update(
      image.prediction.flatMap((segment, p) =>
        segment.isThing
          ? [{ clusterId: segment.clusterId, score: segment.score ?? 1, bboxXywh: box(image.predictedBoxes, p) }]
          : [],
      ),
      image.gt.flatMap((truth, g) => {
        const classIndex = space.classOf.get(truth.categoryId)!;
        return space.categories[classIndex]!.isThing ? [{ classIndex, bboxXywh: box(image.gtBoxes, g) }] : [];
      }),
    );
    addRegionVotes(space, image, stuffMinIou, votes);
  }
  votes.counts.set(instances.counts);
  return votes;
}

function addRegionVotes(space: UniversalSpace, image: ComparedImage, minIou: number, votes: VoteCounts): void {
  const { numClasses } = votes;
  const stride = image.prediction.length + 1;
  const shared = new Map<number, number>();
  const clusterArea = new Map<number, number>();
  const classArea = new Map<number, number>();
  const isStuff = (categoryId: number): boolean => !space.categories[space.classOf.get(categoryId)!]!.isThing;
  const add = (areas: Map<number, number>, key: number, pixels: number): void => {
    areas.set(key, (areas.get(key) ?? 0) + pixels);
  };
  image.gt.forEach((truth, g) => {
    if (isStuff(truth.categoryId)) add(classArea, space.classOf.get(truth.categoryId)!, image.overlaps.gtAreas[g]!);
  });
  image.prediction.forEach((segment, p) => {
    if (segment.isThing) return;
    const k = clusterIndex(space, segment);
    add(clusterArea, k, image.overlaps.predictedAreas[p]!);
    image.gt.forEach((truth, g) => {
      const pixels = image.overlaps.shared[(g + 1) * stride + p + 1]!;
      if (pixels > 0 && isStuff(truth.categoryId)) {
        add(shared, k * numClasses + space.classOf.get(truth.categoryId)!, pixels);
      }
    });
  });
  for (const [key, pixels] of shared) {
    const union = clusterArea.get(Math.floor(key / numClasses))! + classArea.get(key % numClasses)! - pixels;
    if (pixels / union > minIou) votes.counts[key]! += 1;
  }
}

function emptyVotes(space: UniversalSpace): VoteCounts {
  const numClusters = space.numThingClusters + space.numStuffClusters;
  const numClasses = space.categories.length;
  return { numClusters, numClasses, counts: new Float64Array(numClusters * numClasses) };
}
