/** COCO instances JSON, and every data set that is distributed in that form. */
import { cocoInstance, datasetRules, U2SegError, type CocoInstanceRecord } from '@u2seg/core';
import { arrayAt, cocoInstanceShape, cocoMask } from '@u2seg/core/internal';
import { cocoImagePath, type CocoImage, type ImagePathRule, readCocoIndex } from './coco-index.ts';
import type { AnnotatedSegment, Dataset, DatasetCategory } from './dataset.ts';
import { readJsonObject } from './json-file.ts';

type Instance = CocoInstanceRecord<CocoImage, DatasetCategory>;

export interface CocoInstancesFiles {
  readonly name: string;
  readonly split: string;
  /** The instances JSON. */
  readonly annotations: string;
  readonly imageFolder: string;
  /** How an image's record names its file; by `file_name` unless told otherwise. */
  readonly imagePath?: ImagePathRule;
  /** What categories are that do not say so with `isthing`; things unless told otherwise (COCO's stuff JSON is told). */
  readonly isThing?: boolean;
}

/**
 * Opens a COCO instances JSON. Ids are checked at once; polygons and run lengths are read image by image.
 *
 * An annotation without `segmentation` is a box. Images without annotations stay in the list.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, record and field, `conflict` for an id that occurs twice
 */
export async function openCocoInstances(files: CocoInstancesFiles): Promise<Dataset> {
  const json = await readJsonObject(files.annotations);
  const index = readCocoIndex(
    files.annotations,
    json,
    files.imageFolder,
    files.imagePath ?? cocoImagePath,
    files.isThing,
  );
  const ofImage = new Map<number, Instance[]>();
  const ids = new Set<number>();
  arrayAt(index.name, json, 'annotations').forEach((value, i) => {
    const instance = cocoInstance(index.name, i, value, index.images, index.categories, ids, datasetRules);
    const list = ofImage.get(instance.image.numericId);
    if (list === undefined) ofImage.set(instance.image.numericId, [instance]);
    else list.push(instance);
  });
  return {
    name: files.name,
    split: files.split,
    categories: [...index.categories.values()],
    images: [...index.images.values()],
    load: async (image) => {
      const known = index.images.get(Number(image.id));
      if (known === undefined) throw new U2SegError('not-found', `${index.name}: there is no image ${image.id}.`);
      const segments = (ofImage.get(known.numericId) ?? []).map(readInstance);
      const { id, path, height, width } = known;
      return { id, path, height, width, segments };
    },
  };
}

function readInstance(instance: Instance): AnnotatedSegment {
  const { where, image, category } = instance;
  const { segmentation } = instance.record;
  const { bboxXywh, area, isCrowd } = cocoInstanceShape(instance);
  const segment = { categoryId: category.id, isThing: category.isThing, bboxXywh, area, isCrowd };
  const mask = cocoMask(where, segmentation, image, datasetRules);
  return mask === undefined ? segment : { ...segment, mask };
}
