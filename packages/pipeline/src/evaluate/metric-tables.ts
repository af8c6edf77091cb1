/** The metrics of a run as tables for people: terminal and report show the same. */
import {
  cocoDefaults,
  type ClusteredInstanceResult,
  type CocoStats,
  type ProtocolResult,
  type UniversalReport,
} from '@u2seg/metrics';
import type { RunMetrics } from './evaluate-stage.ts';
import type { SemanticScore } from './semantic-scores.ts';

export interface MetricTable {
  readonly title: string;
  /** What the numbers are: class list, thresholds, which matching, fitted on what. */
  readonly protocol: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

/** Columns of COCO's twelve numbers; of fewer than three limits of detections, AR at those there are. */
function cocoColumns(
  maxDetections: readonly number[] = cocoDefaults.maxDetections,
): readonly (readonly [string, keyof CocoStats])[] {
  const limits = (['arFirst', 'arSecond', 'arThird'] as const).slice(0, maxDetections.length);
  return [
    ['AP', 'ap'],
    ['AP50', 'ap50'],
    ['AP75', 'ap75'],
    ['AP small', 'apSmall'],
    ['AP medium', 'apMedium'],
    ['AP large', 'apLarge'],
    ...limits.map((key, i) => [`AR@${maxDetections[i]}`, key] as const),
    ['AR small', 'arSmall'],
    ['AR medium', 'arMedium'],
    ['AR large', 'arLarge'],
  ];
}

/** What a matching did, in one sentence. */
function protocolSentence({ protocol, mapping }: Pick<ProtocolResult, 'protocol' | 'mapping'>): string {
  const { minScore, minIou, stuffMinIou } = mapping.thresholds;
  const ofStuff = stuffMinIou === undefined ? '' : `, stuff regions with IoU > ${stuffMinIou}`;
  const boxVotes = `things with score >= ${minScore} and box IoU > ${minIou} vote${ofStuff}`;
  const onVotes = mapping.evidence === 'instances';
  const hungarian = onVotes ? `Hungarian on votes (${boxVotes})` : 'Hungarian on pixels, things and stuff apart';
  return {
    'majority-vote': `U2Seg’s: ${boxVotes}; a cluster takes its most frequent class`,
    'hungarian-one-to-one': `${hungarian}, one cluster a class; clusters left over are void`,
    'hungarian-many-to-one': `${hungarian}; clusters left over take their most frequent class`,
  }[protocol];
}

function sentencesOf(results: readonly Pick<ProtocolResult, 'protocol' | 'mapping'>[]): string {
  return results.map((result) => `${result.protocol}: ${protocolSentence(result)}`).join('. ');
}

const fittedOn = (scored: boolean): string =>
  scored ? 'on the very photos scored, as the papers do' : 'on other photos';

/** A share as percent with two digits; `-` where nothing was there to average. */
export function percent(value: number): string {
  return Number.isFinite(value) && value >= 0 ? (100 * value).toFixed(2) : '-';
}

export function metricTables(metrics: RunMetrics): MetricTable[] {
  const { groundTruth, classAgnostic, classAgnosticBoxes, classAware, universal, semantics } = metrics;
  const photos = `${groundTruth.photos} annotated photos of ${groundTruth.path}`;
  const agnostic = (what: string): string =>
    `COCO AP and AR of ${what} in percent, all things one class, IoU 0.50:0.05:0.95, at most 100 a photo, crowds ignored; ${photos}`;
  const tables = [
    cocoTable('Class-agnostic masks', agnostic('masks'), classAgnostic),
    cocoTable('Class-agnostic boxes', agnostic('boxes'), classAgnosticBoxes),
  ];
  if (Object.keys(classAware).length > 0) tables.push(classAwareTable(classAware, photos));
  if (Object.keys(universal).length > 0) tables.push(universalTable(universal, photos));
  if (semantics.length > 0) tables.push(semanticTable(semantics, photos));
  return tables;
}

/** The numbers of COCO's summary, one row a name. */
/** @param maxDetections - limits at which the statistics' AR was taken */
export function cocoTable(
  title: string,
  protocol: string,
  stats: Readonly<Record<string, CocoStats>>,
  maxDetections?: readonly number[],
): MetricTable {
  const columns = cocoColumns(maxDetections);
  return {
    title,
    protocol,
    columns: ['', ...columns.map(([name]) => name)],
    rows: Object.entries(stats).map(([name, values]) => [name, ...columns.map(([, key]) => percent(values[key]))]),
  };
}

/** Class-aware AP of detections whose clusters were named by votes, one row a name, matching and kind. */
export function classAwareTable(
  results: Readonly<Record<string, readonly ClusteredInstanceResult[]>>,
  photos: string,
): MetricTable {
  const all = Object.values(results).flat();
  const columns = cocoColumns();
  const first = all[0]!;
  const rows = Object.entries(results).flatMap(([name, list]) =>
    list.flatMap(({ protocol, mapping, matchedClusters, bbox, segm }) =>
      [
        { kind: 'boxes', report: bbox },
        { kind: 'masks', report: segm },
      ].flatMap(({ kind, report }) =>
        report === undefined
          ? []
          : [
              [
                name,
                protocol,
                kind,
                `${matchedClusters} of ${mapping.classOfCluster.length}`,
                ...columns.map(([, key]) => percent(report.stats[key])),
              ],
            ],
      ),
    ),
  );
  return {
    title: 'Class-aware instances',
    protocol:
      `COCO AP and AR in percent over the ${first.mapping.classNames.length} thing classes of the ground truth, IoU 0.50:0.05:0.95, at most 100 a photo; clusters matched to classes ` +
      `${fittedOn(first.fittedOnScoredData)}, detections of the others dropped. ${sentencesOf(Object.values(results)[0]!)}. ${photos}`,
    columns: ['', 'matching', 'of', 'clusters', ...columns.map(([name]) => name)],
    rows,
  };
}

/** Scores under every matching, one row a name and matching. */
export function universalTable(reports: Readonly<Record<string, UniversalReport>>, photos: string): MetricTable {
  const rows = Object.entries(reports).flatMap(([name, { results }]) =>
    results.map(({ protocol, panoptic, semantic }) => {
      const { all, things, stuff } = panoptic;
      const values = [all.pq, all.sq, all.rq, things.pq, stuff.pq, semantic.miou, semantic.pixelAccuracy];
      return [name, protocol, ...values.map(percent)];
    }),
  );
  const first = Object.values(reports)[0]!.results[0]!;
  return {
    title: 'Panoptic and semantic',
    protocol:
      `Percent, ${first.panoptic.perClass.length} classes of the ground truth, of which PQ averages those that occur; clusters matched to classes ` +
      `${fittedOn(first.fittedOnScoredData)}. ${sentencesOf(Object.values(reports)[0]!.results)}. ${photos}`,
    columns: ['', 'matching', 'PQ', 'SQ', 'RQ', 'PQ things', 'PQ stuff', 'mIoU', 'pixel accuracy'],
    rows,
  };
}

const semanticMatchings: Readonly<Record<SemanticScore['matching'], string>> = {
  'hungarian-one-to-one': 'STEGO’s: clusters matched to classes one to one by pixels',
  'majority-vote': 'U2Seg’s: regions vote, a cluster takes its most frequent class; thing classes pooled as one',
  'linear-probe': 'a linear classifier trained on labels; nothing else has seen them',
};

/** Cluster maps alone, in every class list and matching. */
function semanticTable(scores: readonly SemanticScore[], photos: string): MetricTable {
  const used = [...new Set(scores.map(({ matching }) => matching))];
  return {
    title: 'Semantic clusters alone',
    protocol: `Percent, maps of the semantics stage before any instance lies over them. ${used.map((name) => `${name}: ${semanticMatchings[name]}`).join('. ')}. ${photos}`,
    columns: ['classes', 'matching', 'mIoU', 'pixel accuracy', 'photos', 'fitted on'],
    rows: scores.map(({ classes, matching, miou, pixelAccuracy, photos: count, fittedOn }) => [
      classes,
      matching,
      percent(miou),
      percent(pixelAccuracy),
      String(count),
      fittedOn,
    ]),
  };
}
