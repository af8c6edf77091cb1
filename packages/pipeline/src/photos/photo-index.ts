/** First stage: which photos there are, and which are left out for what reason. */
import { availableParallelism } from 'node:os';
import { stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { mapOrdered, U2SegError, type OnProgress, type RgbImage } from '@u2seg/core';
import { decodeImage, type PhotoFile, type PhotoListing } from '@u2seg/datasets';
import { imagesTable, PartitionedTable, skippedTable, type ImageRow, type SkippedRow } from '@u2seg/interchange';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { hashFile, hashOf } from '../run/hash.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { photosPerPartition } from '../run/partitions.ts';

/** Photos of a run, in the order of their ids. */
export interface PhotoIndex {
  readonly folder: string;
  readonly photos: readonly ImageRow[];
  readonly skipped: readonly SkippedRow[];
  /** SHA-256 over names and contents of the photos. */
  readonly dataHash: string;
}

const resultSchema = z.object({ photos: z.number(), skipped: z.number(), dataHash: z.string() });

/** Why a photo is left out, on one line whatever its name holds. */
export function leftOut({ path, reason }: SkippedRow): string {
  // eslint-disable-next-line no-control-regex
  const name = /[\u0000-\u001f\u007f]/u.test(path) ? JSON.stringify(path) : path;
  return `${name} is left out: ${reason}`;
}

/** Decodes a photo as the whole run sees it. */
export function decodePhoto(
  folder: string,
  row: Pick<ImageRow, 'path'>,
  settings: PipelineConfig['photos'],
): Promise<RgbImage> {
  return decodeImage(join(folder, row.path), {
    maxPixels: settings.maxPixels,
    maxSide: settings.maxSide,
    profile: settings.colourProfile,
  });
}

/**
 * Checks the photos that were listed: every one is decoded once, so that no later stage meets a broken file.
 *
 * @throws U2SegError `not-found` when no photo can be read
 */
export async function indexPhotos(
  run: RunDirectory,
  folder: string,
  listing: PhotoListing,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<PhotoIndex> {
  const settings = config.photos;
  const listed = settings.limit > 0 ? listing.photos.slice(0, settings.limit) : listing.photos;
  const stamps = await Promise.all(
    listed.map(async ({ path, id }) => {
      const info = await stat(path).catch(() => undefined);
      return [id, info?.size, info?.mtimeMs];
    }),
  );
  const inputsHash = hashOf(settings, stamps);
  const images = new PartitionedTable(run.path('stages', 'images', 'images'), imagesTable, inputsHash);
  const skipped = new PartitionedTable(run.path('stages', 'images', 'skipped'), skippedTable, inputsHash);
  const done = await run.finished('images', inputsHash, resultSchema);
  if (done !== undefined) {
    return { folder, photos: await images.read(0), skipped: await skipped.read(0), dataHash: done.dataHash };
  }
  const photos: ImageRow[] = [];
  const left: SkippedRow[] = listing.skipped.map(({ path, reason }) => ({
    path: relative(resolve(folder), path),
    reason,
  }));
  let checked = 0;
  for await (const result of mapOrdered(listed, 2 * availableParallelism(), (photo) =>
    check(folder, photo, settings),
  )) {
    if ('reason' in result) left.push(result);
    else photos.push(result);
    checked += 1;
    onProgress({
      stage: 'images',
      done: checked,
      total: listed.length,
      unit: 'photos',
      values: { skipped: left.length },
    });
  }
  if (photos.length === 0) {
    const first = left[0];
    throw new U2SegError(
      'not-found',
      `${folder}: none of ${left.length} photos can be used${first === undefined ? '' : `; ${first.path}: ${first.reason}`}.`,
    );
  }
  await images.write(0, photos);
  await skipped.write(0, left);
  await images.finish(1);
  await skipped.finish(1);
  const dataHash = hashOf(photos.map(({ image_id, sha256 }) => [image_id, sha256]));
  await run.finish('images', inputsHash, { photos: photos.length, skipped: left.length, dataHash });
  return { folder, photos, skipped: left, dataHash };
}

async function check(
  folder: string,
  photo: PhotoFile,
  settings: PipelineConfig['photos'],
): Promise<ImageRow | SkippedRow> {
  try {
    const { height, width } = await decodePhoto(folder, { path: photo.relativePath }, settings);
    return { image_id: photo.id, path: photo.relativePath, height, width, sha256: await hashFile(photo.path) };
  } catch (cause) {
    if (!(cause instanceof U2SegError)) throw cause;
    return { path: photo.relativePath, reason: cause.message };
  }
}

/** Photos of a partition. */
export function photosOf(index: PhotoIndex, p: number): readonly ImageRow[] {
  return index.photos.slice(p * photosPerPartition, (p + 1) * photosPerPartition);
}
