import type { MetricTable } from '../evaluate/metric-tables.ts';
import type { CellMeasure, Experiment, PublishedCell } from './experiment.ts';
import { shownMetrics, trainingData } from './experiment-module.ts';
import type { ExperimentRecord, MeasuredCell } from './experiment-record.ts';

const columns = ['row', 'column', 'paper', 'measured', 'difference', 'record'];

/**
 * Published cells first, beside them what was measured of them on the same data set; then numbers without a counterpart. A smoke
 * run, or one on other data, is never set against the paper.
 */
export function experimentTable(
  experiment: Experiment,
  full: ExperimentRecord | undefined,
  smoke: ExperimentRecord | undefined,
): MetricTable {
  const rows: string[][] = [];
  const beside = new Set<MeasuredCell>();
  for (const { row, column, value, recalled, measure } of cellsOf(experiment)) {
    const found = measure === undefined ? undefined : measuredOf(measure, full, measure.data);
    // The number a gain is over may have no cell of its own and stays in sight.
    if (found !== undefined && measure?.over === undefined) beside.add(found.cell);
    rows.push([
      row,
      column,
      value === undefined ? '' : `${paperValue(value, measure)}${recalled === true ? ' (recalled)' : ''}`,
      found === undefined ? '' : printed(found),
      found === undefined || value === undefined ? '' : (found.value - value).toFixed(2),
      found === undefined ? '' : `${experiment.id}-full`,
    ]);
  }
  for (const record of [full, smoke]) if (record !== undefined) rows.push(...recordRows(experiment, record, beside));
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
    protocol: `${experiment.question} ${origin} Data: ${experiment.data.join(', ')}. Cost: ${experiment.cost}. Run: ${experimentCommand(experiment)}`,
    columns,
    rows,
    ...(notes.length === 0 ? {} : { note: notes.join(' ') }),
  };
}

/** How the numbers of an experiment are had. */
export function experimentCommand(experiment: Experiment): string {
  const { id, systems, published } = experiment;
  const data = [...new Set(published.flatMap(({ measure }) => measure?.data ?? []))];
  const training = trainingData(experiment);
  const choice = (flag: string, names: readonly string[]): string =>
    names.length === 0 ? '' : ` --${flag} ${names.join('|')}`;
  const withLabels = systems.some(
    ({ fineTune, settings }) => fineTune !== undefined || settings.evaluate?.linearProbe === true,
  );
  const val = experiment.source === '' ? '' : ' --val <photos scored>';
  return `u2seg run ${id} --photos <photos>${val} --gt <panoptic.json>${withLabels && val !== '' ? ' --labels <labels.json>' : ''}${choice('data', data)}${choice('training', training)}`;
}

/** As papers print it: percent with a digit, counts whole. */
function paperValue(value: number, measure: CellMeasure | undefined): string {
  return measure?.metric === 'matched clusters' ? String(value) : value.toFixed(1);
}

interface Found {
  readonly cell: MeasuredCell;
  readonly value: number;
}

/** The number of a cell; a gain is the difference of two. Undefined unless all of it was measured on that data set. */
function measuredOf(
  { system, metric, over }: CellMeasure,
  record: ExperimentRecord | undefined,
  data: string | undefined,
): Found | undefined {
  const of = (id: string): MeasuredCell | undefined =>
    record?.cells.find((cell) => cell.system === id && cell.metric === metric && cell.data === data);
  const [own, other] = [of(system), over === undefined ? undefined : of(over)];
  if (own?.value === undefined || own.value === null) return undefined;
  if (over === undefined) return { cell: own, value: own.value };
  if (other?.value === undefined || other.value === null) return undefined;
  const { deviation: _of, ...cell } = own;
  return { cell, value: own.value - other.value };
}

function printed({ cell: { deviation, seeds }, value }: Found): string {
  if (seeds === undefined) return value.toFixed(2);
  const spread = deviation === undefined ? '' : ` ± ${deviation.toFixed(2)}`;
  return `${value.toFixed(2)}${spread} (${seeds} seeds)`;
}

/** Numbers of a record that stand in no published cell: gains first, then what was measured, then why something was not. */
function recordRows(experiment: Experiment, record: ExperimentRecord, beside: ReadonlySet<MeasuredCell>): string[][] {
  const rows: string[][] = [];
  const name = `${experiment.id}-${record.variant}`;
  const headed = (data: string | undefined, column: string): string =>
    data === undefined || column.toLowerCase().startsWith(data) ? column : `${data} ${column}`;
  for (const data of new Set(record.cells.map((cell) => cell.data))) {
    for (const { row, column, measure } of cellsOf(experiment)) {
      if (measure?.over === undefined || (record.variant === 'full' && data === measure.data)) continue;
      const found = measuredOf(measure, record, data);
      if (found !== undefined) rows.push([row, headed(data, column), '', printed(found), '', name]);
    }
  }
  for (const cell of record.cells) {
    const { system, metric, data, value } = cell;
    if (!(shownMetrics(experiment, system) as readonly string[]).includes(metric) || beside.has(cell)) continue;
    rows.push([system, headed(data, metric), '', value === null ? '-' : printed({ cell, value }), '', name]);
  }
  for (const { id, failed, seed } of record.systems) {
    if (failed !== undefined)
      rows.push([id, `failed: ${failed}`, '', '', '', seed === undefined ? name : `${name}, seed ${seed}`]);
  }
  return rows;
}

type TableCell = Omit<PublishedCell, 'value'> & { readonly value?: number };

function cellsOf({ published, derived = [] }: Experiment): readonly TableCell[] {
  return [...published, ...derived];
}
