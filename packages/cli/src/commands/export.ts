import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { writeFileAtomic } from '@u2seg/core';
import { findModel, graphOfModel, readModelInfo } from '@u2seg/pipeline/internal';
import type { PipelineConfig } from '@u2seg/pipeline';
import type { CommandContext } from './context.ts';

interface ExportFlags {
  readonly run: string;
  readonly out: string;
  readonly backend: PipelineConfig['train']['backend'];
}

export function registerExport(program: Command, context: CommandContext): void {
  program
    .command('export')
    .description('write a trained network as one ONNX graph for onnxruntime on Node, the web or Python')
    .requiredOption('--run <run>', 'run folder, or a model.safetensors')
    .option('--out <file>', 'the graph', 'model.onnx')
    .addOption(
      new Option('--backend <name>', 'what holds the weights meanwhile')
        .choices(['auto', 'tensorflow-gpu', 'tensorflow', 'wasm', 'cpu'])
        .default('auto'),
    )
    .action(async (flags: ExportFlags) => {
      const model = await findModel(flags.run);
      const bytes = await graphOfModel(model, flags.backend);
      const path = resolve(flags.out);
      await writeFileAtomic(path, bytes);
      const { network, testSize } = await readModelInfo(model);
      const { pixelMean, pixelStd } = network;
      if (context.json()) {
        const result = { model, path, bytes: bytes.length, pixelMean, pixelStd, ...testSize };
        context.stdout(`${JSON.stringify({ event: 'result', ...result })}\n`);
        return;
      }
      context.stdout(
        [
          `graph    ${path} (${(bytes.length / 2 ** 20).toFixed(1)} MiB)`,
          `image    float32 [1, 3, H, W], RGB, (value - [${pixelMean.join(', ')}]) / [${pixelStd.join(', ')}]`,
          `size     shorter side ${testSize.shortestEdge}, longer at most ${testSize.maxSize} pixels`,
          '',
        ].join('\n'),
      );
    });
}
