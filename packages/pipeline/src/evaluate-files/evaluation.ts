import { readFile } from 'node:fs/promises';
import { ioError } from '@u2seg/core';
import type { ClusterMapping, MatchingProtocol } from '@u2seg/metrics';
import type { MetricTable } from '../evaluate/metric-tables.ts';

/** How clusters are named; `classes` takes the labels for the classes they are. */
export type EvaluationProtocol = MatchingProtocol | 'classes';

/** What an evaluation is asked for beyond its headline numbers. */
export interface EvaluationOptions {
  readonly gt: string;
  readonly pred: string;
  /** Matchings to score under; none means the format's own. */
  readonly protocols?: readonly EvaluationProtocol[];
  /** Mapping fitted on another split, applied instead of fitting one. */
  readonly mapping?: ClusterMapping;
  readonly perClass?: boolean;
  /** So many of the worst photos. */
  readonly worst?: number;
  readonly errors?: boolean;
  readonly calibration?: boolean;
  /** Detections scored a photo, rising; the last limits the matching. Results whose categories are classes. */
  readonly maxDetections?: readonly number[];
  /** Worker threads that compare panoptic maps; 0 compares on the caller's. */
  readonly threads?: number;
  /** Thresholds of the majority vote. */
  readonly voteMinScore?: number;
  readonly voteMinIou?: number;
}

export interface Evaluation {
  /** For people. */
  readonly tables: readonly MetricTable[];
  /** For programs; numbers in [0, 1]. */
  readonly report: Readonly<Record<string, unknown>>;
  /** Fitted here; absent where nothing was matched. */
  readonly mappings?: readonly ClusterMapping[];
}

/** @throws U2SegError `not-found` or `io` naming the file */
export async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw ioError(`${path}: cannot be read`, cause);
  }
}

/** The matchings among the protocols, or undefined for the evaluator's own. */
export function matchingsOf({ protocols }: EvaluationOptions): readonly MatchingProtocol[] | undefined {
  const matchings = protocols?.filter((protocol) => protocol !== 'classes');
  return matchings === undefined || matchings.length === 0 ? undefined : matchings;
}

/** A table's note on predictions that were not scored, after what it already says. */
export function unmatchedNote(unmatched: readonly string[], note?: string): Pick<MetricTable, 'note'> {
  if (unmatched.length === 0) return note === undefined ? {} : { note };
  const more = unmatched.length > 5 ? ` and ${unmatched.length - 5} more` : '';
  const sentence = `Predictions without ground truth, not scored: ${unmatched.slice(0, 5).join(', ')}${more}.`;
  return { note: note === undefined ? sentence : `${note} ${sentence}` };
}

/** What a mapping says of itself, for a table's caption. */
export function describeFitted(mapping: ClusterMapping, fittedOnScoredData: boolean): string {
  const { dataset, images } = mapping.fittedOn;
  const thresholds = Object.entries(mapping.thresholds).map(([name, value]) => `${name} ${value}`);
  const by = `${mapping.protocol} on ${mapping.evidence}${thresholds.length === 0 ? '' : ` (${thresholds.join(', ')})`}`;
  return fittedOnScoredData
    ? `${by}, fitted on the very data scored, as the papers do`
    : `${by}, fitted on ${images} images of ${dataset}`;
}
