import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { z } from 'zod';

const cellSchema = z.object({
  system: z.string(),
  metric: z.string(),
  data: z.string().optional(),
  /** Mean where there are several seeds. */
  value: z.number().nullable(),
  /** Of the sample, over the seeds that have the number. */
  deviation: z.number().optional(),
  /** How many seeds have the number, where there are several. */
  seeds: z.number().optional(),
});

const systemSchema = z.object({
  id: z.string(),
  /** Data set the numbers are of, as the user named it. */
  data: z.string().optional(),
  seed: z.number().optional(),
  /** Data set learned from, as the user named it. */
  training: z.string().optional(),
  /** Run folder; systems that differ only in how they are evaluated share it. */
  run: z.string(),
  seconds: z.number(),
  /** Stages taken over from runs that had them already; `seconds` is without them. */
  adopted: z.array(z.string()).optional(),
  /** Photos the network learned from when others were scored. */
  trainedOn: z.string().optional(),
  /** Settings replaced because this variant cannot have them. */
  replaced: z.array(z.string()),
  /** The run's summary.json, or the fine-tuning's. */
  summary: z.unknown(),
  /** Why there are no numbers. */
  failed: z.string().optional(),
});

const recordSchema = z.object({
  format: z.literal('u2seg-experiment-record/2'),
  id: z.string(),
  variant: z.enum(['smoke', 'full']),
  machine: z.string(),
  systems: z.array(systemSchema),
  cells: z.array(cellSchema),
});

/** A number of a system on a data set; percent, but for counts. */
export type MeasuredCell = z.infer<typeof cellSchema>;
/** How a number came about. */
export type MeasuredSystem = z.infer<typeof systemSchema>;
/** What was measured for an experiment, with where each number comes from. */
export type ExperimentRecord = z.infer<typeof recordSchema>;
/** `smoke`: a few synthetic scenes, shows that the system runs, comparable with nothing. `full`: data the user named. */
export type ExperimentVariant = ExperimentRecord['variant'];

export function recordPath(folder: string, id: string, variant: ExperimentVariant): string {
  return join(folder, `${id}-${variant}.json`);
}

/** Undefined where nothing was run. @throws U2SegError `bad-format` naming file and field */
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new U2SegError('bad-format', `${path} is no JSON.`, { cause });
  }
  const { success, data, error } = recordSchema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new U2SegError(
    'bad-format',
    `${path} is no experiment record: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'unreadable'}.`,
  );
}

/** A record with the numbers of the systems measured anew, on their data set, and those of others kept. */
export function withSystems(
  before: ExperimentRecord | undefined,
  after: ExperimentRecord,
  data: string | undefined,
): ExperimentRecord {
  const renewed = new Set(after.systems.map(({ id }) => id));
  const kept = <T extends { readonly data?: string | undefined }>(
    items: readonly T[] | undefined,
    system: (item: T) => string,
  ): T[] => (items ?? []).filter((item) => item.data !== data || !renewed.has(system(item)));
  return {
    ...after,
    systems: [...kept(before?.systems, ({ id }) => id), ...after.systems],
    cells: [...kept(before?.cells, ({ system }) => system), ...after.cells],
  };
}
