/** Folders of label PNGs, matched by file name without its ending. */
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { ioError, U2SegError } from '@u2seg/core';
import { readLabelPng } from '@u2seg/datasets';
import {
  cityscapes19,
  cityscapes27,
  ClusteredSemanticEvaluator,
  coco133,
  coco80,
  cocoStuff27,
  cocoStuff53,
  SemanticConfusion,
  u2segSemantic16,
  uvo81,
  voc20,
  type ClassList,
  type SemanticReport,
} from '@u2seg/metrics';
import { nearestName } from '../config/nearest-name.ts';
import { percent, type MetricTable } from '../evaluate/metric-tables.ts';
import { semanticClassTable, worstTable } from './detail-tables.ts';
import { describeFitted, matchingsOf, unmatchedNote, type Evaluation, type EvaluationOptions } from './evaluation.ts';
import { naming } from './naming.ts';

/** Class lists by the names `--classes` takes; label i of a PNG is the list's i-th class. */
export const namedClasses: Readonly<Record<string, ClassList>> = {
  'coco-stuff-27': cocoStuff27,
  'coco-stuff-53': cocoStuff53,
  'coco-80': coco80,
  'coco-133': coco133,
  'cityscapes-19': cityscapes19,
  'cityscapes-27': cityscapes27,
  'u2seg-16': u2segSemantic16,
  'voc-20': voc20,
  'uvo-81': uvo81,
};

export interface SemanticEvaluationOptions extends EvaluationOptions {
  /** A name of {@link namedClasses}, or how many there are. */
  readonly classes: string;
  /** K; by default as many as classes. */
  readonly clusters?: number;
  readonly ignoreLabel?: number;
  /** U2Seg's in-place remapping and left-out void pixels. */
  readonly reference?: boolean;
}

