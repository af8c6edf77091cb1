import type { Command } from 'commander';
import { Option } from 'commander';
import type { MetricTable } from '../pipeline/metric-tables.ts';
import type { CommandContext } from './context.ts';
import { loadExperiments, selectExperiments, type ListedExperiment } from './experiment-module.ts';
import { readRecord, type ExperimentRecord } from './experiment-record.ts';
import { formatTables, type TableFormat } from './format-tables.ts';

interface TableFlags {
  readonly all?: boolean;
  readonly format: TableFormat;
  readonly records: string;
  readonly experiments?: string;
}

const columns = ['row', 'column', 'paper', 'measured', 'difference', 'record'];

export function registerTable(program: Command, context: CommandContext): void {
  program
    .command('table')
    .description('paper | measured | difference | record of an experiment; what was not measured stays empty')
    .argument('[id]', 'experiment')
    .option('--all', 'every experiment')
    .addOption(new Option('--format <name>').choices(['text', 'markdown', 'latex', 'html']).default('text'))
    .option('--records <folder>', 'where `u2seg run` left its records', 'experiments/records')
    .option('--experiments <module>', 'module or file that exports experiments, instead of @u2seg/experiments')
    .action(async (id: string | undefined, flags: TableFlags) => {
      const chosen = selectExperiments(await loadExperiments(flags.experiments), id, flags.all);
      const tables: MetricTable[] = [];
      for (const experiment of chosen) {
        const full = await readRecord(flags.records, experiment.id, 'full');
        const smoke = await readRecord(flags.records, experiment.id, 'smoke');
        tables.push(experimentTable(experiment, full, smoke));
      }
      if (context.json()) context.stdout(`${JSON.stringify({ event: 'result', tables })}\n`);
      else context.stdout(formatTables(tables, flags.format));
    });
}

/** Published cells first, then what was measured beside them. A smoke run is never set against the paper. */
export function experimentTable(
  experiment: ListedExperiment,
  full: ExperimentRecord | undefined,
  smoke: ExperimentRecord | undefined,
): MetricTable {
  const rows: string[][] = [];
  const shown = new Set<string>();
  for (const { row, column, value, recalled } of experiment.published) {
    const measured = full?.cells.find((cell) => cell.row === row && cell.column === column)?.value ?? undefined;
    shown.add(`${row} | ${column}`);
    rows.push([
      row,
      column,
      `${value}${recalled === true ? ' (recalled)' : ''}`,
      measured === undefined ? '' : measured.toFixed(2),
      measured === undefined ? '' : (measured - value).toFixed(2),
      measured === undefined ? '' : `${experiment.id}-full`,
    ]);
  }
  for (const record of [full, smoke]) {
    if (record === undefined) continue;
    const name = `${experiment.id}-${record.variant}`;
    for (const { row, column, value } of record.cells) {
      if (record.variant === 'full' && shown.has(`${row} | ${column}`)) continue;
      rows.push([row, column, '', value === null ? '-' : value.toFixed(2), '', name]);
    }
    for (const { row, failed } of record.systems) {
      if (failed !== undefined) rows.push([row, `failed: ${failed}`, '', '', '', name]);
    }
  }
  if (full === undefined && smoke === undefined && experiment.published.length === 0) {
    for (const { row } of experiment.systems) rows.push([row, '', '', '', '', '']);
  }
  const notes = [
    ...(experiment.trap === undefined ? [] : [`Trap: ${experiment.trap}`]),
    ...(smoke === undefined ? [] : ['Records named smoke are of 8 synthetic scenes and comparable with nothing.']),
  ];
  const origin = experiment.source === '' ? 'Nothing published.' : `Paper: ${experiment.source}.`;
  return {
    title: `${experiment.id}: ${experiment.title}`,
    protocol: `${experiment.question} ${origin} Data: ${experiment.data.join(', ')}. Cost: ${experiment.cost}.`,
    columns,
    rows,
    ...(notes.length === 0 ? {} : { note: notes.join(' ') }),
  };
}
