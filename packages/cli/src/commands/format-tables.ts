/** Tables for people in the formats papers and pages are written in. */
import type { MetricTable } from '@u2seg/pipeline';
import { printTables } from './print-tables.ts';

export type TableFormat = 'text' | 'markdown' | 'latex' | 'html';

export function formatTables(tables: readonly MetricTable[], format: TableFormat): string {
  if (format === 'text') return printTables(tables);
  if (format === 'html') return htmlPage(tables);
  const one = { markdown, latex }[format];
  const head = format === 'latex' ? String.raw`% wants \usepackage[T1]{fontenc} and \usepackage{longtable}` + '\n' : '';
  return `${head}${tables.map(one).join('\n\n')}\n`;
}

function markdown({ title, protocol, columns, rows, note }: MetricTable): string {
  // A placeholder such as <photos> would be a tag.
  const prose = (text: string): string => text.replaceAll('<', String.raw`\<`);
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell) =>
        prose(cell)
          .replaceAll('|', String.raw`\|`)
          .replaceAll('\n', ' '),
      )
      .join(' | ')} |`;
  const rule = columns.map((_, i) => (i < 2 ? '---' : '--:'));
  const parts = [`### ${prose(title)}`, '', prose(protocol), '', line(columns), line(rule), ...rows.map(line)];
  return [...parts, ...(note === undefined ? [] : ['', prose(note)])].join('\n');
}

const latexEscapes: Readonly<Record<string, string>> = {
  '\\': String.raw`\textbackslash{}`,
  '~': String.raw`\textasciitilde{}`,
  '^': String.raw`\textasciicircum{}`,
  '<': '$<$',
  '>': '$>$',
  '|': String.raw`\textbar{}`,
  '"': String.raw`\textquotedbl{}`,
  '±': String.raw`$\pm$`,
  '’': "'",
  // Two hyphens would become a dash.
  '--': '-{}-',
};

/** A table of many rows breaks over pages. */
function latex({ title, protocol, columns, rows, note }: MetricTable): string {
  const escape = (text: string): string =>
    text.replaceAll(/--|[\\~^<>|"±’]|[&%$#_{}]/gu, (found) => latexEscapes[found] ?? `\\${found}`);
  const line = (cells: readonly string[]): string => `${cells.map(escape).join(' & ')} \\\\`;
  const caption = [`${title}.`, protocol, note ?? ''].join(' ').trim();
  return [
    `\\begin{longtable}{${columns.map((_, i) => (i < 2 ? 'l' : 'r')).join('')}}`,
    `\\caption[${escape(title)}]{${escape(caption)}} \\\\`,
    String.raw`\hline`,
    line(columns),
    String.raw`\hline`,
    String.raw`\endhead`,
    ...rows.map(line),
    String.raw`\hline`,
    String.raw`\end{longtable}`,
  ].join('\n');
}

const htmlEscapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function html({ title, protocol, columns, rows, note }: MetricTable): string {
  const escape = (text: string): string => text.replaceAll(/[&<>"]/gu, (found) => htmlEscapes[found]!);
  const row = (cells: readonly string[], tag: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => row(cells, 'td')).join('\n');
  const before = `<h2>${escape(title)}</h2>\n<p>${escape(protocol)}</p>`;
  const after = note === undefined ? '' : `\n<p>${escape(note)}</p>`;
  return `${before}\n<table>\n<thead>${row(columns, 'th')}</thead>\n<tbody>\n${body}\n</tbody>\n</table>${after}`;
}

const style =
  'body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}' +
  'table{border-collapse:collapse;margin:.8rem 0}th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:right}' +
  'th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}p{overflow-wrap:anywhere}';

function htmlPage(tables: readonly MetricTable[]): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>u2seg tables</title><style>${style}</style>`;
  return `<!doctype html>\n<html lang="en">\n<head>${head}</head>\n<body>\n${tables.map(html).join('\n\n')}\n</body>\n</html>\n`;
}
