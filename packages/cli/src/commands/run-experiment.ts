import { mkdir } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import {
  loadExperiments,
  measuredData,
  nearestName,
  readRecord,
  recordPath,
  selectExperiments,
  smokeScenes,
  trainingData,
  withSystems,
} from '@u2seg/pipeline/internal';
import { SystemRunner, type Experiment, type ExperimentJob } from '@u2seg/pipeline';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';

/** What a job has from its flags as it is. */
type JobFlags = Pick<
  ExperimentJob,
  'val' | 'labels' | 'labelPhotos' | 'data' | 'training' | 'seeds' | 'preset' | 'out'
>;

interface RunFlags extends JobFlags, Partial<Pick<ExperimentJob, 'photos' | 'gt'>> {
  readonly all?: boolean;
  readonly smoke?: boolean;
  readonly set: readonly string[];
  readonly records: string;
  readonly experiments?: string;
}

export function registerRunExperiment(program: Command, context: CommandContext): void {
  program
    .command('run')
    .description('run an experiment: a table of a paper or an ablation; its numbers become a record for `u2seg table`')
    .argument('[ids...]', 'experiments; u2seg table --all shows them')
    .option('--all', 'every experiment')
    .option('--smoke', 'the systems on a few small synthetic scenes: shows that they run, comparable with nothing')
    .option('--photos <folder>', 'photos the systems learn from')
    .option('--gt <file>', 'COCO panoptic JSON of the photos that are scored')
    .option('--val <folder>', 'photos that are scored, where they are others; by default those of --photos')
    .option(
      '--labels <file>',
      'labels to fine-tune on or to train the linear probe with, where --val is given (COCO JSON)',
    )
    .option('--label-photos <folder>', 'photos --labels are of, where they are not --photos')
    .option(
      '--data <name>',
      'published data set the scored photos are (coco, voc, uvo, ...); without it numbers stand for themselves, beside no paper’s',
    )
    .option('--training <name>', 'published data set --photos are (imagenet, coco, ...), with --data')
    .option('--seeds <list>', 'seeds, as in 0,1,2: mean and deviation of every number', seedList)
    .addOption(
      new Option('--preset <name>', 'systems of full size at the size of the tiny preset, on your photos').choices([
        'tiny',
      ]),
    )
    .option('--set <key=value>', 'setting laid over every system; repeatable', append, [])
    .option('--out <folder>', 'where runs go; what is done there is not done again', 'runs/experiments')
    .option('--records <folder>', 'where records go', 'experiments/records')
    .option('--experiments <module>', 'module or file that exports experiments, instead of @u2seg/experiments')
    .action(async (ids: readonly string[], flags: RunFlags) => {
      const chosen = selectExperiments(await loadExperiments(flags.experiments), ids, flags.all);
      const reporter = createReporter(context);
      const smoke = flags.smoke === true ? await smokeJob(flags) : undefined;
      let failures = 0;
      let runner: SystemRunner | undefined;
      for (const experiment of chosen) {
        const job = smoke ?? fullJob(experiment, flags);
        // One for all, so that experiments share what they have in common.
        runner ??= new SystemRunner({ ...job, reporter });
        const record = await runner.run(experiment);
        const before = await readRecord(flags.records, experiment.id, record.variant);
        await mkdir(flags.records, { recursive: true });
        const path = recordPath(flags.records, experiment.id, record.variant);
        await writeFileAtomic(path, `${JSON.stringify(withSystems(before, record, job.data), undefined, 2)}\n`);
        const failed = record.systems.filter((system) => system.failed !== undefined).map((system) => system.id);
        failures += failed.length;
        const line = `${experiment.id}: ${record.systems.length - failed.length} of ${record.systems.length} systems ran; ${path}\n`;
        if (context.json()) context.stdout(`${JSON.stringify({ event: 'record', id: experiment.id, path, failed })}\n`);
        else context.stdout(line);
      }
      if (failures > 0) throw new U2SegError('conflict', `${failures} systems failed; their records say why.`);
    });
}

/** Scenes instead of photos: what is said of photos, labels and data sets does not matter. */
async function smokeJob({ out, set, seeds }: RunFlags): Promise<ExperimentJob> {
  return { variant: 'smoke', ...(await smokeScenes(out)), out, set, ...(seeds === undefined ? {} : { seeds }) };
}

/** @throws U2SegError `wrong-usage` for flags that do not go with the experiment */
function fullJob(experiment: Experiment, flags: RunFlags): ExperimentJob {
  checkData(experiment, flags);
  checkTraining(experiment, flags);
  const { photos, gt } = flags;
  if (photos === undefined || gt === undefined) {
    throw new U2SegError(
      'wrong-usage',
      `${experiment.id} wants data (${experiment.data.join(', ')}; ${experiment.cost}): give --photos and --gt, or --smoke for synthetic scenes.`,
    );
  }
  return { ...flags, variant: 'full', photos, gt };
}

/** @throws U2SegError `wrong-usage` for a data set that the tables of the experiment do not have */
function checkData(experiment: Experiment, { data }: RunFlags): void {
  const known = measuredData(experiment);
  if (data === undefined || known.length === 0 || known.includes(data)) return;
  throw new U2SegError('wrong-usage', notOne('data', data, `${experiment.id} has numbers of`, known));
}

/** Numbers stand beside the paper's only where both learned from the same photos. @throws U2SegError `wrong-usage` */
function checkTraining(experiment: Experiment, { data, training, preset, set }: RunFlags): void {
  if (data !== undefined && (preset !== undefined || set.length > 0)) {
    throw new U2SegError(
      'wrong-usage',
      '--data sets numbers beside the paper’s, which --preset and --set would make others: give one or the other.',
    );
  }
  const known = trainingData(experiment);
  if (training === undefined && data !== undefined && known.length > 0) {
    throw new U2SegError(
      'wrong-usage',
      `--data ${data}: ${experiment.id} has systems that learned from ${known.join(', ')}: say with --training which of them --photos are.`,
    );
  }
  if (training !== undefined && known.length > 0 && !known.includes(training)) {
    throw new U2SegError(
      'wrong-usage',
      notOne('training', training, `the systems of ${experiment.id} learned from`, known),
    );
  }
}

function notOne(flag: string, value: string, what: string, known: readonly string[]): string {
  const nearest = nearestName(value, known);
  return `--${flag} ${value}: ${what} ${known.join(', ')}${nearest === undefined ? '' : `; the nearest is ${nearest}`}.`;
}

function append(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function seedList(text: string): number[] {
  const seeds = text.split(',').map(Number);
  if (/^\d+(?:,\d+)*$/u.test(text) && new Set(seeds).size === seeds.length) return seeds;
  throw new InvalidArgumentError(`wanted different whole numbers, as in 0,1,2, got ${text}.`);
}
