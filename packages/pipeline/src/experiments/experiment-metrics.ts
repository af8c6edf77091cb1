/** The numbers of a run under the names that tables of experiments ask for. */
import type { ClusteredInstanceResult, CocoStats, ProtocolResult } from '@u2seg/metrics';
import type { AnnotatedScores } from '../fine-tuning/score-annotated.ts';
import type { RunMetrics } from '../evaluate/evaluate-stage.ts';
import type { SemanticScore } from '../evaluate/semantic-scores.ts';

const cocoNames = {
  AP: 'ap',
  AP50: 'ap50',
  AP75: 'ap75',
  'AP small': 'apSmall',
  'AP medium': 'apMedium',
  'AP large': 'apLarge',
  AR1: 'arFirst',
  AR10: 'arSecond',
  AR100: 'arThird',
} as const satisfies Record<string, keyof CocoStats>;
type CocoName = keyof typeof cocoNames;
type Average = '' | ' things' | ' stuff';
type Matching = '' | 'one-to-one ' | 'many-to-one ';

/**
 * A number of a run, in percent:
 *
 * - `box AP`, `mask AR100`, ...: class-aware, clusters named by U2Seg's vote
 * - `agnostic mask AP`, ...: all things one class; `proposals mask AP`: of the proposals instead of the network
 * - `PQ`, `PQ things`, ...: under U2Seg's vote; `one-to-one PQ` (STEGO's matching), `many-to-one PQ` (CUPS's)
 * - `mIoU`, `pixel accuracy`: of the panoptic map under U2Seg's vote, all things pooled as one class; `one-to-one mIoU`: every
 *   class
 * - `stego mIoU`, `stego pixel accuracy`: of the cluster maps alone, one to one, as STEGO is scored (27 classes on COCO);
 *   `stego vote mIoU`: the same maps under U2Seg's vote (16 classes on COCO); `linear mIoU`: a linear probe on their codes
 * - `matched clusters`: clusters that the vote named, a count
 */
export type ExperimentMetric =
  | `${'' | 'agnostic ' | 'proposals '}${'box' | 'mask'} ${CocoName}`
  | `${Matching}${'PQ' | 'SQ' | 'RQ'}${Average}`
  | `${Matching}${'mIoU' | 'pixel accuracy'}`
  | `${'stego' | 'stego vote' | 'linear'} ${'mIoU' | 'pixel accuracy'}`
  | 'matched clusters';

/** What was scored: the network, or, where none was trained, the labels themselves. */
export function experimentMetrics(metrics: RunMetrics): Partial<Record<ExperimentMetric, number | null>> {
  const { classAgnostic, classAgnosticBoxes, classAware, universal, semantics } = metrics;
  const voted = Object.values(classAware)
    .at(-1)
    ?.find(({ protocol }) => protocol === 'majority-vote');
  return {
    ...coco('proposals box', classAgnosticBoxes['proposals']),
    ...coco('proposals mask', classAgnostic['proposals']),
    ...coco('agnostic box', Object.values(classAgnosticBoxes).at(-1)),
    ...coco('agnostic mask', Object.values(classAgnostic).at(-1)),
    ...(voted === undefined ? {} : votedNumbers(voted)),
    ...Object.assign({}, ...(Object.values(universal).at(-1)?.results ?? []).map(universalNumbers)),
    ...Object.assign({}, ...semantics.map(semanticNumbers)),
  };
}

const semanticNames: Readonly<Record<SemanticScore['matching'], string>> = {
  'hungarian-one-to-one': 'stego',
  'majority-vote': 'stego vote',
  'linear-probe': 'linear',
};

function semanticNumbers({ matching, miou, pixelAccuracy }: SemanticScore): Record<string, number | null> {
  const name = semanticNames[matching];
  return { [`${name} mIoU`]: percent(miou), [`${name} pixel accuracy`]: percent(pixelAccuracy) };
}

/** The same of a fine-tuned network, whose classes were taught: nothing is matched. */
export function annotatedMetrics({ bbox, segm, panoptic }: AnnotatedScores): Record<string, number | null> {
  const averages =
    panoptic === undefined ? {} : { '': panoptic.all, ' things': panoptic.things, ' stuff': panoptic.stuff };
  return {
    ...coco('box', bbox),
    ...coco('mask', segm),
    ...Object.assign({}, ...Object.entries(averages).map(([name, average]) => panopticNumbers(name, average))),
  };
}

function panopticNumbers(
  suffix: string,
  { pq, sq, rq }: { readonly pq: number; readonly sq: number; readonly rq: number },
): Record<string, number | null> {
  return { [`PQ${suffix}`]: percent(pq), [`SQ${suffix}`]: percent(sq), [`RQ${suffix}`]: percent(rq) };
}

function votedNumbers({ bbox, segm, matchedClusters }: ClusteredInstanceResult): Record<string, number | null> {
  return { ...coco('box', bbox.stats), ...coco('mask', segm?.stats), 'matched clusters': matchedClusters };
}

const matchingNames: Readonly<Record<ProtocolResult['protocol'], Matching>> = {
  'majority-vote': '',
  'hungarian-one-to-one': 'one-to-one ',
  'hungarian-many-to-one': 'many-to-one ',
};

function universalNumbers(result: ProtocolResult): Record<string, number | null> {
  const name = matchingNames[result.protocol];
  const semantic = result.protocol === 'majority-vote' ? result.semanticThingsPooled : result.semantic;
  const { all, things, stuff } = result.panoptic;
  const panoptic = {
    ...panopticNumbers('', all),
    ...panopticNumbers(' things', things),
    ...panopticNumbers(' stuff', stuff),
  };
  return {
    ...Object.fromEntries(Object.entries(panoptic).map(([key, value]) => [`${name}${key}`, value])),
    [`${name}mIoU`]: percent(semantic.miou),
    [`${name}pixel accuracy`]: percent(semantic.pixelAccuracy),
  };
}

function coco(prefix: string, stats: CocoStats | undefined): Record<string, number | null> {
  if (stats === undefined) return {};
  return Object.fromEntries(Object.entries(cocoNames).map(([name, key]) => [`${prefix} ${name}`, percent(stats[key])]));
}

/** Null where there is nothing to average over. */
function percent(share: number): number | null {
  return Number.isFinite(share) && share >= 0 ? 100 * share : null;
}
