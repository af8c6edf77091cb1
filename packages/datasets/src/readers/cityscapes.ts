/** Cityscapes: fine annotations as 16-bit instance maps. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rleArea, rleBbox, U2SegError } from '@u2seg/core';
import { readLabelPng } from '../label-png.ts';
import { compareCodeUnits } from '../list-photos.ts';
import { fileError, quoteName } from '../read-source.ts';
import { masksOfIds } from './coco-panoptic.ts';
import type { AnnotatedSegment, Dataset, DatasetCategory, DatasetImage } from './dataset.ts';

/** Label ids from 0: name and group, as in the published table; `person` to `bicycle` have instances. */
const table =
  'unlabeled/void ego vehicle/void rectification border/void out of roi/void static/void dynamic/void ground/void road/flat ' +
  'sidewalk/flat parking/flat rail track/flat building/construction wall/construction fence/construction ' +
  'guard rail/construction bridge/construction tunnel/construction pole/object polegroup/object traffic light/object ' +
  'traffic sign/object vegetation/nature terrain/nature sky/sky person/human rider/human car/vehicle truck/vehicle ' +
  'bus/vehicle caravan/vehicle trailer/vehicle train/vehicle motorcycle/vehicle bicycle/vehicle';

/** Cityscapes' label ids 7 to 33; 0 to 6 are void. */
export const cityscapesCategories: readonly DatasetCategory[] = [...table.matchAll(/([^/]+)\/(\S+) ?/gu)]
  .map(([, name, supercategory], id) => ({
    id,
    name: name!,
    supercategory: supercategory!,
    isThing: supercategory === 'human' || supercategory === 'vehicle',
  }))
  .filter(({ supercategory }) => supercategory !== 'void');

/**
 * Opens a split (`train`, `val`) of Cityscapes.
 *
 * In `*_gtFine_instanceIds.png` a value below 1000 is a label id: stuff, or a group of things that nobody told apart
 * (`isCrowd`); other values are label id times 1000 plus a running number. Label ids below 7 are void.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`
 */
export async function openCityscapes(root: string, split: string): Promise<Dataset> {
  const images = await listFrames(root, split);
  const categories = new Map(cityscapesCategories.map((category) => [category.id, category]));
  return {
    name: 'cityscapes',
    split,
    categories: cityscapesCategories,
    images,
    load: async ({ id, path }) => {
      const png = join(root, 'gtFine', split, `${id}_gtFine_instanceIds.png`);
      const { labels, height, width } = await readLabelPng(png);
      const segments: AnnotatedSegment[] = [];
      const semantic = new Uint8Array(labels.length).fill(255);
      const masks = masksOfIds({ ids: Uint32Array.from(labels), height, width });
      for (const value of [...masks.keys()].sort((a, b) => a - b)) {
        const labelId = value < 1000 ? value : Math.floor(value / 1000);
        if (labelId < 7) continue;
        const category = categories.get(labelId);
        if (category === undefined) {
          throw new U2SegError(
            'bad-format',
            `${quoteName(png)}: value ${value} stands for label ${labelId}, wanted 0 to 33.`,
          );
        }
        const mask = masks.get(value)!;
        const isCrowd = category.isThing && value < 1000;
        segments.push({
          categoryId: labelId,
          isThing: category.isThing,
          mask,
          bboxXywh: rleBbox(mask),
          area: rleArea(mask),
          isCrowd,
        });
      }
      for (let i = 0; i < labels.length; i += 1) {
        const labelId = labels[i]! < 1000 ? labels[i]! : Math.floor(labels[i]! / 1000);
        if (labelId >= 7) semantic[i] = labelId;
      }
      return { id, path, height, width, segments, semantic: { labels: semantic, height, width, voidLabel: 255 } };
    },
  };
}

async function listFrames(root: string, split: string): Promise<DatasetImage[]> {
  const folder = join(root, 'leftImg8bit', split);
  const images: DatasetImage[] = [];
  try {
    for (const city of (await readdir(folder)).sort(compareCodeUnits)) {
      for (const file of (await readdir(join(folder, city))).sort(compareCodeUnits)) {
        const frame = /^(.+)_leftImg8bit\.png$/u.exec(file)?.[1];
        if (frame !== undefined) images.push({ id: `${city}/${frame}`, path: join(folder, city, file) });
      }
    }
  } catch (cause) {
    throw fileError('cannot list', folder, cause);
  }
  return images;
}
