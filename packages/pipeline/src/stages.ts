import { clusterStage } from './cluster/cluster-stage.ts';
import { contourStage } from './contours/contour-stage.ts';
import { evaluateStage } from './evaluate/score-run.ts';
import { mergeStage } from './merge/merge-stage.ts';
import { imagesStage } from './photos/index-photos.ts';
import { predictStage } from './predict/predict-stage.ts';
import { proposeStage } from './propose/propose-stage.ts';
import { reportStage } from './report/report-stage.ts';
import type { Stage } from './run/stage.ts';
import { semanticsStage } from './semantics/semantics-stage.ts';
import { roundsStage, trainStage } from './train/train-stage.ts';

/**
 * The stages of a run in the order they run. Everything that goes stage by stage reads this table: `fitFolder`, the commands, the
 * report, the summary, the reuse of other runs' stages, the smoke variants of experiments.
 */
export const stages: readonly Stage[] = [
  imagesStage,
  proposeStage,
  clusterStage,
  semanticsStage,
  mergeStage,
  trainStage,
  roundsStage,
  contourStage,
  predictStage,
  evaluateStage,
  reportStage,
];
