/** A table of a paper or an ablation as data; the package `@u2seg/experiments` lists them. */
import type { PartialConfig } from '../config/config.ts';
import type { ExperimentMetric } from './experiment-metrics.ts';

/** Which of our numbers stands beside a published one. */
export interface CellMeasure {
  /** `id` of an {@link ExperimentSystem}. */
  readonly system: string;
  readonly metric: ExperimentMetric;
  /** Data set it is scored on; numbers of other data are not set beside the paper's. */
  readonly data?: string;
  /** System whose number is taken off: the cell is a gain. */
  readonly over?: string;
}

/** One published number and where it stands. */
export interface PublishedCell {
  readonly row: string;
  readonly column: string;
  readonly value: number;
  /** Quoted from memory, not checked against the source. */
  readonly recalled?: boolean;
  /** Absent where nothing here measures it (another system’s row). */
  readonly measure?: CellMeasure;
}

/** A system that can be run: settings over a preset. */
export interface ExperimentSystem {
  /** Name within the experiment; by default the row whose cells it fills. */
  readonly id: string;
  /** `paper`: published hyperparameters; needs the weights and data the experiment names. */
  readonly preset: 'tiny' | 'paper';
  /** One component swapped is one line; `mergeSettings` makes one of several. */
  readonly settings: PartialConfig;
  /** Fine-tuned afterwards on a share of the labels; from the network of `settings`, or from a random one. */
  readonly fineTune?: { readonly share: number; readonly from: 'own' | 'random' };
  /** Data set the paper's system learned from (`--training`); absent where that does not matter. */
  readonly training?: string;
}

/** A number of ours that nobody published. */
export interface DerivedCell {
  readonly row: string;
  readonly column: string;
  readonly measure: CellMeasure;
}

/** A result table or ablation: the question, the numbers published, and how to get ours. */
export interface Experiment {
  readonly id: string;
  readonly title: string;
  readonly question: string;
  /** Paper and table the cells are from; empty where the question is ours. */
  readonly source: string;
  readonly trap?: string;
  /** Names of `u2seg datasets list`, or what else is needed. */
  readonly data: readonly string[];
  /** Rough cost of the full variant. */
  readonly cost: string;
  readonly systems: readonly ExperimentSystem[];
  readonly published: readonly PublishedCell[];
  readonly derived?: readonly DerivedCell[];
  /** What is shown of a run whose numbers have no published counterpart; by default the metrics of the published cells. */
  readonly metrics?: readonly ExperimentMetric[];
}
