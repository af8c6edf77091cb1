/** The metrics of a run as tables for people: terminal and report show the same. */
import type { CocoStats, ProtocolResult, UniversalReport } from '@u2seg/metrics';
import type { RunMetrics } from './evaluate-stage.ts';

export interface MetricTable {
  readonly title: string;
  /** What the numbers are: class list, thresholds, which matching, fitted on what. */
  readonly protocol: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

const cocoColumns: readonly (readonly [string, keyof CocoStats])[] = [
  ['AP', 'ap'],
  ['AP50', 'ap50'],
  ['AP75', 'ap75'],
  ['AP small', 'apSmall'],
  ['AP medium', 'apMedium'],
  ['AP large', 'apLarge'],
  ['AR@1', 'arFirst'],
  ['AR@10', 'arSecond'],
  ['AR@100', 'arThird'],
];

/** What each matching does, in one sentence. */
const protocolSentences: Readonly<Record<ProtocolResult['protocol'], string>> = {
  'majority-vote':
    'U2Seg’s: things with score >= 0.6 and box IoU > 0.7 vote, stuff regions with IoU > 0.15; a cluster takes its most frequent class',
  'hungarian-one-to-one':
    'Hungarian on pixels, things and stuff apart, one cluster a class; clusters left over are void',
  'hungarian-many-to-one':
    'Hungarian on pixels, things and stuff apart; clusters left over take their most frequent class',
};

/** A share as percent with two digits; `-` where nothing was there to average. */
export function percent(value: number): string {
  return Number.isFinite(value) && value >= 0 ? (100 * value).toFixed(2) : '-';
}

export function metricTables(metrics: RunMetrics): MetricTable[] {
  const { groundTruth, classAgnostic, universal } = metrics;
  const photos = `${groundTruth.photos} annotated photos of ${groundTruth.path}`;
  const protocol = `COCO AP and AR of masks in percent, all things one class, IoU 0.50:0.05:0.95, at most 100 masks a photo, crowds ignored; ${photos}`;
  const tables = [cocoTable('Class-agnostic masks', protocol, classAgnostic)];
  if (Object.keys(universal).length > 0) tables.push(universalTable(universal, photos));
  return tables;
}

/** The numbers of COCO's summary, one row a name. */
export function cocoTable(title: string, protocol: string, stats: Readonly<Record<string, CocoStats>>): MetricTable {
  return {
    title,
    protocol,
    columns: ['', ...cocoColumns.map(([name]) => name)],
    rows: Object.entries(stats).map(([name, values]) => [name, ...cocoColumns.map(([, key]) => percent(values[key]))]),
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
  const sentences = Object.entries(protocolSentences).map(([name, text]) => `${name}: ${text}`);
  return {
    title: 'Panoptic and semantic',
    protocol:
      `Percent, ${first.panoptic.perClass.length} classes of the ground truth, of which PQ averages those that occur; clusters matched to classes ` +
      `${first.fittedOnScoredData ? 'on the very photos scored, as the papers do' : 'on other photos'}. ${sentences.join('. ')}. ${photos}`,
    columns: ['', 'matching', 'PQ', 'SQ', 'RQ', 'PQ things', 'PQ stuff', 'mIoU', 'pixel accuracy'],
    rows,
  };
}

/** The numbers that go into summary.json. */
export function metricNumbers({ groundTruth, classAgnostic, universal }: RunMetrics): unknown {
  const number = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    groundTruth,
    classAgnostic: Object.fromEntries(
      Object.entries(classAgnostic).map(([name, stats]) => [
        name,
        Object.fromEntries(Object.entries(stats).map(([key, value]) => [key, number(value as number)])),
      ]),
    ),
    universal: Object.fromEntries(
      Object.entries(universal).map(([name, { results }]) => [
        name,
        Object.fromEntries(
          results.map(({ protocol, panoptic, semantic, fittedOnScoredData }) => [
            protocol,
            {
              pq: number(panoptic.all.pq),
              sq: number(panoptic.all.sq),
              rq: number(panoptic.all.rq),
              pqThings: number(panoptic.things.pq),
              pqStuff: number(panoptic.stuff.pq),
              miou: number(semantic.miou),
              pixelAccuracy: number(semantic.pixelAccuracy),
              fittedOnScoredData,
            },
          ]),
        ),
      ]),
    ),
  };
}
