/** Everything of a run that can be scored, against one ground truth. */
import type { OnProgress } from '@u2seg/core';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { evaluateRun, type RunMetrics } from './evaluate-stage.ts';
import type { GroundTruth } from './ground-truth.ts';
import { probeHalves, scoreLinearProbe, type ProbePhotos } from './linear-probe.ts';
import type { LabelTables } from '../merge/merge-stage.ts';
import type { PhotoIndex } from '../photos/photo-index.ts';
import type { PredictionTables } from '../predict/predict-stage.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import type { SemanticTables } from '../semantics/semantics-stage.ts';

/** What there is of the photos scored; absent parts are not scored. */
export interface ScoredParts {
  readonly index: PhotoIndex;
  readonly truth: GroundTruth;
  readonly proposals?: ProposalTables;
  readonly instances?: InstanceTables;
  readonly semantics?: SemanticTables;
  readonly labels?: LabelTables;
  readonly predictions?: PredictionTables;
  /** K of the clusters that occur in these tables. */
  readonly numThingClusters: number;
}

/**
 * Scores a run.
 *
 * @param probeOn - photos whose labels train the linear probe; without them half of those scored, which then are not scored
 * @throws U2SegError as `evaluateRun` and `scoreLinearProbe` do
 */
export async function scoreRun(
  run: RunDirectory,
  parts: ScoredParts,
  config: PipelineConfig,
  onProgress: OnProgress,
  probeOn?: ProbePhotos,
): Promise<RunMetrics> {
  const { index, truth, proposals, instances, semantics, labels, predictions, numThingClusters } = parts;
  const withMaps = semantics !== undefined && config.semantics.method !== 'none';
  const metrics = await evaluateRun(
    truth,
    index,
    {
      masks: {
        ...(proposals === undefined ? {} : { proposals: proposals.proposals }),
        ...(predictions === undefined ? {} : { model: predictions.predictions }),
      },
      panoptic: {
        ...(labels === undefined ? {} : { 'pseudo-labels': { table: labels.segments, scored: false } }),
        ...(predictions === undefined ? {} : { model: { table: predictions.segments, scored: true } }),
      },
      clustered: {
        ...(instances === undefined ? {} : { 'pseudo-labels': instances.instances }),
        ...(predictions === undefined ? {} : { model: predictions.predictions }),
      },
      ...(withMaps ? { semantics: semantics.semantics } : {}),
      numThingClusters,
      numStuffClusters: config.semantics.clusters,
      votes: config.evaluate,
    },
    onProgress,
  );
  if (!config.evaluate.linearProbe || !withMaps || proposals === undefined) return metrics;
  const own = { index, truth, features: proposals };
  const halves =
    probeOn === undefined
      ? probeHalves(own)
      : { train: probeOn, val: { ...own, photos: truth.photos, name: truth.path } };
  if (halves === undefined) return metrics;
  const file = run.path('stages', 'semantics', 'linear-probe.safetensors');
  const linear = await scoreLinearProbe(file, semantics.model, halves.train, halves.val, config, onProgress);
  return { ...metrics, semantics: [...metrics.semantics, linear] };
}
