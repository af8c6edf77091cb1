import { U2SegError } from '@u2seg/core';
import { readJsonList } from '../json/json-list.ts';
import {
  arrayAt,
  badRecord,
  bboxInto,
  finiteAt,
  integerAt,
  objectAt,
  sizeAt,
  type JsonObject,
} from '../json/json-record.ts';
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
  const root = objectAt(file, 'the file', list.root);
  const images = sortedById(`${file}: images`, readImages(file, root));
  const categories = sortedById(`${file}: categories`, readCategories(file, root));
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
    const at = `annotations[${i}]`;
    const record = objectAt(file, at, value);
    if (record['segments_info'] !== undefined) {
      throw new U2SegError(
        'bad-format',
        `${file}: ${at} is a panoptic annotation (segments_info); wanted an instance.`,
      );
    }
    const id = integerAt(file, at, record, 'id');
    const name = `${at} (id ${id})`;
    if (seen.has(id)) throw new U2SegError('conflict', `${file}: ${at}: id ${id} occurs twice.`);
    seen.add(id);
    columns.ids[i] = id;
    columns.imageIndex[i] = lookUp(file, name, record, 'image_id', imageAt, 'images');
    columns.categoryIndex[i] = lookUp(file, name, record, 'category_id', categoryAt, 'categories');
    bboxInto(file, name, record['bbox'], columns.bboxXywh, i);
    columns.area[i] = finiteAt(file, name, record, 'area', 0);
    const crowd = record['iscrowd'] ?? 0;
    if (crowd !== 0 && crowd !== 1) throw badRecord(file, name, 'iscrowd', '0 or 1', crowd);
    columns.crowd[i] = crowd;
    segmentations!.add(record['segmentation']);
  });
  let runs: RunTable | undefined;
  const rasterise = (): RunTable => {
    runs ??= segmentations!.rasterise(
      file,
      (row) => `annotations[${row}] (id ${columns.ids[row]!})`,
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
  return readDetections(file, source, gt.images, (name, record) =>
    drop && typeof record['category_id'] === 'number' && !categoryAt.has(record['category_id'])
      ? undefined
      : lookUp(file, name, record, 'category_id', categoryAt, "the ground truth's categories"),
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
  const detections = readDetections(file, source, images, (name, record) => {
    const cluster = integerAt(file, name, record, 'category_id');
    if (cluster >= maxClusters) {
      throw badRecord(file, name, 'category_id', `a cluster in [0, ${maxClusters})`, cluster);
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
  categoryOf: (name: string, record: JsonObject) => number | undefined,
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
    const name = `[${i}]`;
    const record = objectAt(file, name, value);
    const category = categoryOf(name, record);
    if (category === undefined) return;
    if (n === 0) {
      withBoxes = record['bbox'] !== undefined;
      withMasks = record['segmentation'] !== undefined;
      if (!withBoxes && !withMasks) throw badRecord(file, name, 'bbox or segmentation', 'given', undefined);
    }
    const image = lookUp(file, name, record, 'image_id', imageAt, "the ground truth's images");
    imageIndex[n] = image;
    categoryIndex[n] = category;
    score[n] = finiteAt(file, name, record, 'score');
    if (withBoxes) bboxInto(file, name, record['bbox'], bboxXywh, n);
    if (withMasks) addSegmentation(file, name, record['segmentation'], images[image]!, masks);
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

function readImages(file: string, root: JsonObject): CocoImage[] {
  return arrayAt(file, root, 'images').map((value, i) => {
    const at = `images[${i}]`;
    const record = objectAt(file, at, value);
    const id = integerAt(file, at, record, 'id');
    const name = `${at} (id ${id})`;
    const fileName = record['file_name'];
    return {
      id,
      ...sizeAt(file, name, record),
      fileName: typeof fileName === 'string' ? fileName : '',
    };
  });
}

/** The categories of a COCO file, with `isthing` where the file has it (panoptic). */
export function readCategories(file: string, root: JsonObject): (CocoCategory & { readonly isThing: boolean })[] {
  return arrayAt(file, root, 'categories').map((value, i) => {
    const at = `categories[${i}]`;
    const record = objectAt(file, at, value);
    const id = integerAt(file, at, record, 'id');
    const name = record['name'];
    const isThing = record['isthing'] ?? 1;
    if (isThing !== 0 && isThing !== 1) throw badRecord(file, `${at} (id ${id})`, 'isthing', '0 or 1', isThing);
    return { id, name: typeof name === 'string' ? name : String(id), isThing: isThing === 1 };
  });
}

function lookUp(
  file: string,
  name: string,
  record: JsonObject,
  field: string,
  at: Map<number, number>,
  where: string,
): number {
  const id = record[field];
  const index = typeof id === 'number' ? at.get(id) : undefined;
  if (index === undefined) throw badRecord(file, name, field, `one of ${where}`, id);
  return index;
}
