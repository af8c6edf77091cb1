import type { MetricTable } from '../pipeline/metric-tables.ts';
import { shownMetrics, type ListedExperiment } from './experiment-module.ts';
import type { ExperimentRecord } from './experiment-record.ts';

const columns = ['row', 'column', 'paper', 'measured', 'difference', 'record'];

/** Published cells first, beside them what was measured of them; then numbers without a counterpart. A smoke run is never set against the paper. */
export function experimentTable(
  experiment: ListedExperiment,
  full: ExperimentRecord | undefined,
  smoke: ExperimentRecord | undefined,
): MetricTable {
  const rows: string[][] = [];
  const beside = new Set<string>();
  for (const { row, column, value, recalled, measure } of experiment.published) {
    const cell =
      measure === undefined
        ? undefined
        : full?.cells.find(
            ({ system, metric, data }) =>
              system === measure.system && metric === measure.metric && data === measure.data,
          );
    if (measure !== undefined && cell !== undefined) beside.add(cellKey(cell));
    const measured = cell?.value ?? undefined;
    rows.push([
      row,
      column,
      `${value}${recalled === true ? ' (recalled)' : ''}`,
      measured === undefined ? '' : measured.toFixed(2),
      measured === undefined ? '' : (measured - value).toFixed(2),
      measured === undefined ? '' : `${experiment.id}-full`,
    ]);
  }
  for (const record of [full, smoke]) {
    if (record === undefined) continue;
    const name = `${experiment.id}-${record.variant}`;
    for (const cell of record.cells) {
      const { system, metric, data, value } = cell;
      if (!(shownMetrics(experiment, system) as readonly string[]).includes(metric)) continue;
      if (record.variant === 'full' && beside.has(cellKey(cell))) continue;
      const column = data === undefined ? metric : `${data} ${metric}`;
      rows.push([system, column, '', value === null ? '-' : value.toFixed(2), '', name]);
    }
    for (const { id, failed } of record.systems) {
      if (failed !== undefined) rows.push([id, `failed: ${failed}`, '', '', '', name]);
    }
  }
  if (full === undefined && smoke === undefined && experiment.published.length === 0) {
    for (const { id } of experiment.systems) rows.push([id, '', '', '', '', '']);
  }
  const replaced = [...new Set(smoke?.systems.flatMap((system) => system.replaced) ?? [])];
  const notes = [
    ...(experiment.trap === undefined ? [] : [`Trap: ${experiment.trap}`]),
    ...(smoke === undefined
      ? []
      : [
          `Records named smoke are of 8 synthetic scenes and comparable with nothing${replaced.length === 0 ? '' : `; they leave out ${replaced.join(', ')}`}.`,
        ]),
  ];
  const origin = experiment.source === '' ? 'Nothing published.' : `Paper: ${experiment.source}.`;
  return {
    title: `${experiment.id}: ${experiment.title}`,
    protocol: `${experiment.question} ${origin} Data: ${experiment.data.join(', ')}. Cost: ${experiment.cost}.`,
    columns,
    rows,
    ...(notes.length === 0 ? {} : { note: notes.join(' ') }),
  };
}

function cellKey({
  system,
  metric,
  data,
}: {
  readonly system: string;
  readonly metric: string;
  readonly data?: string | undefined;
}): string {
  return JSON.stringify([system, metric, data ?? null]);
}
