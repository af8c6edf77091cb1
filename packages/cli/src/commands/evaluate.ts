import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { U2SegError } from '@u2seg/core';
import { cocoTable, universalTable } from '../pipeline/metric-tables.ts';
import { scoreCocoResults, scorePanopticFiles } from '../pipeline/score-files.ts';
import type { CommandContext } from './context.ts';
import { printTables } from './print-tables.ts';

interface EvaluateFlags {
  readonly gt: string;
  readonly pred: string;
  readonly format: 'auto' | 'coco-results' | 'panoptic';
}

export function registerEvaluate(program: Command, context: CommandContext): void {
  program
    .command('evaluate')
    .description(
      'score files that others made: COCO results (boxes, masks), or COCO panoptic JSON + PNG whose categories are clusters',
    )
    .requiredOption('--gt <file>', 'COCO instances JSON for results, COCO panoptic JSON for panoptic predictions')
    .requiredOption('--pred <file>', 'coco_instances_results.json, or panoptic JSON with its PNG folder beside it')
    .addOption(
      new Option('--format <name>', 'what --pred is').choices(['auto', 'coco-results', 'panoptic']).default('auto'),
    )
    .action(async ({ gt, pred, format }: EvaluateFlags) => {
      const kind = format === 'auto' ? await formatOf(pred) : format;
      if (kind === 'coco-results') {
        const { classAware, classAgnostic } = await scoreCocoResults(gt, pred);
        const stats = (reports: typeof classAware): Record<string, (typeof classAware)[string]['stats']> =>
          Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, report.stats]));
        if (context.json()) {
          context.stdout(
            `${JSON.stringify({ event: 'result', gt, pred, classAware: stats(classAware), classAgnostic: stats(classAgnostic) })}\n`,
          );
          return;
        }
        const rows = {
          ...prefixed('class-aware', stats(classAware)),
          ...prefixed('class-agnostic', stats(classAgnostic)),
        };
        context.stdout(
          printTables([
            cocoTable(
              'Boxes and masks',
              `COCO AP and AR in percent, IoU 0.50:0.05:0.95, at most 100 detections a photo; class-aware takes the categories as given, class-agnostic makes them one; ${gt}`,
              rows,
            ),
          ]),
        );
        return;
      }
      const report = await scorePanopticFiles(gt, pred);
      if (context.json()) context.stdout(`${JSON.stringify({ event: 'result', gt, pred, report })}\n`);
      else context.stdout(printTables([universalTable({ prediction: report }, `${report.images} images of ${gt}`)]));
    });
}

function prefixed<T>(prefix: string, values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix} ${name}`, value]));
}

/** A list is a results file, an object a panoptic one. */
async function formatOf(path: string): Promise<'coco-results' | 'panoptic'> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new U2SegError(
      'not-found',
      `${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  });
  return text.trimStart().startsWith('[') ? 'coco-results' : 'panoptic';
}
