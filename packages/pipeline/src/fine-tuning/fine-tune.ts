/** Label-efficient fine-tuning (U2Seg, Fig. 7; CutLER): a label-free network learns from a share of the labels. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveSeed, U2SegError, writeFileAtomic } from '@u2seg/core';
import { drawLabelled, labelSplitSeed, selectImages } from '@u2seg/datasets';
import { loadTfBackend, PanopticCascadeModel, tinyConfig, type DetectorConfig } from '@u2seg/heads';
import {
  fineTunePreset,
  tinyRecipe,
  trainPanoptic,
  type AnnotatedClasses,
  type TrainPanopticOptions,
} from '@u2seg/self-train';
import { fineTunePercentages } from '@u2seg/self-train/internal';
import type { PipelineConfig } from '../config/config.ts';
import { hashFile } from '../run/hash.ts';
import { findInitialWeights, initializeFrom } from '../networks/initial-weights.ts';
import { writeModel } from '../networks/model-file.ts';
import { codeVersion, machine } from '../run/provenance.ts';
import { lockRun } from '../run/run-lock.ts';
import { resizePhoto } from '../photos/resize-photo.ts';
import { silentReporter, type Reporter } from '../run/reporter.ts';
import { AnnotatedPhotos, classesOf, openAnnotated } from './annotated-photos.ts';
import { scoreAnnotated, type AnnotatedScores } from './score-annotated.ts';

export interface FineTuneOptions {
  readonly photos: string;
  /** COCO instances or panoptic JSON. */
  readonly gt: string;
  readonly out: string;
  /** Run, model file, foreign checkpoint or `dino-resnet50` to start from; `none` for random weights, the comparison. */
  readonly init: string;
  /** Percent of the labels. */
  readonly share: number;
  /** Which photos those are; CutLER's 42 unless told otherwise. */
  readonly splitSeed?: number;
  /** `tiny`: the small network and recipe; `paper`: CutLER's recipe for the share. */
  readonly preset: 'tiny' | 'paper';
  /** Of the `tiny` preset. */
  readonly iterations?: number;
  /** Of the `tiny` preset: photos are resized once, before training. */
  readonly size?: { readonly shortestEdge: number; readonly maxSize: number };
  readonly seed?: number;
  readonly checkpointEvery?: number;
  readonly backend?: PipelineConfig['train']['backend'];
  /** Photos scored; by default those outside the share. */
  readonly val?: { readonly photos: string; readonly gt: string };
  /** Told how it gets on; by default nobody is. */
  readonly reporter?: Reporter;
  /** Clock in milliseconds, for the time in the summary. */
  readonly now?: () => number;
}

export interface FineTuneSummary {
  readonly format: 'u2seg-fine-tune/1';
  readonly config: {
    readonly share: number;
    readonly splitSeed: number;
    readonly preset: 'tiny' | 'paper';
    readonly iterations: number;
    readonly init: string;
  };
  readonly seed: number;
  readonly code: Awaited<ReturnType<typeof codeVersion>>;
  readonly machine: ReturnType<typeof machine>;
  /** SHA-256 of the annotations. */
  readonly gtSha256: string;
  readonly labelled: readonly string[];
  /** What was taken over from `init`, and what kept its random start. */
  readonly start: string;
  /** `outside the share`, or the validation file. */
  readonly scoredOn: string;
  readonly seconds: number;
  readonly metrics: AnnotatedScores;
}

/** Score from which a detection is scored, detectron2's test threshold. */
const annotatedMinScore = 0.05;
const tinyIterations = 200;
const tinySize = { shortestEdge: 192, maxSize: 320 } as const;

/**
 * Fine-tunes on a share of the labels and scores the result class by class. A stopped call goes on from its last checkpoint.
 *
 * @throws U2SegError `out-of-range` for an unknown share, `wrong-usage` if no photo is left to score, as the readers do
 */
