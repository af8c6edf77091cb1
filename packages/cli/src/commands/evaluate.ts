import { stat } from 'node:fs/promises';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { readClusterMapping, writeClusterMapping } from '@u2seg/metrics';
import {
  evaluatePanoptic,
  evaluateResults,
  evaluateSemantic,
  type Evaluation,
  type EvaluationOptions,
  type EvaluationProtocol,
} from '@u2seg/pipeline';
import { bytesOf, hasSegments, namedClasses } from '@u2seg/pipeline/internal';
import type { CommandContext } from './context.ts';
import { printTables } from './print-tables.ts';

const protocolNames = ['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one', 'classes', 'all'] as const;
type Format = 'coco-results' | 'panoptic' | 'semantic';

interface EvaluateFlags {
  readonly gt: string;
  readonly pred: string;
  readonly format: Format | 'auto';
  readonly protocol?: (typeof protocolNames)[number];
  readonly mapping?: string;
  readonly saveMapping?: string;
  readonly voteMinScore?: number;
  readonly voteMinIou?: number;
  readonly classes?: string;
  readonly clusters?: number;
  readonly ignoreLabel?: number;
  readonly reference?: boolean;
  readonly perClass?: boolean;
  readonly worst?: number;
  readonly errors?: boolean;
  readonly calibration?: boolean;
  readonly maxDets?: readonly number[];
  readonly detectionArea?: 'auto' | 'mask' | 'box';
  readonly threads?: number;
  readonly out?: string;
}

export function registerEvaluate(program: Command, context: CommandContext): void {
  program
    .command('evaluate')
    .description(
      'score files that others made: COCO results (boxes, masks), COCO panoptic JSON + PNG, or folders of label PNGs',
    )
    .requiredOption('--gt <path>', 'COCO instances JSON, COCO panoptic JSON, or a folder of label PNGs')
    .requiredOption(
      '--pred <path>',
      'coco_instances_results.json, panoptic JSON with its PNG folder beside it, or a folder of label PNGs',
    )
    .addOption(
      new Option('--format <name>', 'what --pred is')
        .choices(['auto', 'coco-results', 'panoptic', 'semantic'])
        .default('auto'),
    )
    .addOption(
      new Option(
        '--protocol <name>',
        'how clusters are named; classes takes labels for the classes they are (default: classes for results, every matching otherwise)',
      ).choices(protocolNames),
    )
    .option('--mapping <file>', 'apply a mapping fitted on another split instead of fitting one')
    .option('--save-mapping <file>', 'write the mapping fitted here, for another split; wants one --protocol')
    .option('--vote-min-score <x>', 'majority vote: score from which a thing votes (default: 0.6)', ratio)
    .option(
      '--vote-min-iou <x>',
      'majority vote: overlap over which it votes (default: 0.7 things, 0.15 regions)',
      ratio,
    )
    .option('--classes <list>', `semantic: how many, or one of ${Object.keys(namedClasses).join(', ')}`)
    .option('--clusters <k>', 'semantic: labels of the predictions (default: as many as classes)', count)
    .option('--ignore-label <n>', 'semantic: label without a class (default: 255)', count)
    .option('--reference', 'semantic: U2Seg’s in-place remapping, void pixels left out')
    .option('--per-class', 'a row a class')
    .option('--worst <n>', 'the n worst photos', count)
    .option('--errors', 'results: what AP is lost to')
    .option('--calibration', 'results: whether scores mean what they say')
    .option('--max-dets <list>', 'results: detections scored a photo (default: 1,10,100)', limits)
    .addOption(
      new Option(
        '--detection-area <kind>',
        'results: what gives a detection its size; auto is the box for boxes and the mask for masks, as detectron2 has it; pycocotools takes the box where a result holds one',
      ).choices(['auto', 'mask', 'box']),
    )
    .option('--threads <n>', 'panoptic: worker threads (default: one a core, at most 8)', count)
    .option('--out <file>', 'also write everything as JSON')
    .action(async (flags: EvaluateFlags) => {
      const format = flags.format === 'auto' ? await formatOf(flags.pred) : flags.format;
      const evaluation = await evaluate(format, flags);
      if (flags.saveMapping !== undefined) await saveMapping(flags.saveMapping, evaluation);
      const result = { event: 'result', gt: flags.gt, pred: flags.pred, format, ...evaluation.report };
      if (flags.out !== undefined) await writeFileAtomic(flags.out, `${JSON.stringify(result, undefined, 2)}\n`);
      context.stdout(context.json() ? `${JSON.stringify(result)}\n` : printTables(evaluation.tables));
    });
}

