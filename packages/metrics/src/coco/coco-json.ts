import {
  cocoImages,
  cocoInstance,
  rleArea,
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
  cocoMask,
  entryAt,
  finiteAt,
  integerAt,
  isAbsent,
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
  let withoutArea = 0;
  let segmentations: PolygonStore | undefined = new PolygonStore(n);
  list.forEach((value, i) => {
    if (isJsonObject(value) && value['segments_info'] !== undefined) {
      throw new U2SegError(
        'bad-format',
        `${file}: annotations[${i}] is a panoptic annotation (segments_info); wanted an instance.`,
      );
    }
    const instance = cocoInstance(file, i, value, imageAt, categoryAt, seen, scoringRules);
    const { bboxXywh, area, areaStated, isCrowd } = cocoInstanceShape(instance);
    let taken = area;
    if (!areaStated) {
      withoutArea += 1;
      const size = images[instance.image]!;
      const mask = cocoMask(instance.where, instance.record['segmentation'], size, scoringRules);
      if (mask !== undefined) taken = rleArea(mask);
    }
    columns.ids[i] = instance.id;
    columns.imageIndex[i] = instance.image;
    columns.categoryIndex[i] = instance.category;
    columns.bboxXywh.set(bboxXywh, 4 * i);
    columns.area[i] = taken;
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
  const notes = [
    ...notesOnSizes(file, images),
    ...(withoutArea === 0
      ? []
      : [
          `${file}: ${withoutArea} of ${n} annotations state no area; it is their mask's, or their box's without a mask.`,
        ]),
    ...notesOnCrowds(file, columns.crowd),
  ];
  return { images, categories, annotations: { ...columns, runs: rasterise }, notes };
}

/** Share of crowds above which a file is unlikely to mean them; COCO's own validation set has 0.012. */
const manyCrowds = 0.1;

function notesOnCrowds(file: string, crowd: Uint8Array): string[] {
  const crowds = crowd.reduce((sum, value) => sum + value, 0);
  if (crowds === 0 || crowds < manyCrowds * crowd.length) return [];
  const all = crowds === crowd.length ? ' Nothing is left to find, hence no scores.' : '';
  return [
    `${file}: ${crowds} of ${crowd.length} annotations are crowds (iscrowd 1), which are never missed; some exporters write that for ordinary masks.${all}`,
  ];
}

function notesOnSizes(file: string, images: readonly CocoImage[]): string[] {
  const unsized = images.filter(({ height }) => height === 0).length;
  return unsized === 0
    ? []
    : [
        `${file}: ${unsized} of ${images.length} images state no size; boxes and run lengths need none, polygons on them count as no mask.`,
      ];
}

export interface CocoResultsOptions {
  /** What to do with a category the ground truth does not have: refuse the file, leave the detection out (as pycocotools does, silently), or, where all detections have this one category, keep them with index -1. */
  readonly unknownCategory?: 'error' | 'drop' | 'agnostic';
}

/**
 * Reads detections in COCO's results format, as detectron2's `coco_instances_results.json`: a list of
 * `{ image_id, category_id, score, bbox?, segmentation? }`, all with a box or all with a mask; where all have a box, some may lack a
 * mask. A COCO set whose annotations have scores is read as its list of them.
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
  const { unknownCategory = 'error' } = options;
  let only: { readonly id: number; readonly where: string } | undefined;
  return readDetections(file, source, gt.images, (where, record, isFirst) => {
    const id = record['category_id'];
    if (typeof id === 'number' && !categoryAt.has(id)) {
      if (unknownCategory === 'drop') return undefined;
      if (isFirst && unknownCategory === 'agnostic') only = { id: integerAt(where, record, 'category_id'), where };
      if (id === only?.id) return -1;
    }
    const list = "the ground truth's categories";
    const index = entryAt(where, record, 'category_id', categoryAt, list);
    if (only === undefined) return index;
    throw badRecord(only.where, 'category_id', `one of ${list}`, only.id);
  });
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
  categoryOf: (where: string, record: JsonObject, isFirst: boolean) => number | undefined,
): CocoDetections {
  const whole = readJsonList(file, source);
  const isSet = isJsonObject(whole.root) && Array.isArray(whole.root['annotations']);
  if (!isSet && !Array.isArray(whole.root)) {
    throw new U2SegError(
      'bad-format',
      `${file}: must be a list of detections, or a COCO set whose annotations have scores.`,
    );
  }
  const list = isSet ? readJsonList(file, source, 'annotations') : whole;
  const imageAt = indexById(images);
  const imageIndex = new Int32Array(list.length);
  const categoryIndex = new Int32Array(list.length);
  const score = new Float64Array(list.length);
  const bboxXywh = new Float64Array(4 * list.length);
  const masks = new RunTableBuilder();
  let withBoxes = false;
  let n = 0;
  list.forEach((value, i) => {
    const where = `${file}: ${isSet ? 'annotations' : ''}[${i}]`;
    const record = objectAt(where, value);
    const category = categoryOf(where, record, i === 0);
    if (category === undefined) return;
    if (n === 0) withBoxes = !isAbsent(record['bbox']);
    const image = entryAt(where, record, 'image_id', imageAt, "the ground truth's images");
    imageIndex[n] = image;
    categoryIndex[n] = category;
    if (isSet && isAbsent(record['score'])) {
      throw new U2SegError(
        'bad-format',
        `${where} has no score: a COCO set is scored as predictions where its annotations have scores, got ${file}.`,
      );
    }
    score[n] = finiteAt(where, record, 'score');
    if (withBoxes) bboxXywh.set(bboxAt(where, record), 4 * n);
    addSegmentation(where, record['segmentation'], images[image]!, masks);
    n += 1;
    if (!withBoxes && masks.numAbsent > 0)
      throw badRecord(where, 'bbox or segmentation', 'given', record['segmentation']);
  });
  const runs = n > 0 && masks.numAbsent === n ? undefined : masks.build();
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
