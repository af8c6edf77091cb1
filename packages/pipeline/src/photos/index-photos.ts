/** Which photos there are, and which are left out for what reason. */
import { availableParallelism } from 'node:os';
import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { mapOrdered, U2SegError } from '@u2seg/core';
import type { PhotoFile, PhotoListing } from '@u2seg/datasets';
import { imagesTable, PartitionedTable, skippedTable, type ImageRow, type SkippedRow } from '@u2seg/interchange';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { hashFile, hashOf } from '../run/hash.ts';
import { photoWarnings } from '../run/health.ts';
import type { PhotoIndex } from '../run/photo-index.ts';
import { runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { FitContext, Stage } from '../run/stage.ts';
import { decodePhoto } from './decode-photo.ts';

/** Photos left out that are named one by one; more are counted. */
const namedAtMost = 10;

/** Lists and checks the photos. */
export const imagesStage: Stage<PhotoIndex> = {
  name: 'images',
  title: 'Photos',
  needs: [],
  run: (context) => indexPhotos(context, { folder: context.photos, listing: context.listing }),
  describe: ({ photos, skipped }) =>
    `${photos.length} photos${skipped.length === 0 ? '' : `, ${skipped.length} left out`}`,
  remark: ({ skipped }, reporter) => {
    for (const one of skipped.slice(0, namedAtMost)) reporter.warn(leftOut(one));
    if (skipped.length > namedAtMost)
      reporter.warn(`${skipped.length - namedAtMost} more are left out; stages/images/skipped lists them all.`);
  },
  reuse: { settings: ({ photos }) => photos },
  reportLines: (results) => {
    const { photos, skipped } = results.of(imagesStage);
    return [{ items: photos.length, detail: `${skipped.length} left out` }];
  },
  warnings: (results) => photoWarnings(results.of(imagesStage)),
};

/** What the stages after the first are given. */
export function stageContext({ run, config, onProgress, results }: FitContext): StageContext {
  return { run, config, onProgress, index: results.of(imagesStage) };
}

const resultSchema = z.object({ photos: z.number(), skipped: z.number(), dataHash: z.string() });

/** Why a photo is left out, on one line whatever its name holds. */
export function leftOut({ path, reason }: SkippedRow): string {
  // eslint-disable-next-line no-control-regex
  const name = /[\u0000-\u001f\u007f]/u.test(path) ? JSON.stringify(path) : path;
  return `${name} is left out: ${reason}`;
}

/**
 * Checks the photos that were listed: every one is decoded once, so that no later stage meets a broken file.
 *
 * @throws U2SegError `not-found` when no photo can be read
 */
export async function indexPhotos(
  { run, config, onProgress }: Omit<StageContext, 'index'>,
  { folder, listing }: { readonly folder: string; readonly listing: PhotoListing },
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
  const work = async (): Promise<z.infer<typeof resultSchema>> => {
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
    return { photos: photos.length, skipped: left.length, dataHash };
  };
  const { dataHash } = await runStage({ run }, { name: 'images', inputsHash, result: resultSchema, work });
  return { folder, photos: await images.read(0), skipped: await skipped.read(0), dataHash };
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
