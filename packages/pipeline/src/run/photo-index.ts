import type { ImageRow, SkippedRow } from '@u2seg/interchange';
import { photosPerPartition } from './partitions.ts';

/** Photos of a run, in the order of their ids. */
export interface PhotoIndex {
  readonly folder: string;
  readonly photos: readonly ImageRow[];
  readonly skipped: readonly SkippedRow[];
  /** SHA-256 over names and contents of the photos. */
  readonly dataHash: string;
}

/** Number of partitions of every table with a row a photo. */
export function numPartitions(index: Pick<PhotoIndex, 'photos'>): number {
  return Math.ceil(index.photos.length / photosPerPartition);
}

/** Photos of partition `p`. */
export function photosOf(index: Pick<PhotoIndex, 'photos'>, p: number): readonly ImageRow[] {
  return index.photos.slice(p * photosPerPartition, (p + 1) * photosPerPartition);
}
