/** The folder of a run: who it belongs to, what it was configured with, which stages are done. */
import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ioError, U2SegError, writeFileAtomic } from '@u2seg/core';
import { readJsonFile } from '@u2seg/interchange';
import { z } from 'zod';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from './hash.ts';
import { lockRun, type ReleaseLock } from './run-lock.ts';
import type { Shard } from './partitions.ts';

const runSchema = z.object({
  format: z.literal('u2seg-run/1'),
  photos: z.string(),
  configHash: z.string(),
  config: z.record(z.string(), z.unknown()),
});

const stageSchema = z.object({ inputsHash: z.string(), result: z.unknown() });

/** Settings that change neither labels nor model, only how far or how a run is looked at. */
function identity(config: PipelineConfig): unknown {
  const { report: _report, evaluate: _evaluate, ...rest } = config;
  const { acceptBroken: _acceptBroken, ...proposals } = rest.proposals;
  return { ...rest, proposals };
}

/** An opened, locked run folder. */
export class RunDirectory {
  readonly folder: string;
  readonly #release: ReleaseLock;

  private constructor(folder: string, release: ReleaseLock) {
    this.folder = folder;
    this.#release = release;
  }

  /**
   * Opens or starts the run in a folder.
   *
   * @param shard - opened for this part only; other parts may be open at the same time
   *
   * @throws U2SegError `conflict` if the folder holds a run on other photos or with another configuration, other files, or is in
   *   use; `io` if it cannot be written
   */
  static async open(folder: string, photos: string, config: PipelineConfig, shard?: Shard): Promise<RunDirectory> {
    const root = resolve(folder);
    await mkdir(root, { recursive: true }).catch((cause: unknown) => {
      throw ioError(`${folder}: the folder cannot be made`, cause);
    });
    const release = await lockRun(root, shard);
    try {
      const path = join(root, 'run.json');
      // Another shard may be starting the run at this moment: look again once its files are seen.
      const found = await readJsonFile(path, runSchema);
      const others = (await readdir(root)).filter((name) => !name.endsWith('.lock') && !name.startsWith('run.json'));
      const existing = found ?? (shard === undefined ? undefined : await readJsonFile(path, runSchema));
      const wanted = {
        format: 'u2seg-run/1' as const,
        photos: resolve(photos),
        configHash: hashOf(identity(config)),
        config,
      };
      if (existing === undefined) {
        if (others.length > 0) {
          throw new U2SegError(
            'conflict',
            `${folder}: holds other files (${others.slice(0, 3).join(', ')}) and no run; name an empty folder.`,
          );
        }
        await writeFileAtomic(path, `${JSON.stringify(wanted, undefined, 2)}\n`);
      } else if (existing.photos !== wanted.photos) {
        throw new U2SegError(
          'conflict',
          `${folder}: holds a run on ${existing.photos}, not on ${wanted.photos}; name another folder.`,
        );
      } else if (existing.configHash !== wanted.configHash) {
        const what = differences(existing.config, config as unknown as Record<string, unknown>);
        throw new U2SegError(
          'conflict',
          `${folder}: holds a run with another configuration (${what.join('; ')}); name another folder or repeat its settings.`,
        );
      }
    } catch (cause) {
      await release();
      throw cause;
    }
    return new RunDirectory(root, release);
  }

  /** Absolute path inside the run. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Result of a stage that is done with these inputs, or undefined. */
  async finished<T>(stage: string, inputsHash: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const record = await readJsonFile(this.path('stages', stage, 'stage.json'), stageSchema);
    return record?.inputsHash === inputsHash ? schema.parse(record.result) : undefined;
  }

  /** Marks a stage as done. */
  async finish(stage: string, inputsHash: string, result: unknown): Promise<void> {
    await mkdir(this.path('stages', stage), { recursive: true });
    await writeFileAtomic(
      this.path('stages', stage, 'stage.json'),
      `${JSON.stringify({ inputsHash, result }, undefined, 2)}\n`,
    );
  }

  async close(): Promise<void> {
    await this.#release();
  }
}

/** Settings that differ, as `key: a there, b here`, at most `most`. */
export function differences(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  most = 5,
  path = '',
): string[] {
  const found: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [a, b] = [before[key], after[key]];
    const name = path === '' ? key : `${path}.${key}`;
    if (isObject(a) && isObject(b)) found.push(...differences(a, b, most, name));
    else if (JSON.stringify(a) !== JSON.stringify(b))
      found.push(`${name}: ${JSON.stringify(a)} there, ${JSON.stringify(b)} here`);
  }
  return found.slice(0, most);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
