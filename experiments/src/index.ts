import type { Experiment } from '@u2seg/pipeline';
import { cutlerTables } from './tables/cutler.ts';
import { ownAblations } from './tables/own-ablations.ts';
import { stegoTables } from './tables/stego.ts';
import { u2segAppendixTables } from './tables/u2seg-appendix.ts';
import { u2segSummaryTables } from './tables/u2seg-summary.ts';

export type { CellMeasure, DerivedCell, Experiment, ExperimentSystem, PublishedCell } from '@u2seg/pipeline';
export { columnsOf, printedCells, type PrintedColumn, type PrintedOptions } from './experiment.ts';
export { cutler, cutlerPlus, cutlerStego, stego, trainedOn, u2seg } from './systems.ts';

/** Every experiment `u2seg run` and `u2seg table` know, in the order of `u2seg table --all`. */
export const experiments: readonly Experiment[] = [
  ...u2segSummaryTables,
  ...u2segAppendixTables,
  ...cutlerTables,
  ...stegoTables,
  ...ownAblations,
];
