/** A trained network on photos of one's own, outside the run that trained it. */
import { stat } from 'node:fs/promises';
import { listPhotos } from '@u2seg/datasets';
import type { Precision } from '@u2seg/heads';
import type { Reporter } from './run/reporter.ts';
import type { PipelineConfig } from './config/config.ts';
import { findContours } from './contours/contour-stage.ts';
import { exportLabels } from './merge/export-labels.ts';
import { readModelInfo } from './networks/model-file.ts';
import type { EngineChoice } from './predict/inference-engine.ts';
import { indexPhotos, leftOut } from './photos/photo-index.ts';
import { predictAll } from './predict/predict-stage.ts';
import { pipelinePresets } from './config/presets.ts';
import { RunDirectory } from './run/run-directory.ts';
import { findModel } from './networks/find-model.ts';

export interface PredictFolderOptions {
  readonly photos: string;
  readonly out: string;
  /** A model file, or a run that trained one. */
  readonly model: string;
  readonly minScore: number;
  readonly minPanopticScore?: number;
  /** Several sizes, the mirror image, a CRF and regions, as the tiny preset predicts; several times slower. */
  readonly augment?: boolean;
  readonly backend: PipelineConfig['train']['backend'];
  readonly engine: EngineChoice;
  /** Default float32. */
  readonly precision?: Precision;
  /** Hash of the model file: what the predictions belong to. */
  readonly identity: (path: string) => Promise<string>;
  readonly reporter: Reporter;
}

/** @throws U2SegError as the stages do, `not-found` without a model */
export async function predictFolder(
  options: PredictFolderOptions,
): Promise<{ readonly folder: string; readonly photos: number; readonly instances: number; readonly skipped: number }> {
  const { reporter } = options;
  const path = await findModel(options.model);
  const info = await readModelInfo(path);
  const contours =
    options.augment === true && (await stat(options.model)).isDirectory()
      ? await findContours(options.model)
      : undefined;
  if (options.augment === true)
    reporter.note(
      contours === undefined
        ? 'Regions by colour alone: no contours beside the model.'
        : 'Regions by the learned contours of the run.',
    );
  const base = pipelinePresets.tiny;
  const config: PipelineConfig = {
    ...base,
    photos: { ...base.photos, maxSide: 0 },
    train: { ...base.train, backend: options.backend },
    predict: {
      ...base.predict,
      ...(options.augment === true ? {} : { scales: [1], flip: false, crf: false, regions: 0 }),
      ...info.testSize,
      minScore: options.minScore,
      ...(options.precision === undefined ? {} : { precision: options.precision }),
      minPanopticScore: options.minPanopticScore ?? info.network.panoptic.minInstanceScore,
    },
  };
  const listing = await listPhotos(options.photos, { recursive: config.photos.recursive });
  const run = await RunDirectory.open(options.out, options.photos, config);
  try {
    reporter.begin('images', 'Photos');
    const index = await indexPhotos(run, options.photos, listing, config, reporter.progress);
    reporter.end('images', `${index.photos.length} photos, ${index.skipped.length} left out`);
    for (const one of index.skipped) reporter.warn(leftOut(one));
    reporter.begin('predict', 'Predictions');
    const found = await predictAll(
      run,
      'predict',
      index,
      { path, identity: await options.identity(path) },
      config,
      reporter.progress,
      {
        engine: options.engine,
        ...(contours === undefined ? {} : { contours }),
        onEngine: (description) => reporter.note(`Engine: ${description}.`),
      },
    );
    await exportLabels(
      run,
      'predictions',
      index,
      found.inputsHash,
      found.segments,
      found.partitions,
      { things: info.things, stuff: info.stuff },
      reporter.progress,
    );
    reporter.end('predict', `${found.summary.instances} instances, ${found.summary.segments} panoptic segments`);
    return {
      folder: run.path('predictions'),
      photos: index.photos.length,
      instances: found.summary.instances,
      skipped: index.skipped.length,
    };
  } finally {
    await run.close();
  }
}
