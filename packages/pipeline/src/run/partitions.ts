import { U2SegError } from '@u2seg/core';

/** Photos of one partition: what a killed run loses at most. */
export const photosPerPartition = 16;

/** One of several processes or machines that share the photos: partition `p` belongs to shard `p % count`. */
export interface Shard {
  /** In [0, count). */
  readonly index: number;
  readonly count: number;
}

/** Reads `2/8`, one-based as people count. @throws U2SegError `wrong-usage` */
export function parseShard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/u.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || index < 1 || index > count) {
    throw new U2SegError('wrong-usage', `--shard wants i/n with 1 <= i <= n, for example 2/8; got ${text}.`);
  }
  return { index: index - 1, count };
}
