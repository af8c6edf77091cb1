import type { Experiment } from './experiment.ts';
import { cutlerTables } from './tables/cutler.ts';
import { ownAblations } from './tables/own-ablations.ts';
import { stegoTables } from './tables/stego.ts';
import { u2segAppendixTables } from './tables/u2seg-appendix.ts';
import { u2segSummaryTables } from './tables/u2seg-summary.ts';

export {
  columnsOf,
  printedCells,
  type CellMeasure,
  type DerivedCell,
  type Experiment,
  type ExperimentSystem,
  type PrintedColumn,
  type PrintedOptions,
  type PublishedCell,
} from './experiment.ts';
export { cutler, cutlerPlus, cutlerStego, stego, trainedOn, u2seg } from './systems.ts';

/** Every experiment `u2seg run` and `u2seg table` know, in the order of `u2seg table --all`. */
export const experiments: readonly Experiment[] = [
  ...u2segSummaryTables,
  ...u2segAppendixTables,
  ...cutlerTables,
  ...stegoTables,
  ...ownAblations,
];
