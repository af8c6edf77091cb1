/** One published number and where it stands. */
export interface PublishedCell {
  readonly row: string;
  readonly column: string;
  readonly value: number;
  /** Quoted from memory, not checked against the source. */
  readonly recalled?: boolean;
}

/** What a `row` of a table is when it can be run here: `key=value` settings over a preset, as `u2seg fit --set` takes them. */
export interface ExperimentSystem {
  /** Row of the table whose cells the run fills. */
  readonly row: string;
  /** `paper`: published hyperparameters; needs the weights and data the experiment names. */
  readonly preset: 'tiny' | 'paper';
  /** One component swapped is one line. */
  readonly settings: readonly string[];
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
}

/**
 * Cells of a printed table: `rows` maps a row's name to its numbers in the order of `columns`, null where the paper prints none.
 */
export function printedCells(
  columns: readonly string[],
  rows: Readonly<Record<string, readonly (number | null)[]>>,
  options: { readonly recalled?: boolean } = {},
): PublishedCell[] {
  return Object.entries(rows).flatMap(([row, values]) =>
    values.flatMap((value, i) => {
      const column = columns[i];
      if (column === undefined)
        throw new RangeError(`row ${row} has ${values.length} cells for ${columns.length} columns`);
      if (value === null) return [];
      return [{ row, column, value, ...(options.recalled === true ? { recalled: true } : {}) }];
    }),
  );
}
