/** COCO results files (detectron2's `coco_instances_results.json`), whose categories are classes or clusters. */
import { U2SegError, type Rle } from '@u2seg/core';
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
  type IouType,
  type RunTable,
} from '@u2seg/metrics';
import { maskAt, maskedInstances, withoutCategories, type MaskedInstances } from '@u2seg/metrics/internal';
import { classAwareTable, cocoTable } from '../evaluate/metric-tables.ts';
import { instanceClassTable, instanceDetails } from './detail-tables.ts';
import { bytesOf, firstNames, matchingsOf, withNotes, type Evaluation, type EvaluationOptions } from './evaluation.ts';

type Reports = Readonly<Record<string, CocoReport>>;

/**
 * AP and AR of boxes and, where there are any, masks.
 *
 * @throws U2SegError `bad-format` naming file, record and field
 */
export async function evaluateResults(options: EvaluationOptions): Promise<Evaluation> {
  const gt = readCocoGroundTruth(options.gt, await bytesOf(options.gt));
  const { notes = [] } = gt;
  const matchings = matchingsOf(options);
  if (matchings !== undefined || options.mapping !== undefined) {
    return withNotes(await evaluateClustered(gt, options), notes);
  }
  const dt = readCocoResults(options.pred, await bytesOf(options.pred), gt, { unknownCategory: 'agnostic' });
  const masks = scoredMasks(gt, dt, options);
  const known = dt.categoryIndex[0] !== -1;
  const unknown = `${options.pred}: all detections have one category, which the ground truth lacks; only class-agnostic scores are given.`;
  return withNotes(evaluateKinds(gt, dt, masks, options, known), [
    ...notes,
    ...masks.notes,
    ...(known ? [] : [unknown]),
  ]);
}

interface ScoredMasks {
  /** What has a mask; absent where none is to be scored. */
  readonly masked?: MaskedInstances;
  readonly notes: readonly string[];
}

/** The instances that masks are scored on, and who is left out. */
function scoredMasks(gt: CocoGroundTruth, dt: CocoDetections, options: EvaluationOptions): ScoredMasks {
  if (dt.runs === undefined) return { notes: [] };
  const { absent, length } = gt.annotations.runs();
  if (length > 0 && absent.length === length) {
    return { notes: [`${options.gt}: none of ${length} annotations has a mask; boxes alone are scored.`] };
  }
  const lacking = (file: string, what: string, names: readonly string[], of: number): string[] =>
    names.length === 0
      ? []
      : [
          `${file}: ${names.length} of ${of} ${what} without a mask, left out where masks are scored: ${firstNames(names)}.`,
        ];
  const ids = absent.map((row) => `id ${gt.annotations.ids[row]!}`);
  return {
    masked: maskedInstances(gt, dt),
    notes: [
      ...lacking(options.gt, 'annotations', ids, length),
      ...lacking(
        options.pred,
        'detections',
        dt.runs.absent.map((row) => `[${row}]`),
        dt.length,
      ),
    ],
  };
}

/** @param known - whether the detections' categories are the ground truth's; else class-agnostic scores alone are computed */
function evaluateKinds(
  gt: CocoGroundTruth,
  dt: CocoDetections,
  { masked }: ScoredMasks,
  options: EvaluationOptions,
  known: boolean,
): Evaluation {
  const { maxDetections = cocoDefaults.maxDetections, detectionArea = cocoDefaults.detectionArea } = options;
  const pairs = { bbox: { gt, dt }, ...(masked === undefined ? {} : { segm: masked }) };
  const kinds = Object.entries(pairs) as [IouType, MaskedInstances][];
  const by = (score: typeof evaluateCoco | typeof evaluateClassAgnostic): Reports =>
    Object.fromEntries(
      kinds.map(([iouType, one]) => [iouType, score(one.gt, one.dt, { iouType, maxDetections, detectionArea })]),
    );
  const classAware = known ? by(evaluateCoco) : undefined;
  const classAgnostic = by(evaluateClassAgnostic);
  const rows = {
    ...(classAware === undefined ? {} : prefixed('class-aware', classAware)),
    ...prefixed('class-agnostic', classAgnostic),
  };
  const details = kinds.map(([kind, one]) => {
    const pair = known ? one : withoutCategories(one.gt, one.dt);
    return { kind, ...instanceDetails(pair.gt, pair.dt, kind, options) };
  });
  const perClass = options.perClass === true && classAware !== undefined ? Object.entries(classAware) : undefined;
  const sizes = detectionArea === 'auto' ? '' : `; sizes of detections are their ${detectionArea}'s`;
  return {
    tables: [
      cocoTable(
        'Boxes and masks',
        `COCO AP and AR in percent, IoU 0.50:0.05:0.95, at most ${maxDetections.at(-1)} detections a photo; class-aware takes the categories as given, class-agnostic makes them one${sizes}; ${options.gt}`,
        rows,
        maxDetections,
      ),
      ...(perClass ?? []).map(([kind, { perCategory }]) => instanceClassTable(kind, perCategory, maxDetections)),
      ...details.flatMap(({ tables }) => tables),
    ],
    report: {
      maxDetections,
      ...(detectionArea === 'auto' ? {} : { detectionArea }),
      ...(classAware === undefined ? {} : { classAware: statsOf(classAware) }),
      classAgnostic: statsOf(classAgnostic),
      ...(perClass === undefined
        ? {}
        : { perClass: Object.fromEntries(perClass.map(([kind, { perCategory }]) => [kind, perCategory])) }),
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
  const lacking = new Map([gtMasks, dt.runs].map((runs) => [runs, new Set(runs?.absent)]));
  const maskOf = (runs: RunTable | undefined, row: number): { readonly mask?: Rle } =>
    runs === undefined || lacking.get(runs)!.has(row) ? {} : { mask: maskAt(runs, row) };
  gt.images.forEach((image, i) => {
    evaluator.update({
      image,
      gt: truths[i]!.map((row) => ({
        categoryId: gt.categories[annotations.categoryIndex[row]!]!.id,
        bboxXywh: box(annotations.bboxXywh, row),
        area: annotations.area[row]!,
        crowd: annotations.crowd[row] === 1,
        ...maskOf(gtMasks, row),
      })),
      detections: detected[i]!.map((row) => ({
        clusterId: dt.categoryIndex[row]!,
        score: dt.score[row]!,
        bboxXywh: box(dt.bboxXywh, row),
        ...maskOf(dt.runs, row),
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

function statsOf(reports: Reports): Readonly<Record<string, CocoReport['stats']>> {
  return Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, report.stats]));
}

function prefixed(prefix: string, reports: Reports): Record<string, CocoReport['stats']> {
  return Object.fromEntries(Object.entries(reports).map(([name, { stats }]) => [`${prefix} ${name}`, stats]));
}
