import { U2SegError } from '@u2seg/core';
import { addSegmentation } from './coco-segmentation.ts';
import {
  indexById,
  sortedById,
  type CocoCategory,
  type CocoDetections,
  type CocoGroundTruth,
  type CocoImage,
} from './coco-tables.ts';
import {
  arrayAt,
  badRecord,
  bboxInto,
  finiteAt,
  integerAt,
  isObject,
  objectAt,
  parseJson,
  type JsonObject,
} from './json-record.ts';
import { RunTableBuilder, type RunTable } from './run-table.ts';

/**
 * Reads COCO instances ground truth (`instances_val2017.json`). Masks are checked and rasterised when first asked for.
 *
 * @param file - its name, for error messages
 * @throws U2SegError `bad-format` naming file, record and field; `conflict` for an id that occurs twice
 */
export function readCocoGroundTruth(file: string, source: string | Uint8Array): CocoGroundTruth {
  const root = objectAt(file, 'the file', parseJson(file, source));
  const images = sortedById(`${file}: images`, readImages(file, root));
  const categories = sortedById(`${file}: categories`, readCategories(file, root));
  const imageAt = indexById(images);
  const categoryAt = indexById(categories);
  const records = arrayAt(file, root, 'annotations');
  const n = records.length;
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
  for (let i = 0; i < n; i += 1) {
    const at = `annotations[${i}]`;
    const record = objectAt(file, at, records[i]);
    const id = integerAt(file, at, record, 'id');
    const name = `${at} (id ${id})`;
    if (seen.has(id)) throw new U2SegError('conflict', `${file}: ${at}: id ${id} occurs twice.`);
    seen.add(id);
    columns.ids[i] = id;
    columns.imageIndex[i] = lookUp(file, name, record, 'image_id', imageAt, 'images');
    columns.categoryIndex[i] = lookUp(file, name, record, 'category_id', categoryAt, 'categories');
    bboxInto(file, name, record['bbox'], columns.bboxXywh, i);
    columns.area[i] = finiteAt(file, name, record, 'area');
    const crowd = record['iscrowd'] ?? 0;
    if (crowd !== 0 && crowd !== 1) throw badRecord(file, name, 'iscrowd', '0 or 1', crowd);
    columns.crowd[i] = crowd;
  }
  let runs: RunTable | undefined;
  const rasterise = (): RunTable => {
    runs ??= readMasks(file, 'annotations', records as readonly JsonObject[], columns.imageIndex, images);
    return runs;
  };
  return { images, categories, annotations: { ...columns, runs: rasterise } };
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
  options: {
    /** What to do with a category the ground truth does not have: refuse the file, or leave the detection out (as pycocotools does, silently). */
    readonly unknownCategory?: 'error' | 'drop';
  } = {},
): CocoDetections {
  const root = parseJson(file, source);
  if (!Array.isArray(root)) throw new U2SegError('bad-format', `${file}: must be a list of detections.`);
  const imageAt = indexById(gt.images);
  const categoryAt = indexById(gt.categories);
  const drop = options.unknownCategory === 'drop';
  const records: JsonObject[] = [];
  const positions: number[] = [];
  root.forEach((value: unknown, i) => {
    const record = objectAt(file, `[${i}]`, value);
    if (drop && typeof record['category_id'] === 'number' && !categoryAt.has(record['category_id'])) return;
    records.push(record);
    positions.push(i);
  });
  const n = records.length;
  const withBoxes = n > 0 && records[0]!['bbox'] !== undefined;
  const withMasks = n === 0 || records[0]!['segmentation'] !== undefined;
  if (n > 0 && !withBoxes && !withMasks) throw badRecord(file, '[0]', 'bbox or segmentation', 'given', undefined);
  const imageIndex = new Int32Array(n);
  const categoryIndex = new Int32Array(n);
  const score = new Float64Array(n);
  let bboxXywh = new Float64Array(4 * n);
  for (let i = 0; i < n; i += 1) {
    const record = records[i]!;
    const name = `[${positions[i]!}]`;
    imageIndex[i] = lookUp(file, name, record, 'image_id', imageAt, "the ground truth's images");
    categoryIndex[i] = lookUp(file, name, record, 'category_id', categoryAt, "the ground truth's categories");
    score[i] = finiteAt(file, name, record, 'score');
    if (withBoxes) bboxInto(file, name, record['bbox'], bboxXywh, i);
  }
  const runs = withMasks ? readMasks(file, '', records, imageIndex, gt.images, positions) : undefined;
  if (!withBoxes && runs !== undefined) bboxXywh = runs.bboxXywh.slice();
  return { length: n, imageIndex, categoryIndex, bboxXywh, score, runs };
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
      height: integerAt(file, name, record, 'height', 1),
      width: integerAt(file, name, record, 'width', 1),
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
    return { id, name: typeof name === 'string' ? name : String(id), isThing: (record['isthing'] ?? 1) === 1 };
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

function readMasks(
  file: string,
  list: string,
  records: readonly JsonObject[],
  imageIndex: Int32Array,
  images: readonly CocoImage[],
  positions?: readonly number[],
): RunTable {
  const builder = new RunTableBuilder();
  records.forEach((record, i) => {
    const id = isObject(record) && record['id'] !== undefined ? ` (id ${String(record['id'])})` : '';
    const name = `${list}[${positions?.[i] ?? i}]${id}`;
    addSegmentation(file, name, record['segmentation'], images[imageIndex[i]!]!, builder);
  });
  return builder.build();
}
