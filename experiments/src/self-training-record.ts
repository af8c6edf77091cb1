/** The record of the self-training study: every seed's numbers, and their mean and deviation. */
import type { AgnosticScores } from './agnostic-scores.ts';

/** One line of a study: labels, or a network. */
export interface StudyRow {
  readonly name: string;
  /** On the scenes trained on. */
  readonly train: AgnosticScores;
  /** On scenes never seen; labels have none. */
  readonly test?: AgnosticScores;
  readonly instances: number;
}

/** What one seed gave. */
export interface StudyRun {
  readonly seed: number;
  readonly rows: readonly StudyRow[];
  readonly seconds: number;
  readonly machine: object;
}

/** Mean over the seeds, and their standard deviation (of a sample: over n - 1); null with one seed. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | null;
}

export type ScoreSpread = Readonly<Record<keyof AgnosticScores, Spread>>;

export interface StudyRecord {
  readonly question: string;
  readonly protocol: string;
  /** Everything but the seed. */
  readonly config: object;
  /** By seed. */
  readonly runs: readonly StudyRun[];
  readonly spread: readonly { readonly name: string; readonly train: ScoreSpread; readonly test?: ScoreSpread }[];
}

/** The record with one more run; one of the same seed is replaced. Runs of another configuration are forgotten. */
export function withRun(
  record: StudyRecord | undefined,
  study: Pick<StudyRecord, 'question' | 'protocol' | 'config'>,
  run: StudyRun,
): StudyRecord {
  const same = record !== undefined && JSON.stringify(record.config) === JSON.stringify(study.config);
  const others = same ? record.runs.filter(({ seed }) => seed !== run.seed) : [];
  const runs = [...others, run].sort((a, b) => a.seed - b.seed);
  return { ...study, runs, spread: spreadOf(runs) };
}

function spreadOf(runs: readonly StudyRun[]): StudyRecord['spread'] {
  return runs[0]!.rows.map(({ name }) => {
    const rows = runs.map(({ rows: all }) => all.find((row) => row.name === name)!);
    const tests = rows.flatMap(({ test }) => (test === undefined ? [] : [test]));
    return {
      name,
      train: scoreSpread(rows.map(({ train }) => train)),
      ...(tests.length === 0 ? {} : { test: scoreSpread(tests) }),
    };
  });
}

function scoreSpread(scores: readonly AgnosticScores[]): ScoreSpread {
  const keys = Object.keys(scores[0]!) as (keyof AgnosticScores)[];
  return Object.fromEntries(keys.map((key) => [key, spread(scores.map((one) => one[key]))])) as ScoreSpread;
}

/** Rounded to two digits, as the scores are. */
function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const round = (value: number): number => Number(value.toFixed(2));
  return { mean: round(mean), deviation: values.length < 2 ? null : round(Math.sqrt(squares / (values.length - 1))) };
}
