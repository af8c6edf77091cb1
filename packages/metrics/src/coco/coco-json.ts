import {
  cocoImages,
  cocoInstance,
  scoringRules,
  U2SegError,
  type CocoCategoryRecord,
  type JsonObject,
} from '@u2seg/core';
import {
  arrayAt,
  badRecord,
  bboxAt,
  cocoCategories,
  cocoInstanceShape,
  entryAt,
  finiteAt,
  integerAt,
  isJsonObject,
  objectAt,
} from '@u2seg/core/internal';
import { readJsonList } from '../json/json-list.ts';
import { addSegmentation } from './coco-segmentation.ts';
import {
  indexById,
  sortedById,
  type CocoCategory,
  type CocoDetections,
  type CocoGroundTruth,
  type CocoImage,
} from './coco-tables.ts';
import { PolygonStore } from './polygon-store.ts';
import { RunTableBuilder, type RunTable } from './run-table.ts';

/**
 * Reads COCO instances ground truth (`instances_val2017.json`). Masks are checked and rasterised when first asked for.
 *
 * @param file - its name, for error messages
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an id that occurs twice
 */
export function readCocoGroundTruth(file: string, source: string | Uint8Array): CocoGroundTruth {
  const list = readJsonList(file, source, 'annotations');
  const root = objectAt(`${file}: the file`, list.root);
  const images = sortedById(`${file}: images`, readImages(file, root));
  const categories = sortedById(`${file}: categories`, cocoCategories(file, root, scoringRules).map(categoryOf));
  const imageAt = indexById(images);
  const categoryAt = indexById(categories);
  arrayAt(file, root, 'annotations');
  const n = list.length;
  const columns = {
    length: n,
    ids: new Float64Array(n),
    imageIndex: new Int32Array(n),
    categoryIndex: new Int32Array(n),
    bboxXywh: new Float64Array(4 * n),
    area: new Float64Array(n),
    crowd: new Uint8Array(n),
  };
  const seen = new Set<number>();
  let segmentations: PolygonStore | undefined = new PolygonStore(n);
  list.forEach((value, i) => {
    if (isJsonObject(value) && value['segments_info'] !== undefined) {
      throw new U2SegError(
        'bad-format',
        `${file}: annotations[${i}] is a panoptic annotation (segments_info); wanted an instance.`,
      );
    }
    const instance = cocoInstance(file, i, value, imageAt, categoryAt, seen, scoringRules);
    const { bboxXywh, area, isCrowd } = cocoInstanceShape(instance, scoringRules);
    columns.ids[i] = instance.id;
    columns.imageIndex[i] = instance.image;
    columns.categoryIndex[i] = instance.category;
    columns.bboxXywh.set(bboxXywh, 4 * i);
    columns.area[i] = area;
    columns.crowd[i] = isCrowd ? 1 : 0;
    segmentations!.add(instance.record['segmentation']);
  });
  let runs: RunTable | undefined;
  const rasterise = (): RunTable => {
    runs ??= segmentations!.rasterise(
      (row) => `${file}: annotations[${row}] (id ${columns.ids[row]!})`,
      (row) => images[columns.imageIndex[row]!]!,
    );
    segmentations = undefined;
    return runs;
  };
  return { images, categories, annotations: { ...columns, runs: rasterise } };
}

export interface CocoResultsOptions {
  /** What to do with a category the ground truth does not have: refuse the file, or leave the detection out (as pycocotools does, silently). */
  readonly unknownCategory?: 'error' | 'drop';
}

/**
 * Reads detections in COCO's results format, as detectron2's `coco_instances_results.json`: a list of
 * `{ image_id, category_id, score, bbox?, segmentation? }`, all with a box, or all with a mask, or both.
 *
 * @throws U2SegError `bad-format` naming file, record and field (NaN scores, unknown images or categories, masks of another
 *   size than their image)
 */
