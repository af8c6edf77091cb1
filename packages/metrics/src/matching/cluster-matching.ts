import { U2SegError } from '@u2seg/core';
import type { VoteCounts } from './cluster-votes.ts';
import { assignHungarian } from './hungarian.ts';

/**
 * How clusters are named by classes:
 *
 * - `majority-vote`: each cluster takes the class it met most; many may share one. What U2Seg calls Hungarian matching.
 * - `hungarian-one-to-one`: the best assignment in which no class is taken twice; clusters left over are void. STEGO's.
 * - `hungarian-many-to-one`: the same, but a cluster left over takes the class it met most. CUPS's, for more clusters than classes.
 */
export type MatchingProtocol = 'majority-vote' | 'hungarian-one-to-one' | 'hungarian-many-to-one';

/** A class for each cluster. */
export interface ClusterMatch {
  /** [K] class in [0, C), or -1 for void. */
  readonly classOfCluster: Int32Array;
  /** Votes for the classes chosen. */
  readonly agreeing: number;
  /** All votes. */
  readonly votes: number;
  /** Clusters for which another class had as many votes (the lowest class was taken; majority vote only). */
  readonly ties: number;
}

/**
 * Names clusters by classes. A cluster without a vote for its class is void under every protocol: nothing speaks for the pair.
 *
 * Ties of a majority vote go to the lowest class; of several best one-to-one assignments `assignHungarian`'s is taken.
 */
export function matchClusters(votes: VoteCounts, protocol: MatchingProtocol): ClusterMatch {
  const { numClusters, numClasses, counts } = votes;
  const majority = majorityClasses(votes);
  const classOfCluster =
    protocol === 'majority-vote'
      ? majority.classOfCluster
      : assignHungarian(counts, numClusters, numClasses, { maximize: true }).columnOfRow;
  let agreeing = 0;
  for (let k = 0; k < numClusters; k += 1) {
    if (classOfCluster[k] === -1 && protocol === 'hungarian-many-to-one') {
      classOfCluster[k] = majority.classOfCluster[k]!;
    }
    const c = classOfCluster[k]!;
    const own = c < 0 ? 0 : counts[k * numClasses + c]!;
    if (own === 0) classOfCluster[k] = -1;
    agreeing += own;
  }
  return {
    classOfCluster,
    agreeing,
    votes: counts.reduce((sum, count) => sum + count, 0),
    ties: protocol === 'majority-vote' ? majority.ties : 0,
  };
}

/** Clusters and classes of one kind, as indices into the vote counts. */
export interface MatchingGroup {
  readonly clusters: readonly number[];
  readonly classes: readonly number[];
}

/**
 * Matches several groups apart, each within itself: things to things and stuff to stuff, as CUPS does. A cluster in no group is
 * void.
 *
 * @throws U2SegError `conflict` for a cluster in two groups
 */
export function matchClusterGroups(
  votes: VoteCounts,
  groups: readonly MatchingGroup[],
  protocol: MatchingProtocol,
): ClusterMatch {
  const classOfCluster = new Int32Array(votes.numClusters).fill(-1);
  const seen = new Set<number>();
  let agreeing = 0;
  let total = 0;
  let ties = 0;
  for (const { clusters, classes } of groups) {
    const counts = new Float64Array(clusters.length * classes.length);
    clusters.forEach((k, i) => {
      if (seen.has(k)) throw new U2SegError('conflict', `matchClusterGroups: cluster ${k} is in two groups.`);
      seen.add(k);
      classes.forEach((c, j) => {
        counts[i * classes.length + j] = votes.counts[k * votes.numClasses + c]!;
      });
    });
    const match = matchClusters({ numClusters: clusters.length, numClasses: classes.length, counts }, protocol);
    clusters.forEach((k, i) => {
      const c = match.classOfCluster[i]!;
      classOfCluster[k] = c < 0 ? -1 : classes[c]!;
    });
    agreeing += match.agreeing;
    total += match.votes;
    ties += match.ties;
  }
  return { classOfCluster, agreeing, votes: total, ties };
}

function majorityClasses(votes: VoteCounts): { classOfCluster: Int32Array; ties: number } {
  const { numClusters, numClasses, counts } = votes;
  const classOfCluster = new Int32Array(numClusters).fill(-1);
  let ties = 0;
  for (let k = 0; k < numClusters; k += 1) {
    let best = 0;
    let tied = false;
    for (let c = 0; c < numClasses; c += 1) {
      const count = counts[k * numClasses + c]!;
      if (count > best) {
        best = count;
        classOfCluster[k] = c;
        tied = false;
      } else if (count === best && count > 0) {
        tied = true;
      }
    }
    if (tied) ties += 1;
  }
  return { classOfCluster, ties };
}
