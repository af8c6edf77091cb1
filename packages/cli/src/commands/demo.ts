import { join } from 'node:path';
import type { Command } from 'commander';
import { writeSyntheticDataset } from '@u2seg/datasets';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';
import { runFit, type FitFlags } from './fit.ts';
import { wholeNumber } from './pipeline-options.ts';

interface DemoFlags {
  readonly out: string;
  readonly scenes: number;
  readonly seed: number;
}

/** Settings that suit a few small scenes and a few minutes. */
const demoSettings: readonly string[] = [
  'backbone.size=256',
  'clustering.k=16',
  'semantics.steps=300',
  'train.iterations=600',
  'contours.iterations=400',
];

export function registerDemo(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('render synthetic scenes with exact ground truth and run the whole pipeline on them')
    .option('--out <folder>', 'where scenes and run go', 'runs/demo')
    .option('--scenes <n>', 'number of scenes', wholeNumber, 40)
    .option('--seed <n>', 'seed of scenes and run', wholeNumber, 0)
    .action(async ({ out, scenes, seed }: DemoFlags) => {
      const reporter = createReporter(context);
      reporter.begin('scenes', 'Synthetic scenes');
      const data = await writeSyntheticDataset(join(out, 'scenes'), {
        count: scenes,
        seed,
        onProgress: reporter.progress,
      });
      reporter.end('scenes', `${data.images} scenes with ground truth in ${join(out, 'scenes')}`);
      const flags: FitFlags = { out: join(out, 'run'), gt: data.panopticJson, seed, set: demoSettings };
      await runFit(data.imageFolder, flags, context, 'report');
    });
}
