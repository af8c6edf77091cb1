/**
 * New label of every label under a matching, all at once.
 *
 * @param classOfCluster - [K] class of each cluster, -1 for void
 * @param voidLabel - label of pixels whose cluster has no class
 * @returns [256] table; labels from K on become void
 */
export function remapTable(classOfCluster: ArrayLike<number>, voidLabel: number): Uint8Array {
  const table = new Uint8Array(256).fill(voidLabel);
  for (let k = 0; k < classOfCluster.length; k += 1) {
    table[k] = classOfCluster[k]! < 0 ? voidLabel : classOfCluster[k]!;
  }
  return table;
}

/**
 * What U2Seg's evaluator does instead: it rewrites the map in place, one cluster after the other, so a pixel that became label `v`
 * is rewritten again when `v`'s turn as a cluster comes. Use it to reproduce numbers, never to compute new ones.
 *
 * @param order - the order of the clusters' turns; U2Seg's is 1, 2, ..., K - 1, 0
 */
export function sequentialRemapTable(
  classOfCluster: ArrayLike<number>,
  voidLabel: number,
  order: readonly number[] = [...Array.from({ length: classOfCluster.length - 1 }, (_, i) => i + 1), 0],
): Uint8Array {
  const once = remapTable(classOfCluster, voidLabel);
  const table = new Uint8Array(256);
  for (let label = 0; label < 256; label += 1) {
    let value = label;
    for (const cluster of order) if (value === cluster) value = once[cluster]!;
    table[label] = value;
  }
  return table;
}

/** The map with every label replaced. */
export function remapLabels(labels: Uint8Array, table: Uint8Array): Uint8Array {
  const out = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i += 1) out[i] = table[labels[i]!]!;
  return out;
}
