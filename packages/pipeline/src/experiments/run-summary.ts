/** What a run says of itself, read back: `summary.json`, and `timing.json` beside it. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readJsonFile } from '@u2seg/interchange';
import { z } from 'zod';

const summarySchema = z
  .object({
    format: z.enum(['u2seg-summary/1', 'u2seg-fine-tune/1']),
    config: z.record(z.string(), z.unknown()),
    seed: z.number().optional(),
    code: z.record(z.string(), z.unknown()).optional(),
    dataHash: z.string().optional(),
    gtSha256: z.string().optional(),
    photos: z.number().optional(),
    machine: z.record(z.string(), z.unknown()).optional(),
    seconds: z.number().optional(),
    metrics: z.unknown(),
  })
  .loose();
const timingSchema = z
  .object({
    machine: z.record(z.string(), z.unknown()),
    stages: z.record(z.string(), z.number()),
    peakMemoryMiB: z.number(),
  })
  .loose();

export interface ReadSummary {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Code, libraries, data and machine it came from. */
  readonly origin: Readonly<Record<string, unknown>>;
  /** Every finite number below `metrics`, by its path. */
  readonly metrics: ReadonlyMap<string, number>;
  /** Seconds of each stage and in all, and the peak of memory in MiB. */
  readonly costs: ReadonlyMap<string, number>;
}

/**
 * Reads the summary of a run or of a fine-tuning.
 *
 * @param path - its folder or its `summary.json`
 * @throws U2SegError `not-found` without a summary, `bad-format` naming file and field if it is none of ours
 */
export async function readSummary(path: string): Promise<ReadSummary> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const file = isFolder ? join(path, 'summary.json') : path;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new U2SegError('not-found', `${file}: no summary can be read there: ${why}.`, { cause });
  }
  const { success, data, error } = summarySchema.safeParse(value);
  if (!success) {
    const [issue] = error.issues;
    const field = issue?.path.join('.') || 'the file';
    throw new U2SegError('bad-format', `${file} is no summary of a run: ${field}: ${issue?.message ?? 'unreadable'}.`);
  }
  const timing = await readJsonFile(join(dirname(file), 'timing.json'), timingSchema);
  const stages = Object.entries(timing?.stages ?? {});
  const total =
    data.seconds ?? (stages.length === 0 ? undefined : stages.reduce((sum, [, seconds]) => sum + seconds, 0));
  return {
    path,
    config: data.config,
    origin: {
      seed: data.seed,
      code: data.code ?? {},
      data: data.dataHash ?? data.gtSha256,
      photos: data.photos,
      machine: data.machine ?? timing?.machine ?? {},
    },
    metrics: new Map(numbersBelow(data.metrics, '')),
    costs: new Map<string, number>([
      ...stages.map(([name, seconds]): [string, number] => [`seconds of ${name}`, seconds]),
      ...(total === undefined ? [] : [['seconds in all', total] as const]),
      ...(timing === undefined ? [] : [['peak memory, MiB', timing.peakMemoryMiB] as const]),
    ]),
  };
}

function numbersBelow(value: unknown, path: string): (readonly [string, number])[] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbersBelow(inner, path === '' ? key : `${path}.${key}`));
}
