/** Cells of a table as the paper prints it, row by row. */
import type { ExperimentMetric, PublishedCell } from '@u2seg/pipeline';

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
