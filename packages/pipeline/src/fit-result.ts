import type { InstanceTables } from './cluster/cluster-stage.ts';
import type { TrainedContours } from './contours/contour-stage.ts';
import type { RunMetrics } from './evaluate/evaluate-stage.ts';
import type { LabelTables } from './merge/merge-stage.ts';
import type { PredictionTables } from './predict/predict-stage.ts';
import type { ProposalTables } from './propose/propose-stage.ts';
import type { PhotoIndex } from './run/photo-index.ts';
import type { Results } from './run/stage.ts';
import type { SemanticTables } from './semantics/semantics-stage.ts';
import type { TrainedModel } from './train/train-stage.ts';

/** What there is after the stages that ran; absent parts were not reached. */
export interface FitResult {
  /** Run folder. */
  readonly folder: string;
  readonly index: PhotoIndex;
  readonly proposals?: ProposalTables;
  readonly instances?: InstanceTables;
  readonly semantics?: SemanticTables;
  readonly labels?: LabelTables;
  /** The network of the last training there was. */
  readonly trained?: TrainedModel;
  /** What finds the regions of photos to predict, where it is wanted and there was something to learn from. */
  readonly contours?: TrainedContours;
  readonly predictions?: PredictionTables;
  readonly metrics?: RunMetrics;
  /** All of it by stage, those of one's own too. */
  readonly results: Results;
  /** Names of stages taken over from other runs. */
  readonly reused: readonly string[];
  /** Sentences about what looks wrong. */
  readonly warnings: readonly string[];
  readonly summaryPath?: string;
  readonly reportPath?: string;
}