export function readCocoResults(
  file: string,
  source: string | Uint8Array,
  gt: CocoGroundTruth,
  options: CocoResultsOptions = {},
): CocoDetections {
  const categoryAt = indexById(gt.categories);
  const drop = options.unknownCategory === 'drop';
  return readDetections(file, source, gt.images, (where, record) =>
    drop && typeof record['category_id'] === 'number' && !categoryAt.has(record['category_id'])
      ? undefined
      : entryAt(where, record, 'category_id', categoryAt, "the ground truth's categories"),
  );
}

/** More clusters than anyone makes; a larger `category_id` is a mistake, and would cost a row of votes for each below it. */
const maxClusters = 100_000;

/**
 * Reads detections whose `category_id` is a cluster from 0 on.
 *
 * @returns the detections, cluster ids in `categoryIndex`, and one more than the largest of them
 * @throws U2SegError as {@link readCocoResults}
 */
export function readClusteredResults(
  file: string,
  source: string | Uint8Array,
  images: readonly CocoImage[],
): { readonly detections: CocoDetections; readonly numClusters: number } {
  let largest = 0;
  const detections = readDetections(file, source, images, (where, record) => {
    const cluster = integerAt(where, record, 'category_id');
    if (cluster >= maxClusters) {
      throw badRecord(where, 'category_id', `a cluster in [0, ${maxClusters})`, cluster);
    }
    if (cluster > largest) largest = cluster;
    return cluster;
  });
  return { detections, numClusters: largest + 1 };
}

/** @param categoryOf - index of a record's category; undefined leaves the record out */
function readDetections(
  file: string,
  source: string | Uint8Array,
  images: readonly CocoImage[],
  categoryOf: (where: string, record: JsonObject) => number | undefined,
): CocoDetections {
  const list = readJsonList(file, source);
  if (!Array.isArray(list.root)) throw new U2SegError('bad-format', `${file}: must be a list of detections.`);
  const imageAt = indexById(images);
  const imageIndex = new Int32Array(list.length);
  const categoryIndex = new Int32Array(list.length);
  const score = new Float64Array(list.length);
  const bboxXywh = new Float64Array(4 * list.length);
  const masks = new RunTableBuilder();
  let withBoxes = false;
  let withMasks = list.length === 0;
  let n = 0;
  list.forEach((value, i) => {
    const where = `${file}: [${i}]`;
    const record = objectAt(where, value);
    const category = categoryOf(where, record);
    if (category === undefined) return;
    if (n === 0) {
      withBoxes = record['bbox'] !== undefined;
      withMasks = record['segmentation'] !== undefined;
      if (!withBoxes && !withMasks) throw badRecord(where, 'bbox or segmentation', 'given', undefined);
    }
    const image = entryAt(where, record, 'image_id', imageAt, "the ground truth's images");
    imageIndex[n] = image;
    categoryIndex[n] = category;
    score[n] = finiteAt(where, record, 'score');
    if (withBoxes) bboxXywh.set(bboxAt(where, record), 4 * n);
    if (withMasks) addSegmentation(where, record['segmentation'], images[image]!, masks);
    n += 1;
  });
  const runs = withMasks || n === 0 ? masks.build() : undefined;
  return {
    length: n,
    imageIndex: imageIndex.subarray(0, n),
    categoryIndex: categoryIndex.subarray(0, n),
    bboxXywh: withBoxes || runs === undefined ? bboxXywh.subarray(0, 4 * n) : runs.bboxXywh.slice(),
    score: score.subarray(0, n),
    runs,
  };
}

/** The images of a COCO file, instances or panoptic. */
export function readImages(file: string, root: JsonObject): CocoImage[] {
  return cocoImages(file, root, scoringRules).map(({ id, height, width, record }) => {
    const fileName = record['file_name'];
    return { id, height, width, fileName: typeof fileName === 'string' ? fileName : '' };
  });
}

/** A category with `isThing`, which files of instances leave out. */
export function categoryOf({ id, name, isThing }: CocoCategoryRecord): CocoCategory & { readonly isThing: boolean } {
  return { id, name, isThing };
}
