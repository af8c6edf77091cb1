import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { U2SegError } from '@u2seg/core';
import type { ExperimentMetric } from './experiment-metrics.ts';
import { nearestName } from '../config/nearest-name.ts';

/** A system of an experiment: settings over a preset, perhaps fine-tuned with labels afterwards. */
export interface ListedSystem {
  readonly id: string;
  readonly preset: 'tiny' | 'paper';
  readonly settings: readonly string[];
  readonly fineTune?: { readonly share: number; readonly from: 'own' | 'random' };
  /** Data set it learned from where the paper's numbers come from; absent where that does not matter. */
  readonly training?: string;
}

/** Which of our numbers stands in a cell. */
export interface ListedMeasure {
  readonly system: string;
  readonly metric: ExperimentMetric;
  readonly data?: string;
  /** System whose number is taken off: the cell is a gain. */
  readonly over?: string;
}

/** What the experiments module gives; the package `@u2seg/experiments` has the same shape. */
export interface ListedExperiment {
  readonly id: string;
  readonly title: string;
  readonly question: string;
  readonly source: string;
  readonly trap?: string;
  readonly data: readonly string[];
  readonly cost: string;
  readonly systems: readonly ListedSystem[];
  readonly published: readonly {
    readonly row: string;
    readonly column: string;
    readonly value: number;
    readonly recalled?: boolean;
    readonly measure?: ListedMeasure;
  }[];
  /** Cells that nobody published. */
  readonly derived?: readonly { readonly row: string; readonly column: string; readonly measure: ListedMeasure }[];
  readonly metrics?: readonly ExperimentMetric[];
}

/** Metrics shown of a system beside the published cells: the experiment's own, or those its cells ask for. */
export function shownMetrics(
  { metrics, published, derived = [] }: ListedExperiment,
  system: string,
): readonly ExperimentMetric[] {
  if (metrics !== undefined) return metrics;
  const measures = [...published, ...derived].flatMap(({ measure }) => (measure === undefined ? [] : [measure]));
  return [...new Set(measures.flatMap((one) => ([one.system, one.over].includes(system) ? [one.metric] : [])))];
}

/** Data sets whose numbers the tables of an experiment hold; empty where it has no published cells. */
export function measuredData({ published }: ListedExperiment): readonly string[] {
  return [...new Set(published.flatMap(({ measure }) => (measure?.data === undefined ? [] : [measure.data])))];
}

/** Data sets that the systems of an experiment learned from in the paper. */
export function trainingData({ systems }: ListedExperiment): readonly string[] {
  return [...new Set(systems.flatMap(({ training }) => (training === undefined ? [] : [training])))];
}

/** @throws U2SegError `wrong-usage` if the module is not there or exports no `experiments` */
export async function loadExperiments(module: string | undefined): Promise<readonly ListedExperiment[]> {
  const name = module ?? '@u2seg/experiments';
  const url = module === undefined || !existsSync(module) ? name : pathToFileURL(resolve(module)).href;
  let loaded: { readonly experiments?: unknown };
  try {
    loaded = (await import(url)) as typeof loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new U2SegError(
      'wrong-usage',
      `experiments come from ${name}, which does not load: ${reason}. Run this in the repository after npm run build, or name a module with --experiments.`,
      { cause },
    );
  }
  if (!Array.isArray(loaded.experiments))
    throw new U2SegError('wrong-usage', `${name} exports no list named experiments.`);
  return loaded.experiments as readonly ListedExperiment[];
}

/** Those named, in the order of their names, or all. @throws U2SegError `wrong-usage` naming the nearest id there is */
export function selectExperiments(
  list: readonly ListedExperiment[],
  wanted: readonly string[],
  all: boolean | undefined,
): readonly ListedExperiment[] {
  if (all === true) return list;
  const ids = list.map((experiment) => experiment.id);
  if (wanted.length === 0)
    throw new U2SegError('wrong-usage', `name an experiment or give --all; there are ${ids.join(', ')}.`);
  return [...new Set(wanted)].map((id) => {
    const found = list.find((experiment) => experiment.id === id);
    if (found !== undefined) return found;
    const nearest = nearestName(id, ids);
    throw new U2SegError(
      'wrong-usage',
      `there is no experiment ${id}${nearest === undefined ? '' : `; the nearest is ${nearest}`}. There are ${ids.join(', ')}.`,
    );
  });
}
