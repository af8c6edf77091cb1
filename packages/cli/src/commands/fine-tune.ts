import { U2SegError } from '@u2seg/core';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { fineTuneFolder, type PipelineConfig } from '@u2seg/pipeline';
import { cocoTable, percent } from '@u2seg/pipeline/internal';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';
import { printTables } from './print-tables.ts';

interface FineTuneFlags {
  readonly gt: string;
  readonly init: string;
  readonly share: number;
  readonly splitSeed?: number;
  readonly preset: 'tiny' | 'paper';
  readonly iterations?: number;
  readonly seed?: number;
  readonly backend: PipelineConfig['train']['backend'];
  readonly valPhotos?: string;
  readonly valGt?: string;
  readonly out: string;
}

export function registerFineTune(program: Command, context: CommandContext): void {
  program
    .command('fine-tune')
    .description('teach a label-free network the classes of a share of labelled photos, and score it')
    .argument('<folder>', 'photos')
    .requiredOption('--gt <file>', 'COCO instances or panoptic JSON of the photos')
    .requiredOption('--init <model>', 'model.safetensors, the run that trained one, or none for random weights')
    .requiredOption(
      '--share <percent>',
      'percent of the photos whose labels are used (papers: 1, 2, 5, 10, ... 50)',
      share,
    )
    .option('--split-seed <n>', 'which photos those are (default: 42, as CutLER names its files)', whole)
    .addOption(
      new Option('--preset <name>', 'tiny: two cores; paper: CutLER’s recipe')
        .choices(['tiny', 'paper'])
        .default('tiny'),
    )
    .option('--iterations <n>', 'of the tiny preset (default: 200)', whole)
    .option('--seed <n>', 'seed of everything random', whole)
    .option('--val-photos <folder>', 'photos that are scored (default: those outside the share)')
    .option('--val-gt <file>', 'their COCO JSON')
    .addOption(
      new Option('--backend <name>', 'TensorFlow.js backend')
        .choices(['auto', 'tensorflow-gpu', 'tensorflow', 'wasm', 'cpu'])
        .default('auto'),
    )
    .option('--out <folder>', 'model, checkpoints and summary.json', 'runs/fine-tune')
    .action(async (photos: string, flags: FineTuneFlags) => {
      const { gt, init, preset, backend, out, valPhotos, valGt, iterations, seed, splitSeed } = flags;
      if ((valPhotos === undefined) !== (valGt === undefined)) {
        throw new U2SegError('wrong-usage', '--val-photos and --val-gt belong together: give both or none.');
      }
      const summary = await fineTuneFolder({
        photos,
        gt,
        init,
        preset,
        backend,
        out,
        share: flags.share,
        ...(iterations === undefined ? {} : { iterations }),
        ...(seed === undefined ? {} : { seed }),
        ...(splitSeed === undefined ? {} : { splitSeed }),
        ...(valPhotos === undefined || valGt === undefined ? {} : { val: { photos: valPhotos, gt: valGt } }),
        reporter: createReporter(context),
        now: Date.now,
      });
      if (context.json()) {
        context.stdout(`${JSON.stringify({ event: 'result', ...summary })}\n`);
        return;
      }
      const { bbox, segm, panoptic, photos: scored } = summary.metrics;
      const about = `${scored} photos ${summary.scoredOn === 'outside the share' ? summary.scoredOn : `of ${summary.scoredOn}`}; ${summary.labelled.length} labelled photos`;
      const tables = [
        cocoTable('Class-aware', `COCO AP and AR in percent, classes as taught; ${about}`, {
          boxes: bbox,
          masks: segm,
        }),
      ];
      if (panoptic !== undefined) {
        tables.push({
          title: 'Panoptic',
          protocol: `Percent; ${about}`,
          columns: ['', 'PQ', 'SQ', 'RQ'],
          rows: Object.entries(panoptic).map(([name, { pq, sq, rq }]) => [name, percent(pq), percent(sq), percent(rq)]),
        });
      }
      context.stdout(printTables(tables));
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 100) return value;
  throw new InvalidArgumentError(`wanted percent over 0 and up to 100, got ${text}.`);
}

function whole(text: string): number {
  if (/^\d+$/u.test(text)) return Number(text);
  throw new InvalidArgumentError(`wanted a whole number, got ${text}.`);
}
