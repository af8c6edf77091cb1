import { Option, type Command } from 'commander';
import { experimentTable, loadExperiments, readRecord, selectExperiments } from '@u2seg/pipeline/internal';
import type { MetricTable } from '@u2seg/pipeline';
import type { CommandContext } from './context.ts';
import { formatTables, type TableFormat } from './format-tables.ts';

interface TableFlags {
  readonly all?: boolean;
  readonly format: TableFormat;
  readonly records: string;
  readonly experiments?: string;
}

export function registerTable(program: Command, context: CommandContext): void {
  program
    .command('table')
    .description('paper | measured | difference | record of an experiment; what was not measured stays empty')
    .argument('[ids...]', 'experiments')
    .option('--all', 'every experiment')
    .addOption(new Option('--format <name>').choices(['text', 'markdown', 'latex', 'html']).default('text'))
    .option('--records <folder>', 'where `u2seg run` left its records', 'experiments/records')
    .option('--experiments <module>', 'module or file that exports experiments, instead of @u2seg/experiments')
    .action(async (ids: readonly string[], flags: TableFlags) => {
      const chosen = selectExperiments(await loadExperiments(flags.experiments), ids, flags.all);
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
