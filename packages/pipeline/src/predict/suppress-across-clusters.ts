import { type Segment, rleIou } from '@u2seg/core';

/**
 * Instances without those that repeat a surer one under the name of another cluster: clusters of one object are rarely one.
 *
 * @param instances - by falling score
 */
export function suppressAcrossClusters(instances: readonly Segment[], maxOverlap: number): Segment[] {
  if (maxOverlap >= 1) return [...instances];
  const kept: Segment[] = [];
  for (const one of instances) if (kept.every(({ mask }) => rleIou(one.mask, mask) <= maxOverlap)) kept.push(one);
  return kept;
}
