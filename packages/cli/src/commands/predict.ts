import { U2SegError } from '@u2seg/core';
import type { Precision } from '@u2seg/heads';
import { Option, type Command } from 'commander';
import { defaultMinScore, engineChoices, predictFolder, type EngineChoice, type PipelineConfig } from '@u2seg/pipeline';
import type { CommandContext } from './context.ts';
import { createReporter } from './create-reporter.ts';

interface PredictFlags {
  readonly model: string;
  readonly out: string;
  readonly minScore: number;
  readonly minPanopticScore?: number;
  readonly backend: PipelineConfig['train']['backend'];
  readonly engine: EngineChoice;
  readonly precision?: Precision;
  readonly augment?: boolean;
}

export function registerPredict(program: Command, context: CommandContext): void {
  program
    .command('predict')
    .description('run a trained network on a folder of photos: Arrow tables, COCO panoptic JSON + PNG, instances JSON')
    .argument('<folder>', 'folder of photos')
    .requiredOption('--model <file>', 'model.safetensors of a run, or the run folder itself')
    .option('--out <folder>', 'where predictions go', 'runs/predict')
    .option('--min-score <p>', 'lowest score of an instance that is written', share, defaultMinScore)
    .option(
      '--min-panoptic-score <p>',
      'lowest score of an instance in the panoptic map; default the model’s own',
      share,
    )
    .option(
      '--augment',
      'three sizes, the mirror image, a CRF on masks and regions of the photo: better edges, several times slower',
    )
    .addOption(
      new Option('--engine <name>', 'onnxruntime runs the exported graph, kept beside the model; auto where it loads')
        .choices([...engineChoices])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--precision <name>',
        'bfloat16: half the time of float32 or less in TensorFlow.js, where `u2seg doctor` says the processor has it',
      ).choices(['float32', 'bfloat16']),
    )
    .addOption(
      new Option('--backend <name>', 'TensorFlow.js backend')
        .choices(['auto', 'tensorflow-gpu', 'tensorflow', 'wasm', 'cpu'])
        .default('auto'),
    )
    .action(async (folder: string, flags: PredictFlags) => {
      const result = await predictFolder({
        photos: folder,
        out: flags.out,
        model: flags.model,
        minScore: flags.minScore,
        ...(flags.minPanopticScore === undefined ? {} : { minPanopticScore: flags.minPanopticScore }),
        backend: flags.backend,
        engine: flags.engine,
        ...(flags.precision === undefined ? {} : { precision: flags.precision }),
        ...(flags.augment === undefined ? {} : { augment: flags.augment }),
        reporter: createReporter(context),
      });
      if (context.json()) context.stdout(`${JSON.stringify({ event: 'result', ...result })}\n`);
      else context.stdout(`predictions  ${result.folder}\n`);
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new U2SegError('wrong-usage', `wanted a number in [0, 1], got ${text}.`);
  return value;
}
