import type { Command } from 'commander';
import { convertWeights } from '@u2seg/pipeline/internal';
import type { CommandContext } from './context.ts';

export function registerConvert(program: Command, context: CommandContext): void {
  program
    .command('convert')
    .description('a trained network between our model files and checkpoints of detectron2, U2Seg, CutLER or CUPS')
    .argument('<from>', '.pth, .pkl, .ckpt, .safetensors, or a run')
    .argument('<to>', '.safetensors for u2seg predict, .pth in detectron2’s layout')
    .option(
      '--network <name>',
      'train preset, or detectron2’s config.yaml, whose network a foreign checkpoint is of (default: u2seg-800, cutler-stage1 or cutler-mask-rcnn, by its names)',
    )
    .option('--force', 'replace the file if it is there')
    .action(async (from: string, to: string, flags: { readonly network?: string; readonly force?: boolean }) => {
      const { network, force = false } = flags;
      const report = await convertWeights({ from, to, force, ...(network === undefined ? {} : { network }) });
      if (context.json()) context.stdout(`${JSON.stringify({ event: 'result', to, report })}\n`);
      else context.stdout(`${report}\n${to}\n`);
    });
}
