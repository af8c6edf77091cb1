import type { Command } from 'commander';
import { fitFolder, metricTables, parseShard, stages, type FitResult } from '@u2seg/pipeline';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';
import { addPipelineOptions, configOf, wholeNumber, type PipelineFlags } from './pipeline-options.ts';
import { printTables } from './print-tables.ts';

export interface FitFlags extends PipelineFlags {
  readonly out: string;
  readonly gt?: string;
  readonly workers?: number;
  readonly shard?: string;
}

export function registerFit(program: Command, context: CommandContext): void {
  const fit = program
    .command('fit')
    .description(
      'the whole pipeline: a folder of unlabelled photos to pseudo-labels, a trained network, predictions and a report',
    )
    .argument('<folder>', 'folder of photos')
    .option('--out <folder>', 'run folder; the same command goes on with what is there', 'runs/fit')
    .option('--gt <file>', 'COCO panoptic JSON of these photos (PNGs in the folder of the same name), for metrics only')
    .option('--workers <n>', 'worker threads for proposals', wholeNumber);
  addPipelineOptions(fit).action(async (folder: string, flags: FitFlags) => {
    await runFit(folder, flags, context, 'report');
  });
  for (const [i, { name: until, command: own }] of stages.entries()) {
    if (own === undefined) continue;
    const command = program
      .command(own.name)
      .description(`stage ${i + 1} of ${stages.length}: ${own.description}; runs what is missing before it`)
      .argument('<folder>', 'folder of photos')
      .option('--out <folder>', 'run folder', 'runs/fit')
      .option('--workers <n>', 'worker threads for proposals', wholeNumber);
    if (own.shard === true)
      command.option('--shard <i/n>', 'only every n-th part of the photos; run without it once all are done');
    addPipelineOptions(command).action(async (folder: string, flags: FitFlags) => {
      await runFit(folder, flags, context, until);
    });
  }
}

/** Runs the pipeline and prints what came of it. */
export async function runFit(
  folder: string,
  flags: FitFlags,
  context: CommandContext,
  until: string,
): Promise<FitResult> {
  const config = await configOf(flags);
  const result = await fitFolder({
    photos: folder,
    out: flags.out,
    config,
    until,
    reporter: createReporter(context),
    ...(flags.gt === undefined ? {} : { gt: flags.gt }),
    ...(flags.workers === undefined || flags.workers === 0 ? {} : { workers: flags.workers }),
    ...(flags.shard === undefined ? {} : { shard: parseShard(flags.shard) }),
  });
  if (context.json()) {
    const { folder: run, summaryPath, reportPath, metrics, warnings } = result;
    context.stdout(
      `${JSON.stringify({ event: 'result', run, summary: summaryPath, report: reportPath, metrics: metrics === undefined ? null : metricTables(metrics), warnings })}\n`,
    );
    return result;
  }
  if (result.metrics !== undefined) context.stdout(printTables(metricTables(result.metrics)));
  if (result.summaryPath !== undefined) context.stdout(`\nsummary  ${result.summaryPath}\n`);
  if (result.reportPath !== undefined) context.stdout(`report   ${result.reportPath} (open it in a browser)\n`);
  return result;
}
