/** COCO results files (detectron2's `coco_instances_results.json`), whose categories are classes or clusters. */
import { U2SegError } from '@u2seg/core';
import {
  ClusteredInstanceEvaluator,
  cocoDefaults,
  evaluateClassAgnostic,
  evaluateCoco,
  readClusteredResults,
  readCocoGroundTruth,
  readCocoResults,
  type CocoDetections,
  type CocoGroundTruth,
  type CocoReport,
} from '@u2seg/metrics';
import { maskAt } from '@u2seg/metrics/internal';
import { classAwareTable, cocoTable } from '../evaluate/metric-tables.ts';
import { instanceClassTable, instanceDetails } from './detail-tables.ts';
import { bytesOf, matchingsOf, type Evaluation, type EvaluationOptions } from './evaluation.ts';

type Reports = Readonly<Record<string, CocoReport>>;

/**
 * AP and AR of boxes and, where there are any, masks.
 *
 * @throws U2SegError `bad-format` naming file, record and field
 */
export async function evaluateResults(options: EvaluationOptions): Promise<Evaluation> {
  const gt = readCocoGroundTruth(options.gt, await bytesOf(options.gt));
  const matchings = matchingsOf(options);
  if (matchings !== undefined || options.mapping !== undefined) return evaluateClustered(gt, options);
  const dt = readCocoResults(options.pred, await bytesOf(options.pred), gt);
  const kinds = kindsOf(dt);
  const { maxDetections = cocoDefaults.maxDetections } = options;
  const by = (score: typeof evaluateCoco | typeof evaluateClassAgnostic): Reports =>
    Object.fromEntries(kinds.map((iouType) => [iouType, score(gt, dt, { iouType, maxDetections })]));
  const [classAware, classAgnostic] = [by(evaluateCoco), by(evaluateClassAgnostic)];
  const rows = { ...prefixed('class-aware', classAware), ...prefixed('class-agnostic', classAgnostic) };
  const details = kinds.map((kind) => ({ kind, ...instanceDetails(gt, dt, kind, options) }));
  return {
    tables: [
      cocoTable(
        'Boxes and masks',
        `COCO AP and AR in percent, IoU 0.50:0.05:0.95, at most ${maxDetections.at(-1)} detections a photo; class-aware takes the categories as given, class-agnostic makes them one; ${options.gt}`,
        rows,
        maxDetections,
      ),
      ...(options.perClass === true
        ? kinds.map((kind) => instanceClassTable(kind, classAware[kind]!.perCategory, maxDetections))
        : []),
      ...details.flatMap(({ tables }) => tables),
    ],
    report: {
      maxDetections,
      classAware: statsOf(classAware),
      classAgnostic: statsOf(classAgnostic),
      ...(options.perClass === true
        ? { perClass: Object.fromEntries(kinds.map((kind) => [kind, classAware[kind]!.perCategory])) }
        : {}),
      ...Object.fromEntries(
        details.filter(({ report }) => Object.keys(report).length > 0).map(({ kind, report }) => [kind, report]),
      ),
    },
  };
}

/** Categories of the results are clusters, which are named first. */
async function evaluateClustered(gt: CocoGroundTruth, options: EvaluationOptions): Promise<Evaluation> {
  const bytes = await bytesOf(options.pred);
  const { detections: dt, numClusters: found } = readClusteredResults(options.pred, bytes, gt.images);
  const numClusters = options.mapping?.classOfCluster.length ?? found;
  const unmapped = dt.categoryIndex.findIndex((cluster) => cluster >= numClusters);
  if (unmapped >= 0) {
    throw new U2SegError(
      'conflict',
      `${options.pred}: [${unmapped}]: category_id must be one of the mapping's ${numClusters} clusters, got ${dt.categoryIndex[unmapped]}.`,
    );
  }
  const matchings = matchingsOf(options);
  const evaluator = new ClusteredInstanceEvaluator({
    categories: gt.categories,
    numClusters,
    dataset: options.gt,
    ...(matchings === undefined ? {} : { protocols: matchings }),
    votes: {
      ...(options.voteMinScore === undefined ? {} : { minScore: options.voteMinScore }),
      ...(options.voteMinIou === undefined ? {} : { minIou: options.voteMinIou }),
    },
  });
  const { annotations } = gt;
  const truths = grouped(annotations.imageIndex, gt.images.length);
  const detected = grouped(dt.imageIndex, gt.images.length);
  const withMasks = dt.runs !== undefined;
  const gtMasks = withMasks ? annotations.runs() : undefined;
  gt.images.forEach((image, i) => {
    evaluator.update({
      image,
      gt: truths[i]!.map((row) => ({
        categoryId: gt.categories[annotations.categoryIndex[row]!]!.id,
        bboxXywh: box(annotations.bboxXywh, row),
        area: annotations.area[row]!,
        crowd: annotations.crowd[row] === 1,
        ...(gtMasks === undefined ? {} : { mask: maskAt(gtMasks, row) }),
      })),
      detections: detected[i]!.map((row) => ({
        clusterId: dt.categoryIndex[row]!,
        score: dt.score[row]!,
        bboxXywh: box(dt.bboxXywh, row),
        ...(dt.runs === undefined ? {} : { mask: maskAt(dt.runs, row) }),
      })),
    });
  });
  const mappings = options.mapping === undefined ? evaluator.fit() : [options.mapping];
  const results = evaluator.compute(mappings);
  return {
    tables: [
      classAwareTable({ [options.pred]: results }, `${gt.images.length} images of ${options.gt}`),
      ...(options.perClass === true
        ? results.map(({ protocol, bbox }) => instanceClassTable(`boxes, ${protocol}`, bbox.perCategory))
        : []),
    ],
    report: {
      clustered: results.map(({ protocol, matchedClusters, fittedOnScoredData, mapping, bbox, segm }) => ({
        protocol,
        matchedClusters,
        fittedOnScoredData,
        thresholds: mapping.thresholds,
        fittedOn: mapping.fittedOn,
        bbox: bbox.stats,
        ...(segm === undefined ? {} : { segm: segm.stats }),
        ...(options.perClass === true ? { perClass: bbox.perCategory } : {}),
      })),
    },
    mappings,
  };
}

function grouped(imageIndex: Int32Array, images: number): number[][] {
  const rows: number[][] = Array.from({ length: images }, () => []);
  imageIndex.forEach((image, row) => rows[image]!.push(row));
  return rows;
}

function box(values: Float64Array, row: number): [number, number, number, number] {
  return [values[4 * row]!, values[4 * row + 1]!, values[4 * row + 2]!, values[4 * row + 3]!];
}

function kindsOf(dt: CocoDetections): readonly ('bbox' | 'segm')[] {
  return dt.runs === undefined ? ['bbox'] : ['bbox', 'segm'];
}

function statsOf(reports: Reports): Readonly<Record<string, CocoReport['stats']>> {
  return Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, report.stats]));
}

function prefixed(prefix: string, reports: Reports): Record<string, CocoReport['stats']> {
  return Object.fromEntries(Object.entries(reports).map(([name, { stats }]) => [`${prefix} ${name}`, stats]));
}
