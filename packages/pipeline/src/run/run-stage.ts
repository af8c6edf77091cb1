/** The protocol of a stage: finished before? what is missing? write, finish, count. */
import { join } from 'node:path';
import type { PartitionedTable } from '@u2seg/interchange';
import type { z } from 'zod';
import type { Shard } from './partitions.ts';
import type { StageContext } from './stage-context.ts';

export interface StageWork<R, W extends R | undefined> {
  /** Folder below `stages/`. */
  readonly name: string;
  /** Hash of everything the result depends on: another one, and the stage is done again. */
  readonly inputsHash: string;
  /** Form of the result, which is stored when the stage is done. */
  readonly result: z.ZodType<R>;
  /** Does what is missing; undefined where the stage is not done yet, because others have to add their part. */
  readonly work: () => Promise<W>;
}

/**
 * Result of a stage: what was stored when it finished with the same inputs, else what its work gives, which then is stored.
 *
 * @returns undefined only where the work gives undefined
 */
export async function runStage<R, W extends R | undefined>(
  { run }: Pick<StageContext, 'run'>,
  { name, inputsHash, result, work }: StageWork<R, W>,
): Promise<R | W> {
  const stored = await run.finished(name, inputsHash, result);
  if (stored !== undefined) return stored;
  const made = await work();
  if (made !== undefined) await run.finish(name, inputsHash, made);
  return made;
}

/** The part of a table the protocol needs; tables of any rows have it. */
type FilledTable = Pick<PartitionedTable<never>, 'present' | 'finish'>;

export interface PartitionsToFill {
  /** Written in this order, partition by partition: where the last one has a partition, the others have it too. */
  readonly tables: readonly FilledTable[];
  readonly partitions: number;
  /** Only the partitions of this shard are filled. */
  readonly shard?: Shard;
}

/**
 * Fills what is missing of tables that share their partitions.
 *
 * @param fill - writes the missing partitions, given in ascending order; `others` of the caller's are there already
 * @returns whether all partitions are there; the tables are finished then
 */
export async function fillPartitions(
  { tables, partitions, shard }: PartitionsToFill,
  fill: (missing: readonly number[], others: number) => Promise<void>,
): Promise<boolean> {
  const last = tables.at(-1);
  if (last === undefined) return true;
  const present = await last.present();
  const own = Array.from({ length: partitions }, (_, p) => p).filter(
    (p) => shard === undefined || p % shard.count === shard.index,
  );
  const missing = own.filter((p) => !present.has(p));
  if (missing.length > 0) await fill(missing, own.length - missing.length);
  if ((await last.present()).size < partitions) return false;
  for (const table of tables) await table.finish(partitions);
  return true;
}

/** Folder of what a stage trained with these inputs, inside a run folder; a stage trained anew leaves the old one alone. */
export function stageFolder(runFolder: string, name: string, inputsHash: string): string {
  return join(runFolder, 'stages', name, shortHash(inputsHash));
}

/** The part of a hash that names files. */
export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}