export async function fineTuneFolder(options: FineTuneOptions): Promise<FineTuneSummary> {
  const { share, preset, seed = 0, splitSeed = labelSplitSeed, reporter = silentReporter, now = Date.now } = options;
  if (preset === 'paper' && !fineTunePercentages.includes(share)) {
    throw new U2SegError(
      'out-of-range',
      `--share must be one of ${fineTunePercentages.join(', ')} with the paper preset, got ${share}.`,
    );
  }
  const start = now();
  const dataset = await openAnnotated(options.photos, options.gt);
  const classes = classesOf(dataset);
  if (classes.things.length === 0)
    throw new U2SegError('wrong-usage', `${options.gt}: has no thing category to learn.`);
  const ids = dataset.images.map(({ id }) => id);
  const labelled = drawLabelled(ids, share, splitSeed);
  const chosen = new Set(labelled);
  const rest = ids.filter((id) => !chosen.has(id));
  if (options.val === undefined && rest.length === 0) {
    throw new U2SegError(
      'wrong-usage',
      `a share of ${share} % of ${ids.length} photos leaves none to score; give --val-photos and --val-gt.`,
    );
  }
  await mkdir(options.out, { recursive: true });
  const release = await lockRun(options.out);
  try {
    await loadTfBackend(options.backend ?? 'auto');
    const { network, recipe, testSize } = recipeOf(options, classes, deriveSeed(seed, 'fine-tune'));
    const model = PanopticCascadeModel.create(network, { seed: deriveSeed(seed, 'network') });
    const taken = await startFrom(model, options.init);
    reporter.note(taken);
    const size = preset === 'tiny' ? testSize : { shortestEdge: 0, maxSize: 0 };
    reporter.begin('train', `Training on ${labelled.length} of ${ids.length} labelled photos`);
    const folder = join(options.out, 'train');
    await mkdir(folder, { recursive: true });
    const { curve } = await trainPanoptic(model, new AnnotatedPhotos(selectImages(dataset, labelled), classes, size), {
      ...recipe,
      folder,
      onProgress: reporter.progress,
    });
    reporter.end('train', `${curve.length} iterations, loss ${curve.at(-1)?.total.toFixed(3) ?? '-'}`);
    const gtSha256 = await hashFile(options.gt);
    await writeModel(join(options.out, 'model.safetensors'), model, {
      network,
      things: classes.things.length,
      stuff: classes.stuff.length,
      testSize,
      trainedOn: gtSha256,
    });
    reporter.begin('evaluate', 'Metrics');
    const scored =
      options.val === undefined ? selectImages(dataset, rest) : await openAnnotated(options.val.photos, options.val.gt);
    const metrics = await scoreAnnotated(model, scored, classes, {
      ...testSize,
      minScore: annotatedMinScore,
      onProgress: reporter.progress,
    });
    model.dispose();
    reporter.end('evaluate', `on ${metrics.photos} photos`);
    const summary: FineTuneSummary = {
      format: 'u2seg-fine-tune/1',
      config: { share, splitSeed, preset, iterations: recipe.iterations, init: options.init },
      seed,
      code: await codeVersion(),
      machine: machine(),
      gtSha256,
      labelled,
      start: taken,
      scoredOn: options.val === undefined ? 'outside the share' : options.val.gt,
      seconds: (now() - start) / 1000,
      metrics,
    };
    await writeFileAtomic(join(options.out, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
    return summary;
  } finally {
    await release();
  }
}

function recipeOf(
  { preset, share, iterations = tinyIterations, size = tinySize, checkpointEvery = 50 }: FineTuneOptions,
  classes: AnnotatedClasses,
  seed: number,
): {
  readonly network: DetectorConfig;
  readonly recipe: TrainPanopticOptions;
  readonly testSize: { readonly shortestEdge: number; readonly maxSize: number };
} {
  const paper = fineTunePreset(preset === 'paper' ? share : 100);
  const network = paper.network({ things: classes.things.length, stuff: classes.stuff.length });
  const common = { seed, resize: resizePhoto, checkpointEvery };
  if (preset === 'paper') return { network, recipe: { ...paper.recipe, ...common }, testSize: paper.testSize };
  return { network: tinyConfig(network), recipe: { ...tinyRecipe(iterations), ...common }, testSize: size };
}

/** Takes over what fits. @returns what was, and what was not and why */
async function startFrom(model: PanopticCascadeModel, init: string): Promise<string> {
  return init === 'none' ? 'random weights' : initializeFrom(model, await findInitialWeights(init));
}