/** @throws U2SegError `wrong-usage` for unknown classes, `not-found` for folders without pairs, `bad-format` naming the PNG */
export async function evaluateSemantic(options: SemanticEvaluationOptions): Promise<Evaluation> {
  const classNames = classNamesOf(options.classes);
  const { ignoreLabel = 255, reference = false, perClass, worst } = options;
  const { pairs, unmatched } = await pairFiles(options.gt, options.pred);
  const asClasses = options.protocols?.includes('classes') === true;
  const numClusters = options.mapping?.classOfCluster.length ?? options.clusters ?? classNames.length;
  const protocols = matchingsOf(options);
  const voidPredictions = reference ? ('left-out' as const) : ('missed' as const);
  const clustered = new ClusteredSemanticEvaluator({
    classNames,
    numClusters,
    dataset: options.gt,
    ignoreLabel,
    firstLabel: options.classes === 'u2seg-16' ? 1 : 0,
    remap: reference ? 'sequential' : 'simultaneous',
    voidPredictions,
    ...(protocols === undefined ? {} : { protocols }),
    ...(options.voteMinIou === undefined ? {} : { voteMinIou: options.voteMinIou }),
  });
  const confusion = new SemanticConfusion(classNames, { ignoreLabel, voidPredictions });
  for (const { name, gt, pred } of pairs) {
    const [truth, map] = await Promise.all([readLabelPng(gt), readLabelPng(pred)]);
    if (truth.height !== map.height || truth.width !== map.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${pred}: has ${map.width} x ${map.height} pixels, its ground truth ${gt} ${truth.width} x ${truth.height}.`,
      );
    }
    const [prediction, labels] = [bytes(pred, map.labels), bytes(gt, truth.labels)];
    naming(`${pred} against ${gt}`, () => {
      if (asClasses) confusion.update(prediction, labels, map.height, map.width, name);
      else clustered.update(name, prediction, labels);
    });
  }
  const where = `${pairs.length} images of ${options.gt}`;
  if (asClasses) {
    const report = confusion.compute();
    return {
      tables: [
        semanticTable(
          [['classes as given', report]],
          `Percent, labels taken for the classes they are; ${where}`,
          unmatched,
        ),
        ...(perClass === true ? [semanticClassTable('labels as given', report.perClass)] : []),
      ],
      report: { semantic: report, unmatched },
    };
  }
  const mappings = options.mapping === undefined ? clustered.fit() : [options.mapping];
  const results = clustered.compute(mappings);
  const captions = results.map((one) => describeFitted(one.mapping, one.fittedOnScoredData)).join('; ');
  return {
    tables: [
      semanticTable(
        results.map(({ protocol, remap, semantic }) => [
          remap === 'sequential' ? `${protocol}, in place` : protocol,
          semantic,
        ]),
        `Percent, ${numClusters} clusters to ${classNames.length} classes; ${captions}. Pixels of clusters without a class ${reference ? 'are left out' : 'count against their class'}; ${where}`,
        unmatched,
      ),
      ...(perClass === true
        ? results.map(({ protocol, semantic }) => semanticClassTable(protocol, semantic.perClass))
        : []),
      ...(worst === undefined
        ? []
        : results.map(({ protocol, images }) =>
            worstTable(
              protocol,
              ['mIoU', 'pixel accuracy'],
              images.map((one) => [one.name, percent(one.miou), percent(one.pixelAccuracy)]),
              worst,
            ),
          )),
    ],
    report: {
      results: results.map(({ images, ...result }) => ({
        ...result,
        ...(worst === undefined ? {} : { worst: images.slice(0, worst) }),
      })),
      unmatched,
    },
    mappings,
  };
}

function classNamesOf(classes: string): readonly string[] {
  const list = namedClasses[classes];
  if (list !== undefined) return list.classes.map(({ name }) => name);
  const count = Number(classes);
  if (Number.isInteger(count) && count >= 1 && count <= 254)
    return Array.from({ length: count }, (_, i) => `class ${i}`);
  const names = Object.keys(namedClasses);
  const nearest = nearestName(classes, names);
  throw new U2SegError(
    'wrong-usage',
    `--classes ${classes}: wanted a number from 1 to 254 or one of ${names.join(', ')}${nearest === undefined ? '' : `; the nearest is ${nearest}`}.`,
  );
}

function semanticTable(
  reports: readonly (readonly [string, SemanticReport])[],
  protocol: string,
  unmatched: readonly string[],
): MetricTable {
  return {
    title: 'Semantic segmentation',
    protocol,
    columns: ['matching', 'mIoU', 'pixel accuracy', 'mean accuracy', 'fwIoU'],
    rows: reports.map(([name, { miou, pixelAccuracy, meanAccuracy, frequencyWeightedIou }]) => [
      name,
      ...[miou, pixelAccuracy, meanAccuracy, frequencyWeightedIou].map(percent),
    ]),
    ...unmatchedNote(unmatched),
  };
}

/** Ground truth with predictions, by name; `unmatched` are predictions without ground truth. */
async function pairFiles(
  gt: string,
  pred: string,
): Promise<{
  readonly pairs: readonly { readonly name: string; readonly gt: string; readonly pred: string }[];
  readonly unmatched: readonly string[];
}> {
  const [truths, predictions] = [await pngsOf(gt), await pngsOf(pred)];
  const missing = [...truths.keys()].filter((name) => !predictions.has(name));
  if (missing.length > 0) {
    throw new U2SegError(
      'not-found',
      `${pred}: has no prediction for ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''} of ${gt}.`,
    );
  }
  return {
    pairs: [...truths].map(([name, path]) => ({ name, gt: path, pred: predictions.get(name)! })),
    unmatched: [...predictions.keys()].filter((name) => !truths.has(name)),
  };
}

async function pngsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw ioError(`${folder}: cannot be listed`, cause);
  });
  const files = entries.filter((entry) => extname(entry).toLowerCase() === '.png').sort();
  if (files.length === 0) throw new U2SegError('not-found', `${folder}: holds no label PNG.`);
  return new Map(files.map((file) => [basename(file, extname(file)), join(folder, file)]));
}

/** @throws U2SegError `unsupported` for labels over 255 */
function bytes(path: string, labels: Uint8Array | Uint16Array): Uint8Array {
  if (labels instanceof Uint8Array) return labels;
  const large = labels.findIndex((label) => label > 255);
  if (large >= 0) {
    throw new U2SegError(
      'unsupported',
      `${path}: pixel ${large} has label ${labels[large]}; labels of 16-bit files must be 255 at most to be scored.`,
    );
  }
  return Uint8Array.from(labels);
}
