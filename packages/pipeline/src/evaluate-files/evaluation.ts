import { readFile } from 'node:fs/promises';
import { ioError } from '@u2seg/core';
import type { ClusterMapping, CocoParameters, MatchingProtocol } from '@u2seg/metrics';
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
  /**
   * Area that puts an unmatched detection inside or outside small, medium and large; `auto` as detectron2 does, `box` as pycocotools
   * does with results that hold both box and mask. Results whose categories are classes.
   */
  readonly detectionArea?: CocoParameters['detectionArea'];
  /** Thresholds of the majority vote. */
  readonly voteMinScore?: number;
  readonly voteMinIou?: number;
}

export interface Evaluation {
  /** Whole sentences on what was tolerated or could not be scored; the first table's note and the report hold them too. */
  readonly notes?: readonly string[];
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

/** Panoptic files list segments; a set of instances does not, and its predictions are results in a COCO set. */
export function hasSegments(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('"segments_info"');
}

/** The matchings among the protocols, or undefined for the evaluator's own. */
export function matchingsOf({ protocols }: EvaluationOptions): readonly MatchingProtocol[] | undefined {
  const matchings = protocols?.filter((protocol) => protocol !== 'classes');
  return matchings === undefined || matchings.length === 0 ? undefined : matchings;
}

/** A table's note on predictions that were not scored, after what it already says. */
export function unmatchedNote(unmatched: readonly string[], note?: string): Pick<MetricTable, 'note'> {
  if (unmatched.length === 0) return note === undefined ? {} : { note };
  const sentence = `Predictions without ground truth, not scored: ${firstNames(unmatched)}.`;
  return { note: note === undefined ? sentence : `${note} ${sentence}` };
}

/** The evaluation with these sentences added to what it notes. */
export function withNotes(evaluation: Evaluation, added: readonly string[]): Evaluation {
  const notes = [...(evaluation.notes ?? []), ...added];
  const [first, ...others] = evaluation.tables;
  if (added.length === 0 || first === undefined) return evaluation;
  const note = [...(first.note === undefined ? [] : [first.note]), ...added].join(' ');
  return { ...evaluation, notes, tables: [{ ...first, note }, ...others], report: { ...evaluation.report, notes } };
}

/** Names in a sentence, the first five and how many more. */
export function firstNames(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
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
