import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { explainIoError, U2SegError } from '@u2seg/core';
import { meanAndDeviation } from '../experiments/mean-and-deviation.ts';
import { differences } from '../pipeline/run-directory.ts';
import { UsageError } from '../usage-error.ts';
import type { CommandContext } from './context.ts';
import { printTables } from './print-tables.ts';

interface Summary {
  readonly path: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Every finite number below `metrics`, by its path. */
  readonly numbers: ReadonlyMap<string, number>;
}

export function registerCompare(program: Command, context: CommandContext): void {
  program
    .command('compare')
    .description('what differs between runs: settings and metrics; mean and deviation over all of them (several seeds)')
    .argument('<runs...>', 'run folders or their summary.json, at least two')
    .action(async (paths: readonly string[]) => {
      if (paths.length < 2) throw new UsageError(`compare wants at least two runs, got ${paths.length}.`);
      const runs = await Promise.all(paths.map(readSummary));
      const settings = runs
        .slice(1)
        .map((run) => ({ run: run.path, differs: differences(runs[0]!.config, run.config) }));
      const names = [...new Set(runs.flatMap(({ numbers }) => [...numbers.keys()]))];
      const metrics = names.map((name) => {
        const values = runs.map(({ numbers }) => numbers.get(name) ?? Number.NaN);
        return { name, values, ...meanAndDeviation(values) };
      });
      if (context.json()) {
        context.stdout(`${JSON.stringify({ event: 'result', runs: paths, settings, metrics })}\n`);
        return;
      }
      for (const { run, differs } of settings) {
        context.stdout(`${run}: ${differs.length === 0 ? 'the same settings' : differs.join('; ')}\n`);
      }
      const digits = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : '-');
      context.stdout(
        printTables([
          {
            title: 'Metrics',
            protocol:
              'As summary.json has them (shares, not percent); deviation is the sample’s, over the runs that have the number.',
            columns: ['', ...paths.map((_, i) => `run ${i + 1}`), 'mean', 'deviation'],
            rows: metrics.map(({ name, values, mean, deviation }) => [
              name,
              ...[...values, mean, deviation].map(digits),
            ]),
          },
        ]),
      );
    });
}

/** @throws U2SegError `not-found` without a summary, `bad-format` if it is none of ours */
async function readSummary(path: string): Promise<Summary> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const file = isFolder ? join(path, 'summary.json') : path;
  let value: { format?: unknown; config?: Summary['config']; metrics?: unknown };
  try {
    value = JSON.parse(await readFile(file, 'utf8')) as typeof value;
  } catch (cause) {
    throw new U2SegError('not-found', `${file}: no summary can be read there: ${explainIoError(cause)}.`, { cause });
  }
  if (value.format !== 'u2seg-summary/1' || value.config === undefined) {
    throw new U2SegError('bad-format', `${file}: format must be u2seg-summary/1, got ${JSON.stringify(value.format)}.`);
  }
  return { path, config: value.config, numbers: new Map(numbersBelow(value.metrics, '')) };
}

function numbersBelow(value: unknown, path: string): (readonly [string, number])[] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbersBelow(inner, path === '' ? key : `${path}.${key}`));
}