async function evaluate(format: Format, flags: EvaluateFlags): Promise<Evaluation> {
  const { gt, pred, protocol, perClass, worst, errors, calibration, voteMinScore, voteMinIou } = flags;
  if (flags.saveMapping !== undefined && (protocol === undefined || protocol === 'all' || protocol === 'classes')) {
    throw new U2SegError(
      'wrong-usage',
      '--save-mapping wants one matching: give --protocol majority-vote or hungarian-one-to-one.',
    );
  }
  if (flags.mapping !== undefined && flags.saveMapping !== undefined) {
    throw new U2SegError('wrong-usage', '--mapping applies a mapping, --save-mapping fits one: give one of them.');
  }
  if (format !== 'coco-results' && (errors === true || calibration === true)) {
    throw new U2SegError('wrong-usage', '--errors and --calibration are of detections with scores: COCO results.');
  }
  const clustered = flags.mapping !== undefined || (protocol !== undefined && protocol !== 'classes');
  if (flags.maxDets !== undefined && (format !== 'coco-results' || clustered)) {
    throw new U2SegError('wrong-usage', '--max-dets is of COCO results whose categories are classes.');
  }
  if (flags.detectionArea !== undefined && format !== 'coco-results') {
    throw new U2SegError('wrong-usage', '--detection-area is of COCO results.');
  }
  const options: EvaluationOptions = {
    gt,
    pred,
    ...(flags.maxDets === undefined ? {} : { maxDetections: flags.maxDets }),
    ...(flags.detectionArea === undefined ? {} : { detectionArea: flags.detectionArea }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(protocol === undefined ? {} : { protocols: protocolsOf(protocol) }),
    ...(flags.mapping === undefined
      ? {}
      : { mapping: readClusterMapping(flags.mapping, await bytesOf(flags.mapping)) }),
    ...(perClass === undefined ? {} : { perClass }),
    ...(worst === undefined ? {} : { worst }),
    ...(errors === undefined ? {} : { errors }),
    ...(calibration === undefined ? {} : { calibration }),
    ...(voteMinScore === undefined ? {} : { voteMinScore }),
    ...(voteMinIou === undefined ? {} : { voteMinIou }),
  };
  if (format === 'coco-results') return evaluateResults(options);
  if (format === 'panoptic') return evaluatePanoptic(options);
  const { classes, clusters, ignoreLabel, reference } = flags;
  if (classes === undefined)
    throw new U2SegError('wrong-usage', 'label PNGs do not name their classes: give --classes.');
  return evaluateSemantic({
    ...options,
    classes,
    ...(clusters === undefined ? {} : { clusters }),
    ...(ignoreLabel === undefined ? {} : { ignoreLabel }),
    ...(reference === undefined ? {} : { reference }),
  });
}

function protocolsOf(protocol: (typeof protocolNames)[number]): readonly EvaluationProtocol[] {
  return protocol === 'all' ? ['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one'] : [protocol];
}

async function saveMapping(path: string, { mappings }: Evaluation): Promise<void> {
  const [mapping] = mappings ?? [];
  if (mapping !== undefined) await writeFileAtomic(path, writeClusterMapping(mapping));
}

/** A folder is semantic, a list is a results file; an object is a panoptic file unless it holds boxes or masks of instances. */
async function formatOf(path: string): Promise<Format> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() === true) return 'semantic';
  const bytes = await bytesOf(path);
  const first = bytes.find((byte) => byte > 32);
  if (first === '['.charCodeAt(0)) return 'coco-results';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const instances = text.includes('"bbox"') || text.includes('"segmentation"');
  return instances && !hasSegments(bytes) ? 'coco-results' : 'panoptic';
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError(`wanted a number in [0, 1], got ${text}.`);
}

function count(text: string): number {
  if (/^\d+$/u.test(text)) return Number(text);
  throw new InvalidArgumentError(`wanted a whole number, got ${text}.`);
}

function limits(text: string): readonly number[] {
  const values = text.split(',').map(Number);
  const rising = values.every((value, i) => Number.isInteger(value) && value > (values[i - 1] ?? 0));
  if (rising && values.length <= 3) return values;
  throw new InvalidArgumentError(`wanted one to three rising whole numbers, as 1,10,100, got ${text}.`);
}
