/** Scores files other programs made: COCO results, or COCO panoptic JSON + PNG. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readPanopticPng } from '@u2seg/datasets';
import {
  evaluateClassAgnostic,
  evaluateCoco,
  readCocoGroundTruth,
  readCocoResults,
  readPanopticJson,
  UniversalEvaluator,
  type CocoReport,
  type UniversalReport,
} from '@u2seg/metrics';

/** `class-aware` scores the categories as given, `class-agnostic` makes all one. */
export interface CocoScores {
  readonly classAware: Readonly<Record<string, CocoReport>>;
  readonly classAgnostic: Readonly<Record<string, CocoReport>>;
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new U2SegError(
      'not-found',
      `${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
}

/**
 * AP and AR of a COCO results file (detectron2's `coco_instances_results.json`), of boxes and, where there are any, masks.
 *
 * @throws U2SegError `bad-format` naming file, record and field
 */
export async function scoreCocoResults(gtPath: string, resultsPath: string): Promise<CocoScores> {
  const gt = readCocoGroundTruth(gtPath, await bytesOf(gtPath));
  const dt = readCocoResults(resultsPath, await bytesOf(resultsPath), gt);
  const kinds = dt.runs === undefined ? (['bbox'] as const) : (['bbox', 'segm'] as const);
  const by = (score: typeof evaluateCoco | typeof evaluateClassAgnostic): Record<string, CocoReport> =>
    Object.fromEntries(kinds.map((iouType) => [iouType, score(gt, dt, { iouType })]));
  return { classAware: by(evaluateCoco), classAgnostic: by(evaluateClassAgnostic) };
}

/**
 * PQ, mIoU and pixel accuracy of a COCO panoptic prediction whose categories are clusters, under every matching. PNGs lie in
 * the folder named like the JSON beside it.
 *
 * @throws U2SegError `bad-format` naming file, record and field; `not-found` for an annotated image without a prediction
 */
export async function scorePanopticFiles(gtPath: string, predictionPath: string): Promise<UniversalReport> {
  const gt = readPanopticJson(gtPath, await bytesOf(gtPath));
  const prediction = readPanopticJson(predictionPath, await bytesOf(predictionPath));
  const folderOf = (path: string): string => join(dirname(path), basename(path, extname(path)));
  const nameOf = (dataset: typeof gt, imageId: number): string =>
    dataset.images.find(({ id }) => id === imageId)?.fileName ?? String(imageId);
  const predicted = new Map(prediction.annotations.map((one) => [nameOf(prediction, one.imageId), one]));
  const things = prediction.categories.filter(({ isThing }) => isThing).map(({ id }) => id);
  const stuff = prediction.categories.filter(({ isThing }) => !isThing).map(({ id }) => id);
  const clusterOf = new Map([...things.entries(), ...stuff.entries()].map(([cluster, id]) => [id, cluster]));
  const isThing = new Set(things);
  const evaluator = new UniversalEvaluator({
    categories: gt.categories,
    numThingClusters: things.length,
    numStuffClusters: stuff.length,
    dataset: gtPath,
  });
  for (const annotation of gt.annotations) {
    const name = nameOf(gt, annotation.imageId);
    const found = predicted.get(name);
    if (found === undefined)
      throw new U2SegError('not-found', `${predictionPath}: has no annotation for image ${name} of ${gtPath}.`);
    const [truth, map] = await Promise.all([
      readPanopticPng(join(folderOf(gtPath), annotation.fileName)),
      readPanopticPng(join(folderOf(predictionPath), found.fileName)),
    ]);
    if (truth.height !== map.height || truth.width !== map.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${found.fileName} has ${map.width} x ${map.height} pixels, its ground truth ${annotation.fileName} ${truth.width} x ${truth.height}.`,
      );
    }
    evaluator.update({
      name,
      height: truth.height,
      width: truth.width,
      gt: { ids: truth.ids, segments: annotation.segments },
      prediction: {
        ids: map.ids,
        segments: found.segments.map(({ id, categoryId }) => ({
          id,
          clusterId: clusterOf.get(categoryId)!,
          isThing: isThing.has(categoryId),
        })),
      },
    });
  }
  return evaluator.compute();
}
