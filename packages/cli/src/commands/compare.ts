import { U2SegError } from '@u2seg/core';
import type { Command } from 'commander';
import { differences, meanAndDeviation, readSummary } from '@u2seg/pipeline/internal';
import type { CommandContext } from './context.ts';
import { printTables } from './print-tables.ts';

interface ComparedNumber {
  readonly name: string;
  /** One a run; NaN where a run has none. */
  readonly values: readonly number[];
  readonly mean: number;
  readonly deviation: number;
}

export function registerCompare(program: Command, context: CommandContext): void {
  program
    .command('compare')
    .description(
      'what differs between runs: settings, code, data, machine, metrics, time; mean and deviation over all of them (several seeds)',
    )
    .argument('<runs...>', 'folders of runs or fine-tunings, or their summary.json, at least two')
    .action(async (paths: readonly string[]) => {
      if (paths.length < 2)
        throw new U2SegError('wrong-usage', `compare wants at least two runs, got ${paths.length}.`);
      const runs = await Promise.all(paths.map(readSummary));
      const settings = runs.slice(1).map(({ path, config, origin }) => ({
        run: path,
        differs: differences(runs[0]!.config, config, Number.POSITIVE_INFINITY),
        origin: differences(runs[0]!.origin, origin, Number.POSITIVE_INFINITY),
      }));
      const metrics = numbersOf(runs.map((run) => run.metrics));
      const costs = numbersOf(runs.map((run) => run.costs));
      if (context.json()) {
        context.stdout(`${JSON.stringify({ event: 'result', runs: paths, settings, metrics, costs })}\n`);
        return;
      }
      for (const { run, differs, origin } of settings) {
        const lines = [...(differs.length === 0 ? ['the same settings'] : differs), ...origin];
        context.stdout(`${run}:\n${lines.map((line) => `  ${line}\n`).join('')}`);
      }
      const columns = ['', ...paths.map((_, i) => `run ${i + 1}`), 'mean', 'deviation'];
      const rows = (numbers: readonly ComparedNumber[], digits: number): string[][] =>
        numbers.map(({ name, values, mean, deviation }) => [
          name,
          ...[...values, mean, deviation].map((value) => (Number.isFinite(value) ? value.toFixed(digits) : '-')),
        ]);
      const deviation = 'deviation is the sample’s, over the runs that have the number';
      context.stdout(
        printTables([
          {
            title: 'Metrics',
            protocol: `As summary.json has them (shares, not percent); ${deviation}.`,
            columns,
            rows: rows(metrics, 4),
          },
          ...(costs.length === 0
            ? []
            : [{ title: 'Cost', protocol: `As timing.json has it; ${deviation}.`, columns, rows: rows(costs, 2) }]),
        ]),
      );
    });
}

function numbersOf(runs: readonly ReadonlyMap<string, number>[]): ComparedNumber[] {
  const names = [...new Set(runs.flatMap((numbers) => [...numbers.keys()]))];
  return names.map((name) => {
    const values = runs.map((numbers) => numbers.get(name) ?? Number.NaN);
    return { name, values, ...meanAndDeviation(values) };
  });
}
