/** A trained network on photos of one's own, outside the run that trained it. */
import { stat } from 'node:fs/promises';
import { listPhotos } from '@u2seg/datasets';
import type { Precision } from '@u2seg/heads';
import type { PipelineConfig } from './config/config.ts';
import { pipelinePresets } from './config/presets.ts';
import { findContours } from './contours/contour-stage.ts';
import { exportLabels } from './merge/export-labels.ts';
import { findModel } from './networks/find-model.ts';
import { readModelInfo } from './networks/model-file.ts';
import { imagesStage, indexPhotos, leftOut } from './photos/index-photos.ts';
import type { EngineChoice } from './predict/inference-engine.ts';
import { predictAll, predictStage } from './predict/predict-stage.ts';
import { hashFile } from './run/hash.ts';
import { reported, silentReporter, type Reporter } from './run/reporter.ts';
import { RunDirectory } from './run/run-directory.ts';

export interface PredictFolderOptions {
  /** Folder of photos. */
  readonly photos: string;
  /** Where predictions go, made where it is not there. */
  readonly out: string;
  /** A model file, or a run that trained one. */
  readonly model: string;
  /** Score from which an instance is written, in [0, 1]. */
  readonly minScore?: number;
  /** Score an instance needs to enter the panoptic map, in [0, 1]; by default the model's own. */
  readonly minPanopticScore?: number;
  /** Several sizes, the mirror image, a CRF and regions, as the tiny preset predicts; several times slower. */
  readonly augment?: boolean;
  /** What TensorFlow.js runs on. */
  readonly backend?: PipelineConfig['train']['backend'];
  /** What runs the network; `auto` is onnxruntime where it loads. */
  readonly engine?: EngineChoice;
  /** Default float32. */
  readonly precision?: Precision;
  /** Told how it gets on; by default nobody is. */
  readonly reporter?: Reporter;
}

/** Score from which an instance is written unless told otherwise, as detectron2's test threshold. */
export const defaultMinScore = 0.05;

export interface PredictedFolder {
  /** The labels: COCO panoptic JSON + PNG, COCO instances JSON, semantic PNG. */
  readonly folder: string;
  /** Photos predicted, and photos left out. */
  readonly photos: number;
  readonly skipped: number;
  /** Instances in the table of predictions. */
  readonly instances: number;
}

/**
 * Predicts a folder of photos with a trained network; what is done already is not done again.
 *
 * @throws U2SegError `not-found` without a model, `conflict` if `out` holds something else, and as the stages do
 * @example
 * ```ts
 * const { instances, folder } = await predictFolder({ photos: 'others', model: 'runs/photos', out: 'runs/others' });
 * ```
 */
export async function predictFolder(options: PredictFolderOptions): Promise<PredictedFolder> {
  const { reporter = silentReporter, augment = false, engine = 'auto', minScore = defaultMinScore } = options;
  const path = await findModel(options.model);
  const info = await readModelInfo(path);
  const contours = augment && (await stat(options.model)).isDirectory() ? await findContours(options.model) : undefined;
  if (augment)
    reporter.note(
      contours === undefined
        ? 'Regions by colour alone: no contours beside the model.'
        : 'Regions by the learned contours of the run.',
    );
  const base = pipelinePresets.tiny;
  const config: PipelineConfig = {
    ...base,
    photos: { ...base.photos, maxSide: 0 },
    train: { ...base.train, backend: options.backend ?? 'auto' },
    predict: {
      ...base.predict,
      ...(augment ? {} : { scales: [1], flip: false, crf: false, regions: 0 }),
      ...info.testSize,
      minScore,
      ...(options.precision === undefined ? {} : { precision: options.precision }),
      minPanopticScore: options.minPanopticScore ?? info.network.panoptic.minInstanceScore,
    },
  };
  const listing = await listPhotos(options.photos, { recursive: config.photos.recursive });
  const run = await RunDirectory.open(options.out, options.photos, config);
  try {
    const { progress: onProgress } = reporter;
    const index = await reported(
      reporter,
      imagesStage,
      () => indexPhotos({ run, config, onProgress }, { folder: options.photos, listing }),
      ({ photos, skipped }) => `${photos.length} photos, ${skipped.length} left out`,
    );
    for (const one of index.skipped) reporter.warn(leftOut(one));
    const context = { run, index, config, onProgress };
    const work = async (): ReturnType<typeof predictAll> => {
      const found = await predictAll(context, {
        model: { path, identity: await hashFile(path) },
        engine,
        ...(contours === undefined ? {} : { contours }),
        onEngine: (description) => reporter.note(`Engine: ${description}.`),
      });
      await exportLabels(context, { name: 'predictions', from: found, things: info.things, stuff: info.stuff });
      return found;
    };
    const { summary } = await reported(reporter, predictStage, work, (found) =>
      predictStage.describe(found, run.folder),
    );
    return {
      folder: run.path('predictions'),
      photos: index.photos.length,
      instances: summary.instances,
      skipped: index.skipped.length,
    };
  } finally {
    await run.close();
  }
}
