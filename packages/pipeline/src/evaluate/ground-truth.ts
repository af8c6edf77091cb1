import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { availableParallelism } from 'node:os';
import { ioError, mapOrdered, U2SegError, type Rle } from '@u2seg/core';
import { masksOfIds, readImageHeader, readPanopticPng, type PanopticMap } from '@u2seg/datasets';
import { readPanopticJson, type PanopticAnnotation, type PanopticCategory } from '@u2seg/metrics';
import type { PipelineConfig } from '../config/config.ts';
import type { PhotoIndex } from '../run/photo-index.ts';
import { scoredCategories, semanticClassesOf, type SemanticClasses } from './scored-classes.ts';
import { hashFile } from '../run/hash.ts';

/** Ground truth of one photo. */
export interface PhotoTruth {
  readonly map: PanopticMap;
  /** Its segments in the categories of {@link GroundTruth.categories}. */
  readonly annotation: PanopticAnnotation;
  readonly masks: ReadonlyMap<number, Rle>;
  /** Category of each segment as the file has it, by segment id. */
  readonly fileCategories: ReadonlyMap<number, number>;
}

/** COCO panoptic ground truth, matched to the photos of a run by file name. */
export interface GroundTruth {
  readonly path: string;
  readonly sha256: string;
  /** What the categories are, for reports. */
  readonly classes: string;
  /** Categories that are scored. */
  readonly categories: readonly PanopticCategory[];
  /** Class lists of semantic evaluation that fit the file's categories. */
  readonly semanticClasses: readonly SemanticClasses[];
  /** Positions in the photo index that have an annotation, ascending. */
  readonly photos: readonly number[];
  /** Annotated images without a photo in the run. */
  readonly unmatched: number;
  /** @throws U2SegError `not-found`, `bad-format` naming the PNG */
  load(photo: number): Promise<PhotoTruth>;
}

/**
 * Opens a COCO panoptic JSON; its PNG files lie in the folder of the same name beside it, as COCO ships them. The header of every
 * PNG is read, so that a mistake shows before the hours of work and not after them.
 *
 * @throws U2SegError `not-found` for a file, or when no annotated image is among the photos; `bad-format` naming file, record and
 *   field; `shape-mismatch` for a PNG of another size than its photo
 */
export async function openGroundTruth(
  path: string,
  index: PhotoIndex,
  classes: PipelineConfig['evaluate']['classes'] = 'given',
): Promise<GroundTruth> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw ioError(`${path}: the ground truth cannot be read`, cause);
  });
  const dataset = readPanopticJson(path, new Uint8Array(bytes));
  const folder = join(dirname(path), basename(path, extname(path)));
  const byPath = new Map(index.photos.map(({ path: name }, i) => [name, i]));
  const byName = new Map<string, number | undefined>();
  index.photos.forEach(({ path: name }, i) => byName.set(basename(name), byName.has(basename(name)) ? undefined : i));
  const fileNames = new Map(dataset.images.map(({ id, fileName }) => [id, fileName]));
  const found = new Map<number, PanopticAnnotation>();
  let unmatched = 0;
  for (const annotation of dataset.annotations) {
    // A prediction-like JSON lists no images; then the PNG is named like the photo.
    const name = fileNames.get(annotation.imageId) ?? annotation.fileName.replace(/\.png$/u, '.jpg');
    const photo = byPath.get(name) ?? byName.get(basename(name));
    if (photo === undefined) unmatched += 1;
    else found.set(photo, annotation);
  }
  if (found.size === 0) {
    throw new U2SegError(
      'not-found',
      `${path}: none of its ${unmatched} annotated images is among the ${index.photos.length} photos (they are matched by file name).`,
    );
  }
  await checkSizes(path, folder, index, found);
  const scored = scoredCategories(dataset.categories, classes);
  return {
    path,
    sha256: await hashFile(path),
    classes: scored.name,
    categories: scored.categories,
    semanticClasses: semanticClassesOf(dataset.categories),
    photos: [...found.keys()].sort((a, b) => a - b),
    unmatched,
    load: async (photo) => {
      const annotation = found.get(photo)!;
      const map = await readPanopticPng(join(folder, annotation.fileName));
      const segments = annotation.segments.map((one) => ({ ...one, categoryId: scored.idOf(one.categoryId) }));
      const fileCategories = new Map(annotation.segments.map(({ id, categoryId }) => [id, categoryId]));
      return { map, annotation: { ...annotation, segments }, masks: masksOfIds(map), fileCategories };
    },
  };
}

async function checkSizes(
  path: string,
  folder: string,
  index: PhotoIndex,
  annotations: ReadonlyMap<number, PanopticAnnotation>,
): Promise<void> {
  const headers = mapOrdered(annotations, 2 * availableParallelism(), async ([photo, { fileName }]) => ({
    photo: index.photos[photo]!,
    fileName,
    png: await readImageHeader(join(folder, fileName)),
  }));
  for await (const { photo, fileName, png } of headers) {
    if (png.height === photo.height && png.width === photo.width) continue;
    throw new U2SegError(
      'shape-mismatch',
      `${path}: ${fileName} has ${png.width} x ${png.height} pixels, photo ${photo.path} ${photo.width} x ${photo.height}; photos.maxSide must be 0 or not below the photos' size to score them (--set photos.maxSide=0).`,
    );
  }
}
