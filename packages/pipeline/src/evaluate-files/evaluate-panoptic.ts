/** COCO panoptic JSON + PNG of others, whose categories are classes or clusters. */
import {
  PanopticQuality,
  readPanopticJson,
  UniversalEvaluator,
  type ClusteredSegment,
  type ComparedImage,
  type PanopticDataset,
  type PanopticSegment,
} from '@u2seg/metrics';
import { percent, universalTable, type MetricTable } from '../evaluate/metric-tables.ts';
import { panopticClassTable, worstTable } from './detail-tables.ts';
import { evaluateResults } from './evaluate-results.ts';
import {
  bytesOf,
  describeFitted,
  hasSegments,
  matchingsOf,
  unmatchedNote,
  withNotes,
  type Evaluation,
  type EvaluationOptions,
} from './evaluation.ts';
import { comparePairs, pairAnnotations, type AnnotationPairs } from './panoptic-pairs.ts';

/**
 * PQ, mIoU and pixel accuracy. PNGs lie in the folder named like the JSON beside it.
 *
 * @throws U2SegError `bad-format` naming file, record and field; `not-found` for an annotated image without a prediction
 */
export async function evaluatePanoptic(options: EvaluationOptions): Promise<Evaluation> {
  const [gtBytes, predictionBytes] = [await bytesOf(options.gt), await bytesOf(options.pred)];
  if (!hasSegments(gtBytes) && !hasSegments(predictionBytes)) {
    const evaluation = await evaluateResults(options);
    return { ...evaluation, report: { format: 'coco-results', ...evaluation.report } };
  }
  const gt = readPanopticJson(options.gt, gtBytes);
  const asClasses = options.protocols?.includes('classes') === true;
  const categories = asClasses ? gt.categories : undefined;
  const prediction = readPanopticJson(options.pred, predictionBytes, categories);
  const found = pairAnnotations(gt, prediction);
  const areas = new AreaCount();
  const evaluation = asClasses
    ? await evaluateClasses(gt, prediction, options, found, areas)
    : await evaluateClusters(gt, prediction, options, found, areas);
  const [first, ...others] = evaluation.tables;
  return withNotes(
    {
      ...evaluation,
      tables: [{ ...first!, ...unmatchedNote(found.unmatched, first!.note) }, ...others],
      report: { ...evaluation.report, unmatched: found.unmatched },
    },
    areas.notes(options.gt),
  );
}

/** Counts the segments of the ground truth whose stated area is not that of the map. */
class AreaCount {
  #segments = 0;
  #others = 0;

  add({ gt, overlaps }: ComparedImage): void {
    this.#segments += gt.length;
    gt.forEach(({ area }, i) => {
      if (area !== undefined && area !== overlaps.gtAreas[i]) this.#others += 1;
    });
  }

  notes(file: string): string[] {
    if (this.#others === 0) return [];
    return [
      `${file}: ${this.#others} of ${this.#segments} segments state another area than they have in the map (polygons, or segments drawn over others); the map's is taken.`,
    ];
  }
}

async function evaluateClusters(
  gt: PanopticDataset,
  prediction: PanopticDataset,
  options: EvaluationOptions,
  found: AnnotationPairs,
  areas: AreaCount,
): Promise<Evaluation> {
  const things = prediction.categories.filter(({ isThing }) => isThing).map(({ id }) => id);
  const stuff = prediction.categories.filter(({ isThing }) => !isThing).map(({ id }) => id);
  const clusterOf = new Map([...things.entries(), ...stuff.entries()].map(([cluster, id]) => [id, cluster]));
  const isThing = new Set(things);
  const protocols = matchingsOf(options);
  const evaluator = new UniversalEvaluator({
    categories: gt.categories,
    numThingClusters: things.length,
    numStuffClusters: stuff.length,
    dataset: options.gt,
    ...(protocols === undefined ? {} : { protocols }),
    instanceVotes: {
      ...(options.voteMinScore === undefined ? {} : { minScore: options.voteMinScore }),
      ...(options.voteMinIou === undefined ? {} : { minIou: options.voteMinIou }),
    },
  });
  const clustered = (segments: readonly PanopticSegment[]): ClusteredSegment[] =>
    segments.map(({ id, categoryId }) => ({
      id,
      clusterId: clusterOf.get(categoryId)!,
      isThing: isThing.has(categoryId),
    }));
  for await (const { image } of comparePairs(gt, options, found, clustered)) {
    areas.add(image);
    evaluator.add(image);
  }
  const mappings = options.mapping === undefined ? evaluator.fit() : [options.mapping];
  const report = evaluator.compute(mappings);
  const { worst, perClass } = options;
  const tables: MetricTable[] = [universalTable({ prediction: report }, `${report.images} images of ${options.gt}`)];
  for (const { protocol, panoptic, images, mapping, fittedOnScoredData } of report.results) {
    const name = describeFitted(mapping, fittedOnScoredData);
    if (perClass === true) tables.push(panopticClassTable(name, panoptic.perClass));
    if (worst !== undefined) {
      const rows = images.map((one) => [one.name, percent(one.pq), percent(one.pixelAccuracy)]);
      tables.push(worstTable(protocol, ['PQ', 'pixel accuracy'], rows, worst));
    }
  }
  const kept = report.results.map(({ images, ...result }) => ({
    ...result,
    ...(worst === undefined ? {} : { worst: images.slice(0, worst) }),
  }));
  return { tables, report: { report: { ...report, results: kept } }, mappings };
}

/** Categories of the prediction are those of the ground truth: nothing is matched. */
async function evaluateClasses(
  gt: PanopticDataset,
  prediction: PanopticDataset,
  options: EvaluationOptions,
  found: AnnotationPairs,
  areas: AreaCount,
): Promise<Evaluation> {
  const quality = new PanopticQuality(gt.categories);
  const images: { name: string; pq: number }[] = [];
  // overlaps do not depend on categories
  const asClusters = (segments: readonly PanopticSegment[]): ClusteredSegment[] =>
    segments.map(({ id, categoryId }) => ({ id, clusterId: categoryId, isThing: true }));
  for await (const { image, predicted } of comparePairs(gt, options, found, asClusters)) {
    areas.add(image);
    images.push({ name: image.name, pq: quality.updateOverlaps(image.gt, predicted, image.overlaps, image.name).pq });
  }
  const report = quality.compute();
  const { worst, perClass } = options;
  const order = (pq: number): number => (Number.isNaN(pq) ? Infinity : pq);
  const ranked = images.toSorted((a, b) => order(a.pq) - order(b.pq) || (a.name < b.name ? -1 : 1));
  const rows = (['all', 'things', 'stuff'] as const).map((name) => {
    const { pq, sq, rq, classes } = report[name];
    return [name, percent(pq), percent(sq), percent(rq), `${classes}`];
  });
  return {
    tables: [
      {
        title: 'Panoptic quality',
        protocol: `Percent, categories as given, averaged over the classes that occur; ${images.length} images of ${options.gt}`,
        columns: ['', 'PQ', 'SQ', 'RQ', 'classes'],
        rows,
      },
      ...(perClass === true ? [panopticClassTable('categories as given', report.perClass)] : []),
      ...(worst === undefined
        ? []
        : [
            worstTable(
              'categories as given',
              ['PQ'],
              ranked.map(({ name, pq }) => [name, percent(pq)]),
              worst,
            ),
          ]),
    ],
    report: { panoptic: report, ...(worst === undefined ? {} : { worst: ranked.slice(0, worst) }) },
  };
}
