/** Tables of metrics, each with its protocol in words. */
import { U2SegError } from '@u2seg/core';
import { markup, type Html } from './html.ts';
import type { ReportMetrics } from './report-input.ts';

type Cell = string | number | null;

/**
 * Renders the metric tables.
 *
 * @throws U2SegError `shape-mismatch` for a row with more or fewer values than columns
 */
export function metricSection(metrics: readonly ReportMetrics[]): Html {
  return markup`<section id="metrics" aria-labelledby="metrics-title">
    <h2 id="metrics-title">Metrics</h2>
    ${metrics.length === 0 ? markup`<p>No metrics were computed.</p>` : metrics.map(metricTable)}
  </section> `;
}

function metricTable(table: ReportMetrics, index: number): Html {
  const { title, protocol, columns, rows, note } = table;
  for (const [i, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw new U2SegError(
        'shape-mismatch',
        `renderReport: metrics ${JSON.stringify(title)}: row ${i} must have ${columns.length} values, got ${row.length}.`,
      );
    }
  }
  return markup`<div class="metric">
    <h3 id="metric-${index + 1}">${title}</h3>
    <p class="protocol">${protocol}</p>
    ${dataTable(columns, rows, title)}${note !== undefined && markup`<p class="note">${note}</p> `}
  </div> `;
}

/**
 * A table whose first column names its rows. Numbers of one column share their digits: none for whole numbers, two for
 * percentages and other values above 1.5, four for values in [-1.5, 1.5].
 */
export function dataTable(columns: readonly string[], rows: readonly (readonly Cell[])[], name: string): Html {
  const digits = columns.map((_, c) => digitsOf(rows.map((row) => row[c]!)));
  const numeric = columns.map((_, c) => rows.some((row) => typeof row[c] === 'number'));
  const classOf = (c: number): string => (numeric[c]! ? 'number' : 'text');
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="${name}">
    <table>
      <thead>
        <tr>
          ${columns.map((column, c) => markup`<th scope="col" class="${classOf(c)}">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            markup`<tr>
              ${row.map((cell, c) =>
                c === 0
                  ? markup`<th scope="row" class="${classOf(c)}">${printed(cell, digits[c]!)}</th>`
                  : markup`<td class="${classOf(c)}">${printed(cell, digits[c]!)}</td>`,
              )}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

function digitsOf(cells: readonly Cell[]): number {
  const numbers = cells.filter((cell): cell is number => typeof cell === 'number' && Number.isFinite(cell));
  if (numbers.every(Number.isInteger)) return 0;
  return numbers.some((value) => Math.abs(value) > 1.5) ? 2 : 4;
}

function printed(cell: Cell, digits: number): string {
  if (typeof cell === 'string') return cell;
  if (cell === null || Number.isNaN(cell)) return '\u2013';
  if (!Number.isFinite(cell)) return cell > 0 ? '\u221e' : '-\u221e';
  return digits === 0 ? cell.toLocaleString('en-US') : cell.toFixed(digits);
}
