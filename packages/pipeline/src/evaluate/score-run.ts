/** Everything of a run that can be scored, against one ground truth. */
import { clusterStage, type InstanceTables } from '../cluster/cluster-stage.ts';
import { mergeStage, type LabelTables } from '../merge/merge-stage.ts';
import { stageContext } from '../photos/index-photos.ts';
import { predictStage, type PredictionTables } from '../predict/predict-stage.ts';
import { proposeStage, type ProposalTables } from '../propose/propose-stage.ts';
import { matchingWarnings } from '../run/health.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { FitContext, Part, Stage } from '../run/stage.ts';
import { semanticsStage, type SemanticTables } from '../semantics/semantics-stage.ts';
import { evaluateRun, type RunMetrics } from './evaluate-stage.ts';
import { openGroundTruth, type GroundTruth } from './ground-truth.ts';
import { probeHalves, scoreLinearProbe, type ProbePhotos } from './linear-probe.ts';

/** The ground truth of a run's photos, where there is one; it is opened before the first long stage. */
export const groundTruth: Part<GroundTruth> = { name: 'ground truth' };

/** Scores the run against the ground truth. */
export const evaluateStage: Stage<RunMetrics> = {
  name: 'evaluate',
  title: 'Metrics',
  needs: [groundTruth, proposeStage, clusterStage, semanticsStage, mergeStage],
  prepare: async (context) => {
    if (context.gt === undefined) return;
    const { index } = stageContext(context);
    context.results.set(groundTruth, await openGroundTruth(context.gt, index, context.config.evaluate.classes));
  },
  run: (context) => scoreRun(stageContext(context), scoredParts(context)),
  describe: ({ groundTruth: { photos } }) => `on ${photos} annotated photos`,
  reportLines: (results) => [{ items: results.of(evaluateStage).groundTruth.photos, detail: 'annotated photos' }],
  warnings: (results) => {
    const last = Object.values(results.of(evaluateStage).universal).at(-1);
    const oneToOne = last?.results.find(({ protocol }) => protocol === 'hungarian-one-to-one');
    if (oneToOne === undefined) return [];
    const { classNames, classOfCluster } = oneToOne.mapping;
    return matchingWarnings(classNames.filter((_, c) => !classOfCluster.includes(c)).length, classNames.length);
  },
};

function scoredParts({ results }: FitContext): ScoredParts {
  const instances = results.of(clusterStage);
  const predictions = results.get(predictStage);
  return {
    truth: results.of(groundTruth),
    proposals: results.of(proposeStage),
    instances,
    semantics: results.of(semanticsStage),
    labels: results.of(mergeStage),
    ...(predictions === undefined ? {} : { predictions }),
    numThingClusters: instances.summary.k,
  };
}

/** What there is of the photos scored; absent parts are not scored. */
export interface ScoredParts {
  readonly truth: GroundTruth;
  readonly proposals?: ProposalTables;
  readonly instances?: InstanceTables;
  readonly semantics?: SemanticTables;
  readonly labels?: LabelTables;
  readonly predictions?: PredictionTables;
  /** K of the clusters that occur in these tables. */
  readonly numThingClusters: number;
  /** Photos whose labels train the linear probe; without them half of those scored, which then are not scored. */
  readonly probeOn?: ProbePhotos;
}

/**
 * Scores what there is of a run.
 *
 * @throws U2SegError as `evaluateRun` and `scoreLinearProbe` do
 */
export async function scoreRun(context: StageContext, parts: ScoredParts): Promise<RunMetrics> {
  const { run, index, config, onProgress } = context;
  const { truth, proposals, instances, semantics, labels, predictions, numThingClusters, probeOn } = parts;
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
  const linear = await scoreLinearProbe({ config, onProgress }, { file, stego: semantics.model, ...halves });
  return { ...metrics, semantics: [...metrics.semantics, linear] };
}
