/** Modules of a user's own, typed: what `--component clustering=...` and `--component proposals=...` load once compiled. */
import { encodeMask, rleArea, rleBbox } from '@u2seg/core';
import type { Cluster, Propose } from '@u2seg/pipeline';

/** Sorts the instances by the first value of their descriptor. */
export const cluster: Cluster = (embeddings, { n, dim, k }) => {
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => embeddings[a * dim]! - embeddings[b * dim]!);
  const assignments = new Int32Array(n);
  order.forEach((i, rank) => (assignments[i] = Math.floor((rank * k) / n)));
  return { assignments, k };
};

/** The left and the right half of every photo. */
export const propose: Propose = ({ height, width }) =>
  [0, 1].map((half) => {
    const data = Uint8Array.from({ length: height * width }, (_, i) => Number(i % width < width / 2 === (half === 0)));
    const mask = encodeMask({ data, height, width });
    return { mask, area: rleArea(mask), bboxXywh: rleBbox(mask), score: 1 - half / 4 };
  });
