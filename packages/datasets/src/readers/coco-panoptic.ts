/** COCO panoptic: a JSON of segments and a PNG of their ids for each image. */
import { join } from 'node:path';
import { datasetRules, panopticRecord, type PanopticRecord, type Rle, rleArea, rleBbox, U2SegError } from '@u2seg/core';
import { arrayAt, badRecord, panopticSegments } from '@u2seg/core/internal';
import { type PanopticMap, readPanopticPng } from '../label-png.ts';
import { quoteName } from '../read-source.ts';
import { cocoImagePath, readCocoIndex } from './coco-index.ts';
import type { AnnotatedSegment, Dataset } from './dataset.ts';
import { readJsonObject } from './json-file.ts';

export interface CocoPanopticFiles {
  readonly name: string;
  readonly split: string;
  /** The panoptic JSON. */
  readonly annotations: string;
  /** Folder of the PNG files. */
  readonly panopticFolder: string;
  readonly imageFolder: string;
}

/**
 * Opens a COCO panoptic data set. Only annotated images are listed, in the order of `annotations`. A box or an area that the JSON
 * leaves out is the map's.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, record and field, `conflict` for an image annotated twice
 */
export async function openCocoPanoptic(files: CocoPanopticFiles): Promise<Dataset> {
  const json = await readJsonObject(files.annotations);
  const index = readCocoIndex(files.annotations, json, files.imageFolder, cocoImagePath);
  const records = new Map<number, PanopticRecord>();
  const seen = new Set<number>();
  arrayAt(index.name, json, 'annotations').forEach((value, i) => {
    const annotation = panopticRecord(index.name, i, value, index.images, seen, datasetRules);
    records.set(annotation.imageId, annotation);
  });
  return {
    name: files.name,
    split: files.split,
    categories: [...index.categories.values()],
    images: [...records.keys()].map((id) => index.images.get(id)!),
    load: async (image) => {
      const numericId = Number(image.id);
      const annotation = records.get(numericId);
      if (annotation === undefined)
        throw new U2SegError('not-found', `${index.name}: there is no annotated image ${image.id}.`);
      const { id, path, height, width } = index.images.get(numericId)!;
      const png = join(files.panopticFolder, annotation.fileName);
      const map = await readPanopticPng(png);
      if (map.height !== height || map.width !== width) {
        throw new U2SegError(
          'bad-format',
          `${quoteName(png)} has ${map.width} x ${map.height} pixels, its image ${image.id} has ${width} x ${height}.`,
        );
      }
      const masks = masksOfIds(map);
      const known = panopticSegments(annotation, index.categories);
      const segments = known.map(({ where, id: segmentId, category, isCrowd, ...stated }): AnnotatedSegment => {
        const mask = masks.get(segmentId);
        if (mask === undefined) throw badRecord(where, 'id', `an id found in ${quoteName(png)}`, segmentId);
        const { bboxXywh = rleBbox(mask), area = rleArea(mask) } = stated;
        return { categoryId: category.id, isThing: category.isThing, mask, bboxXywh, area, isCrowd };
      });
      const listed = new Set(known.map((segment) => segment.id));
      for (const segmentId of masks.keys()) {
        if (segmentId !== 0 && !listed.has(segmentId)) {
          throw new U2SegError(
            'bad-format',
            `${quoteName(png)} holds segment ${segmentId}, which ${annotation.where}: segments_info lacks.`,
          );
        }
      }
      return { id, path, height, width, segments };
    },
  };
}

/** Run lengths of every id of a map, 0 included, from one walk down its columns. */
export function masksOfIds({ ids, height, width }: PanopticMap): Map<number, Rle> {
  const runs = new Map<number, { counts: number[]; end: number }>();
  const total = height * width;
  for (let at = 0, x = 0, y = 0; at < total;) {
    const start = at;
    const id = ids[y * width + x]!;
    do {
      at += 1;
      y += 1;
      if (y === height) {
        y = 0;
        x += 1;
      }
    } while (at < total && ids[y * width + x] === id);
    let run = runs.get(id);
    if (run === undefined) runs.set(id, (run = { counts: [], end: 0 }));
    run.counts.push(start - run.end, at - start);
    run.end = at;
  }
  const masks = new Map<number, Rle>();
  for (const [id, { counts, end }] of runs) {
    if (end < total) counts.push(total - end);
    masks.set(id, { height, width, counts: Uint32Array.from(counts) });
  }
  return masks;
}
