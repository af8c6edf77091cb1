/** KITTI object detection: one text file of boxes an image. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readImageHeader } from '../decode-image.ts';
import { compareCodeUnits } from '../list-photos.ts';
import { fileError, quoteName } from '../read-source.ts';
import type { AnnotatedSegment, Dataset, DatasetCategory } from './dataset.ts';
import { stemOf } from './semantic-pairs.ts';

/** KITTI's eight object types in the order of its development kit; `DontCare` regions come as crowds of the last id. */
export const kittiCategories: readonly DatasetCategory[] = [
  'Car',
  'Van',
  'Truck',
  'Pedestrian',
  'Person_sitting',
  'Cyclist',
  'Tram',
  'Misc',
  'DontCare',
].map((name, i) => ({ id: i + 1, name, supercategory: name, isThing: true }));

/**
 * Opens `training/image_2` with `training/label_2`. Only training images have labels; KITTI fixes no validation split.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, line and field
 */
export async function openKitti(root: string): Promise<Dataset> {
  const folder = join(root, 'training', 'image_2');
  const files = await readdir(folder).catch((cause: unknown) => {
    throw fileError('cannot list', folder, cause);
  });
  const byName = new Map(kittiCategories.map((category) => [category.name, category.id]));
  return {
    name: 'kitti',
    split: 'training',
    categories: kittiCategories,
    images: files
      .filter((file) => file.endsWith('.png'))
      .sort(compareCodeUnits)
      .map((file) => ({
        id: stemOf(file),
        path: join(folder, file),
      })),
    load: async ({ id, path }) => {
      const { height, width } = await readImageHeader(path);
      const label = join(root, 'training', 'label_2', `${id}.txt`);
      const text = await readFile(label, 'utf8').catch((cause: unknown) => {
        throw fileError('cannot read', label, cause);
      });
      const lines = text.split(/\r?\n/u).filter((line) => line.trim() !== '');
      const segments = lines.map((line, i) => readLine(`${quoteName(label)}: line ${i + 1}`, line, byName));
      return { id, path, height, width, segments };
    },
  };
}

/** `type truncated occluded alpha left top right bottom ...`: pixels from 0, ends included as real numbers. */
function readLine(where: string, line: string, byName: ReadonlyMap<string, number>): AnnotatedSegment {
  const fields = line.trim().split(/\s+/u);
  const categoryId = byName.get(fields[0]!);
  if (categoryId === undefined) {
    throw new U2SegError(
      'bad-format',
      `${where}: type must be one of ${[...byName.keys()].join(', ')}; got ${quoteName(fields[0]!)}.`,
    );
  }
  const [left, top, right, bottom] = fields.slice(4, 8).map(Number);
  if (![left, top, right, bottom].every(Number.isFinite) || right! < left! || bottom! < top!) {
    throw new U2SegError(
      'bad-format',
      `${where}: fields 5 to 8 must be left top right bottom, got ${quoteName(fields.slice(4, 8).join(' '))}.`,
    );
  }
  const [width, height] = [right! - left!, bottom! - top!];
  return {
    categoryId,
    isThing: true,
    bboxXywh: [left!, top!, width, height],
    area: width * height,
    isCrowd: fields[0] === 'DontCare',
  };
}
