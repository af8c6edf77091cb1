import { nearestClusters, type FixedClusters } from '@u2seg/clustering';
import { U2SegError } from '@u2seg/core';

/**
 * Nearest cluster of every descriptor.
 *
 * @param embeddings - [N, D]
 * @returns [N] in [0, K)
 * @throws U2SegError `bad-format` for a descriptor that is no number, naming its row in `where`
 */
export function assignedClusters(where: string, embeddings: Float32Array, fixed: FixedClusters): Int32Array {
  const clusters = nearestClusters(embeddings, fixed);
  const row = clusters.indexOf(-1);
  if (row >= 0) {
    throw new U2SegError(
      'bad-format',
      `${where}: descriptor ${row} of ${clusters.length} holds a value that is no number.`,
    );
  }
  return clusters;
}
