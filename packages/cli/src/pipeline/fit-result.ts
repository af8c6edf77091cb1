import type { InstanceTables } from './cluster-stage.ts';
import type { TrainedContours } from './contour-stage.ts';
import type { RunMetrics } from './evaluate-stage.ts';
import type { LabelTables } from './merge-stage.ts';
import type { PhotoIndex } from './photo-index.ts';
import type { PredictionTables } from './predict-stage.ts';
import type { ProposalTables } from './propose-stage.ts';
import type { SemanticTables } from './semantics-stage.ts';
import type { StageName } from './stage-names.ts';
import type { TrainedModel } from './train-stage.ts';

/** What there is after the stages that ran; absent parts were not reached. */
export interface FitResult {
  readonly folder: string;
  readonly index: PhotoIndex;
  readonly proposals?: ProposalTables;
  readonly instances?: InstanceTables;
  readonly semantics?: SemanticTables;
  readonly labels?: LabelTables;
  readonly trained?: TrainedModel;
  /** What finds the regions of photos to predict, where it is wanted and there was something to learn from. */
  readonly contours?: TrainedContours;
  readonly predictions?: PredictionTables;
  readonly metrics?: RunMetrics;
  /** Stages taken over from other runs. */
  readonly adopted?: readonly StageName[];
  readonly warnings: readonly string[];
  readonly summaryPath?: string;
  readonly reportPath?: string;
}
