import type { ExperimentMetric } from '@u2seg/pipeline';

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

/** A system that can be run: `key=value` settings over a preset, as `u2seg fit --set` takes them. */
export interface ExperimentSystem {
  /** Name within the experiment; by default the row whose cells it fills. */
  readonly id: string;
  /** `paper`: published hyperparameters; needs the weights and data the experiment names. */
  readonly preset: 'tiny' | 'paper';
  /** One component swapped is one line. */
  readonly settings: readonly string[];
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

/** A column of a printed table; without `metric` nothing here measures it. */
export interface PrintedColumn {
  readonly name: string;
  readonly metric?: ExperimentMetric;
  readonly data?: string;
}

export interface PrintedOptions {
  readonly recalled?: boolean;
  /** Rows that the system of the same name fills. */
  readonly systems?: readonly string[];
  /** Data set of each row, where the table has one for each. */
  readonly dataOfRow?: (row: string) => string;
  /** System of a cell, where columns are systems. */
  readonly systemOfCell?: (row: string, column: string) => string | undefined;
}

/**
 * Cells of a printed table: `rows` maps a row's name to its numbers in the order of `columns`, null where the paper prints none.
 */
export function printedCells(
  columns: readonly (string | PrintedColumn)[],
  rows: Readonly<Record<string, readonly (number | null)[]>>,
  options: PrintedOptions = {},
): PublishedCell[] {
  const { recalled, systems = [], dataOfRow, systemOfCell } = options;
  return Object.entries(rows).flatMap(([row, values]) =>
    values.flatMap((value, i): PublishedCell[] => {
      const at = columns[i];
      if (at === undefined) throw new RangeError(`row ${row} has ${values.length} cells for ${columns.length} columns`);
      if (value === null) return [];
      const column: PrintedColumn = typeof at === 'string' ? { name: at } : at;
      const ofRow = systems.includes(row) ? row : undefined;
      const system = systemOfCell === undefined ? ofRow : systemOfCell(row, column.name);
      const data = column.data ?? dataOfRow?.(row);
      const measure =
        system === undefined || column.metric === undefined
          ? undefined
          : { system, metric: column.metric, ...(data === undefined ? {} : { data }) };
      return [
        {
          row,
          column: column.name,
          value,
          ...(recalled === true ? { recalled } : {}),
          ...(measure === undefined ? {} : { measure }),
        },
      ];
    }),
  );
}

/** Columns that measure what their names say, all on one data set. */
export function columnsOf(
  metrics: Readonly<Record<string, ExperimentMetric | undefined>>,
  data?: string,
): PrintedColumn[] {
  return Object.entries(metrics).map(([name, metric]) => ({
    name,
    ...(metric === undefined ? {} : { metric }),
    ...(data === undefined ? {} : { data }),
  }));
}
