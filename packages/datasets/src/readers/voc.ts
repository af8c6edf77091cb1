/** Pascal VOC and the data sets in its format (Clipart1k, Watercolor2k, Comic2k): one XML file of boxes an image. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BboxXywh, type Rle, rleArea, rleBbox, U2SegError } from '@u2seg/core';
import { readImageHeader } from '../decode-image.ts';
import { readLabelPng } from '../label-png.ts';
import { fileError, quoteName } from '../read-source.ts';
import { masksOfIds } from './coco-panoptic.ts';
import type { AnnotatedSegment, Dataset, DatasetCategory } from './dataset.ts';
import { readNames } from './semantic-pairs.ts';

const names =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor';

/** The 20 classes of Pascal VOC, ids 1 to 20 in alphabetical order. */
export const vocCategories: readonly DatasetCategory[] = names
  .split(' ')
  .map((name, i) => ({ id: i + 1, name, supercategory: name, isThing: true }));

/** The six classes of Watercolor2k and Comic2k, with VOC's ids. */
export const vocSixCategories: readonly DatasetCategory[] = vocCategories.filter(({ name }) =>
  ['bicycle', 'bird', 'car', 'cat', 'dog', 'person'].includes(name),
);

export interface VocFiles {
  readonly name: string;
  /** Name of a list in `ImageSets/Main` (boxes) or `ImageSets/Segmentation` (masks), for example `val`. */
  readonly split: string;
  /** Folder that holds `JPEGImages`, for example `VOCdevkit/VOC2012`. */
  readonly root: string;
  readonly categories: readonly DatasetCategory[];
}

/**
 * Opens the boxes of a VOC split. VOC counts pixels from 1 and includes the last one; the boxes here start at 0:
 * `[xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1]`. Elements may carry attributes, what is commented out is not there, and
 * a size of 0, as some tools leave it, is the photo's own.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, object and field
 */
export async function openVocBoxes({ name, split, root, categories }: VocFiles): Promise<Dataset> {
  const ids = await readNames(join(root, 'ImageSets', 'Main', `${split}.txt`));
  const byName = new Map(categories.map((category) => [category.name, category]));
  return {
    name,
    split,
    categories,
    images: ids
      .map((line) => line.split(/\s+/u)[0]!)
      .map((id) => ({ id, path: join(root, 'JPEGImages', `${id}.jpg`) })),
    load: async ({ id, path }) => {
      const file = join(root, 'Annotations', `${id}.xml`);
      const text = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw fileError('cannot read', file, cause);
      });
      const xml = text.replaceAll(/<!--[\s\S]*?-->/gu, '');
      const where = quoteName(file);
      const size = textOf(where, xml, 'size');
      const segments = [...xml.matchAll(element('object', 'gu'))].map(([, body], i): AnnotatedSegment => {
        const at = `${where}: object[${i}]`;
        // parts (head, hand, foot) have names and boxes of their own
        const object = body!.replaceAll(element('part', 'gu'), '');
        const label = textOf(at, object, 'name');
        const category = byName.get(label);
        if (category === undefined) {
          throw new U2SegError(
            'bad-format',
            `${at}: name must be one of ${[...byName.keys()].join(', ')}; got ${quoteName(label)}.`,
          );
        }
        const bboxXywh = boxOf(at, textOf(at, object, 'bndbox'));
        return {
          categoryId: category.id,
          isThing: true,
          bboxXywh,
          area: bboxXywh[2] * bboxXywh[3],
          isCrowd: false,
          isDifficult: element('difficult').exec(object)?.[1]?.trim() === '1',
        };
      });
      const stated = { height: numberOf(where, size, 'height'), width: numberOf(where, size, 'width') };
      const { height, width } = stated.height > 0 && stated.width > 0 ? stated : await readImageHeader(path);
      return { id, path, height, width, segments };
    },
  };
}

/**
 * Opens the masks of a VOC segmentation split: objects from `SegmentationObject`, their classes from `SegmentationClass`.
 * 255 (outlines, doubtful regions) and 0 (background) belong to no object; the semantic map keeps background as 0.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`
 */
export async function openVocMasks({ name, split, root, categories }: VocFiles): Promise<Dataset> {
  const ids = await readNames(join(root, 'ImageSets', 'Segmentation', `${split}.txt`));
  return {
    name,
    split,
    categories,
    images: ids.map((id) => ({ id, path: join(root, 'JPEGImages', `${id}.jpg`) })),
    load: async ({ id, path }) => {
      const classFile = join(root, 'SegmentationClass', `${id}.png`);
      const objectFile = join(root, 'SegmentationObject', `${id}.png`);
      const semantic = await readLabelPng(classFile);
      const objects = await readLabelPng(objectFile);
      const { height, width } = semantic;
      if (objects.height !== height || objects.width !== width) {
        throw new U2SegError('bad-format', `${quoteName(objectFile)} and ${quoteName(classFile)} differ in size.`);
      }
      const masks = masksOfIds({ ids: Uint32Array.from(objects.labels), height, width });
      const segments = [...masks.keys()]
        .filter((value) => value !== 0 && value !== 255)
        .sort((a, b) => a - b)
        .map((value) => {
          const categoryId = semantic.labels[objects.labels.indexOf(value)]!;
          if (!categories.some((category) => category.id === categoryId)) {
            throw new U2SegError(
              'bad-format',
              `${quoteName(objectFile)}: object ${value} has the class ${categoryId}, wanted 1 to 20.`,
            );
          }
          return maskSegment(masks.get(value)!, categoryId);
        });
      return { id, path, height, width, segments, semantic: { ...semantic, voidLabel: 255 } };
    },
  };
}

/** Matches an element with or without attributes; its content is the first group. */
function element(name: string, flags: string = 'u'): RegExp {
  return new RegExp(`<${name}(?:\\s(?:[^>]*[^>/])?)?>([\\s\\S]*?)</${name}\\s*>`, flags);
}

function textOf(where: string, xml: string, field: string): string {
  const found = element(field).exec(xml)?.[1]?.trim();
  if (found === undefined || found === '') throw new U2SegError('bad-format', `${where}: <${field}> is missing.`);
  return found;
}

function numberOf(where: string, xml: string, field: string): number {
  const value = Number(textOf(where, xml, field));
  if (!Number.isFinite(value) || value < 0) {
    throw new U2SegError(
      'bad-format',
      `${where}: <${field}> must be a number >= 0, got ${quoteName(textOf(where, xml, field))}.`,
    );
  }
  return value;
}

function boxOf(where: string, xml: string): BboxXywh {
  const [x0, y0, x1, y1] = ['xmin', 'ymin', 'xmax', 'ymax'].map((field) =>
    numberOf(`${where}: bndbox`, xml, field),
  ) as [number, number, number, number];
  if (x1 < x0 || y1 < y0) throw new U2SegError('bad-format', `${where}: bndbox ends before it starts.`);
  return [x0 - 1, y0 - 1, x1 - x0 + 1, y1 - y0 + 1];
}

function maskSegment(mask: Rle, categoryId: number): AnnotatedSegment {
  return { categoryId, isThing: true, mask, bboxXywh: rleBbox(mask), area: rleArea(mask), isCrowd: false };
}
