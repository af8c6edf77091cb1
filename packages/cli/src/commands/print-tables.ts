import Table from 'cli-table3';
import type { MetricTable } from '@u2seg/pipeline';

/** Tables of numbers for a terminal, the protocol spelled out above each. */
export function printTables(tables: readonly MetricTable[]): string {
  return tables
    .map(({ title, protocol, columns, rows, note }) => {
      const table = new Table({
        head: [...columns],
        style: { head: [], border: [], compact: true },
        colAligns: columns.map((_, i) => (i === 0 ? 'left' : 'right')),
      });
      table.push(...rows.map((row) => [...row]));
      return `\n${title}\n${wrap(protocol, 100)}\n${table.toString()}\n${note === undefined ? '' : `${wrap(note, 100)}\n`}`;
    })
    .join('');
}

function wrap(text: string, width: number): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last.length + word.length + 1 > width && last !== '') lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}
