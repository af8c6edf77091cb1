import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';

/** A number of a run, as percent. */
export interface MeasuredCell {
  readonly row: string;
  readonly column: string;
  readonly value: number | null;
}

/** `smoke`: a few synthetic scenes, shows that the system runs, comparable with nothing. `full`: data the user named. */
export type ExperimentVariant = 'smoke' | 'full';

/** What was measured for an experiment, with where each row comes from. */
export interface ExperimentRecord {
  readonly format: 'u2seg-experiment-record/1';
  readonly id: string;
  readonly variant: ExperimentVariant;
  readonly machine: string;
  readonly systems: readonly {
    readonly row: string;
    /** Run folder; systems with one configuration share it. */
    readonly run: string;
    readonly seconds: number;
    /** Settings replaced because this variant cannot have them. */
    readonly replaced: readonly string[];
    readonly summary: unknown;
    /** Why there are no numbers. */
    readonly failed?: string;
  }[];
  readonly cells: readonly MeasuredCell[];
}

export function recordPath(folder: string, id: string, variant: ExperimentVariant): string {
  return join(folder, `${id}-${variant}.json`);
}

/** Undefined where nothing was run. @throws U2SegError `bad-format` naming the file */
export async function readRecord(
  folder: string,
  id: string,
  variant: ExperimentVariant,
): Promise<ExperimentRecord | undefined> {
  const path = recordPath(folder, id, variant);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const record = JSON.parse(text) as ExperimentRecord;
    if (record.format === 'u2seg-experiment-record/1' && Array.isArray(record.cells)) return record;
  } catch {
    // said below
  }
  throw new U2SegError('bad-format', `${path} is no experiment record: wanted format u2seg-experiment-record/1.`);
}
