import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { U2SegError } from '@u2seg/core';
import type { Experiment } from './experiment.ts';
import type { ExperimentMetric } from './experiment-metrics.ts';
import { checkSettings } from '../config/load-config.ts';
import { nearestName } from '../config/nearest-name.ts';

/** Metrics shown of a system beside the published cells: the experiment's own, or those its cells ask for. */
export function shownMetrics(
  { metrics, published, derived = [] }: Experiment,
  system: string,
): readonly ExperimentMetric[] {
  if (metrics !== undefined) return metrics;
  const measures = [...published, ...derived].flatMap(({ measure }) => (measure === undefined ? [] : [measure]));
  return [...new Set(measures.flatMap((one) => ([one.system, one.over].includes(system) ? [one.metric] : [])))];
}

/** Data sets whose numbers the tables of an experiment hold; empty where it has no published cells. */
export function measuredData({ published }: Experiment): readonly string[] {
  return [...new Set(published.flatMap(({ measure }) => (measure?.data === undefined ? [] : [measure.data])))];
}

/** Data sets that the systems of an experiment learned from in the paper. */
export function trainingData({ systems }: Experiment): readonly string[] {
  return [...new Set(systems.flatMap(({ training }) => (training === undefined ? [] : [training])))];
}

/** @throws U2SegError `wrong-usage` if the module is not there, exports no `experiments`, or has a system with settings there are not */
export async function loadExperiments(module: string | undefined): Promise<readonly Experiment[]> {
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
  const experiments = loaded.experiments as readonly Experiment[];
  for (const { id, systems } of experiments)
    for (const system of systems) checkSettings(`${id}, ${system.id}`, system.settings);
  return experiments;
}

/** Those named, in the order of their names, or all. @throws U2SegError `wrong-usage` naming the nearest id there is */
export function selectExperiments(
  list: readonly Experiment[],
  wanted: readonly string[],
  all: boolean | undefined,
): readonly Experiment[] {
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
