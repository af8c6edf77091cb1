import { assertLength, U2SegError } from '@u2seg/core';

/** A one-to-one assignment of rows to columns. */
export interface Assignment {
  /** [rows] column of each row; -1 for a row left over (more rows than columns). */
  readonly columnOfRow: Int32Array;
  /** Sum of the values picked. */
  readonly total: number;
}

/**
 * Best one-to-one assignment of a rectangular matrix ("Hungarian matching"): min(rows, columns) pairs whose values have the
 * smallest, or with `maximize` the largest sum.
 *
 * Shortest augmenting paths with dual variables (Crouse, "On implementing 2D rectangular assignment algorithms", 2016), O(n^3).
 * Where several assignments are best the choice is deterministic: rows come in rising order, of equally near columns one that
 * is free, then the highest.
 *
 * @param values - [rows, columns] row-major
 * @throws U2SegError `out-of-range` for a value that is not finite
 */
export function assignHungarian(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
  options: { readonly maximize?: boolean } = {},
): Assignment {
  assertLength('assignHungarian: values', values.length, [rows, columns]);
  const turned = rows > columns;
  const n = turned ? columns : rows;
  const m = turned ? rows : columns;
  const sign = options.maximize === true ? -1 : 1;
  const cost = new Float64Array(n * m);
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      const value = values[r * columns + c]!;
      if (!Number.isFinite(value)) {
        throw new U2SegError('out-of-range', `assignHungarian: values[${r}, ${c}] must be finite, got ${value}.`);
      }
      cost[turned ? c * m + r : r * m + c] = sign * value;
    }
  }
  const shortOf = assignWide(cost, n, m);
  const columnOfRow = new Int32Array(rows).fill(-1);
  let total = 0;
  for (let i = 0; i < n; i += 1) {
    const [r, c] = turned ? [shortOf[i]!, i] : [i, shortOf[i]!];
    columnOfRow[r] = c;
    total += values[r * columns + c]!;
  }
  return { columnOfRow, total };
}

/** Column of each row for n <= m, cost minimised. */
function assignWide(cost: Float64Array, n: number, m: number): Int32Array {
  const u = new Float64Array(n);
  const v = new Float64Array(m);
  const columnOf = new Int32Array(n).fill(-1);
  const rowOf = new Int32Array(m).fill(-1);
  const parent = new Int32Array(m);
  const distance = new Float64Array(m);
  const open = new Int32Array(m);
  const closed: number[] = [];
  for (let start = 0; start < n; start += 1) {
    distance.fill(Infinity);
    closed.length = 0;
    let numOpen = m;
    for (let k = 0; k < m; k += 1) open[k] = m - 1 - k;
    let i = start;
    let reach = 0;
    let sink = -1;
    const tree = [start];
    while (sink < 0) {
      let nearest = 0;
      let lowest = Infinity;
      for (let k = 0; k < numOpen; k += 1) {
        const j = open[k]!;
        const through = reach + cost[i * m + j]! - u[i]! - v[j]!;
        if (through < distance[j]!) {
          distance[j] = through;
          parent[j] = i;
        }
        const d = distance[j]!;
        if (d < lowest || (d === lowest && rowOf[j] === -1)) {
          lowest = d;
          nearest = k;
        }
      }
      reach = lowest;
      const j = open[nearest]!;
      numOpen -= 1;
      open[nearest] = open[numOpen]!;
      closed.push(j);
      if (rowOf[j] === -1) sink = j;
      else {
        i = rowOf[j]!;
        tree.push(i);
      }
    }
    u[start]! += reach;
    for (let k = 1; k < tree.length; k += 1) u[tree[k]!]! += reach - distance[columnOf[tree[k]!]!]!;
    for (const j of closed) v[j]! -= reach - distance[j]!;
    for (let j = sink; ;) {
      const row = parent[j]!;
      const previous = columnOf[row]!;
      rowOf[j] = row;
      columnOf[row] = j;
      if (row === start) break;
      j = previous;
    }
  }
  return columnOf;
}
