/** Tables for people in the formats papers and pages are written in. */
import type { MetricTable } from '../pipeline/metric-tables.ts';
import { printTables } from './print-tables.ts';

export type TableFormat = 'text' | 'markdown' | 'latex' | 'html';

export function formatTables(tables: readonly MetricTable[], format: TableFormat): string {
  if (format === 'text') return printTables(tables);
  const one = { markdown, latex, html }[format];
  return `${tables.map(one).join('\n\n')}\n`;
}

function markdown({ title, protocol, columns, rows, note }: MetricTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  const rule = columns.map(() => '---');
  const parts = [`### ${title}`, '', protocol, '', line(columns), line(rule), ...rows.map(line)];
  return [...parts, ...(note === undefined ? [] : ['', note])].join('\n');
}

const latexEscapes: Readonly<Record<string, string>> = {
  '\\': String.raw`\textbackslash{}`,
  '~': String.raw`\textasciitilde{}`,
  '^': String.raw`\textasciicircum{}`,
  '<': '$<$',
  '>': '$>$',
};

function latex({ title, protocol, columns, rows, note }: MetricTable): string {
  const escape = (text: string): string =>
    text.replaceAll(/[\\~^<>]|[&%$#_{}]/gu, (found) => latexEscapes[found] ?? `\\${found}`);
  const line = (cells: readonly string[]): string => `${cells.map(escape).join(' & ')} \\\\`;
  return [
    String.raw`\begin{table}`,
    `\\caption{${escape([title, protocol, note ?? ''].join('. ').replace(/\. $/u, ''))}}`,
    `\\begin{tabular}{${columns.map((_, i) => (i < 2 ? 'l' : 'r')).join('')}}`,
    String.raw`\hline`,
    line(columns),
    String.raw`\hline`,
    ...rows.map(line),
    String.raw`\hline`,
    String.raw`\end{tabular}`,
    String.raw`\end{table}`,
  ].join('\n');
}

const htmlEscapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function html({ title, protocol, columns, rows, note }: MetricTable): string {
  const escape = (text: string): string => text.replaceAll(/[&<>"]/gu, (found) => htmlEscapes[found]!);
  const row = (cells: readonly string[], tag: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => row(cells, 'td')).join('\n');
  const caption = `<caption>${escape(title)}: ${escape(protocol)}</caption>`;
  const after = note === undefined ? '' : `\n<p>${escape(note)}</p>`;
  return `<table>\n${caption}\n<thead>${row(columns, 'th')}</thead>\n<tbody>\n${body}\n</tbody>\n</table>${after}`;
}
