import type { Command } from 'commander';
import { checkDataset, datasetCatalog, findDataset } from '@u2seg/datasets';
import { U2SegError } from '@u2seg/core';
import type { CommandContext } from './context.ts';
import { printTables } from './print-tables.ts';

export function registerDatasets(program: Command, context: CommandContext): void {
  const datasets = program
    .command('datasets')
    .description('the data sets of the papers: what they are and where files go');
  datasets
    .command('list')
    .description('names, splits, licences and citations')
    .action(() => {
      if (context.json()) {
        const list = datasetCatalog.map(({ open: _open, ...rest }) => rest);
        context.stdout(`${JSON.stringify({ event: 'result', datasets: list })}\n`);
        return;
      }
      context.stdout(
        printTables([
          {
            title: 'Data sets',
            protocol:
              'None comes with this project. Licences as far as they are known; binding is what the home page says. `u2seg datasets show <name>` has layout and citation.',
            columns: ['name', 'title', 'splits', 'home page'],
            rows: datasetCatalog.map(({ id, title, splits, homepage }) => [id, title, splitsOf(splits), homepage]),
          },
        ]),
      );
    });
  datasets
    .command('show')
    .description('layout, licence and citation of one')
    .argument('<name>')
    .action((name: string) => {
      const { open: _open, ...spec } = findDataset(name);
      if (context.json()) {
        context.stdout(`${JSON.stringify({ event: 'result', ...spec })}\n`);
        return;
      }
      const lines = [
        spec.title,
        `  splits    ${spec.splits.join(', ')}`,
        `  layout    ${spec.layout.join('\n            ')}`,
        `  licence   ${spec.licence}`,
        `  cite      ${spec.citation}`,
        `  from      ${spec.homepage}`,
      ];
      context.stdout(`${lines.join('\n')}\n`);
    });
  datasets
    .command('check')
    .description('whether the files of a split are where the reader wants them')
    .argument('<name>')
    .argument('<folder>', 'root of the data set')
    .option('--split <name>', 'one of its splits; the first unless told otherwise')
    .action(async (name: string, folder: string, { split }: { readonly split?: string }) => {
      const spec = findDataset(name);
      const { ok, missing, message } = await checkDataset(spec, folder, split);
      if (context.json()) context.stdout(`${JSON.stringify({ event: 'result', name, ok, missing, message })}\n`);
      if (!ok) throw new U2SegError('not-found', message);
      if (!context.json()) context.stdout(`${message}\n`);
    });
}

function splitsOf(splits: readonly string[]): string {
  return splits.length <= 4 ? splits.join(', ') : `${splits.slice(0, 3).join(', ')}, ... ${splits.at(-1)}`;
}
