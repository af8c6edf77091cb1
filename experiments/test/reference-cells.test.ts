/** The published cells against the facts file beside the goldens: read, never copied. Skipped where it is absent. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { experiments } from '@u2seg/experiments';
import { goldenRoot } from '@u2seg/testing';

const root = goldenRoot();
const path = root === undefined ? undefined : resolve(root, '..', 'REFERENCE.md');
const text = path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : undefined;

/** From a heading that starts with `heading` to the next heading. */
function section(heading: string): string {
  const lines = text!.split('\n');
  const from = lines.findIndex((line) => line.replace(/^#+ /u, '').startsWith(heading) && line.startsWith('#'));
  if (from < 0) throw new Error(`the facts file has no heading ${heading}`);
  const length = lines.slice(from + 1).findIndex((line) => /^#|^---/u.test(line));
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join('\n');
}

/** Cells of the rows of the n-th Markdown table of a section, without head and rule. */
function tableRows(heading: string, n = 0): string[][] {
  const blocks = section(heading)
    .split('\n')
    .reduce<string[][]>(
      (all, line) => {
        if (!line.startsWith('|')) all.push([]);
        else all.at(-1)!.push(line);
        return all;
      },
      [[]],
    )
    .filter((block) => block.length > 0);
  return blocks[n]!.slice(2).map((line) =>
    line
      .replaceAll('**', '')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const number = (cell: string): number | null => (cell === '' ? null : Number(cell));
const numbers = (line: string): number[] => (line.match(/\d+(?:\.\d+)?/gu) ?? []).map(Number);

/** Our numbers, row by row; null where a row has no such column. */
function ours(id: string): Map<string, (number | null)[]> {
  const { published } = experiments.find((one) => one.id === id)!;
  const rows = new Map<string, (typeof published)[number][]>();
  for (const cell of published) rows.set(cell.row, [...(rows.get(cell.row) ?? []), cell]);
  const widest = [...rows.values()].sort((a, b) => b.length - a.length)[0]!;
  const columns = [...new Set([...widest, ...published].map(({ column }) => column))];
  return new Map(
    [...rows].map(([row, cells]) => [
      row,
      columns.map((name) => cells.find(({ column }) => column === name)?.value ?? null),
    ]),
  );
}

/** Both have the same rows of numbers, whatever the rows are called. */
function expectSameRows(id: string, reference: readonly (readonly (number | null)[])[]): void {
  const sorted = (rows: Iterable<readonly (number | null)[]>): string[] => [...rows].map((row) => row.join(' ')).sort();
  expect(sorted(ours(id).values()), id).toEqual(sorted(reference));
}

describe.skipIf(text === undefined)('published cells, against the facts file (absent: skipped)', () => {
  it('U2Seg, Tables 1 to 6', () => {
    const summary = tableRows('Table 1').filter(([name]) => name !== 'delta');
    expectSameRows(
      'u2seg-table-1',
      summary.map((row) => row.slice(1).map(number)),
    );
    const names = summary.map(([name]) => name!.replace(/ \(.*/u, ''));
    expect([...ours('u2seg-table-1').keys()].sort()).toEqual(names.sort());
    expectSameRows(
      'u2seg-table-2',
      tableRows('Table 2').map((row) => row.slice(1).map(number)),
    );
    const voc = section('Table 3')
      .split('\n')[0]!
      .replaceAll(/AR100/gu, '')
      .split(/CutLER\+|U2Seg/u)
      .slice(1);
    expectSameRows('u2seg-table-3', voc.map(numbers));
    expectSameRows(
      'u2seg-table-4',
      tableRows('Table 4').map((row) => row.slice(1).map(number)),
    );
    const panoptic = tableRows('Tables 5/6').map((row) => row.slice(3).map(number));
    expectSameRows('u2seg-table-5', panoptic.slice(0, 4));
    expectSameRows('u2seg-table-6', panoptic.slice(4));
  });

  it('U2Seg, Tables A2 to A5, row by row under their names', () => {
    const detection = tableRows('Tables A2').map(([name, clusters, , , ...values]) => ({
      name: `${name!.split(' ')[0]} ${clusters}`,
      kind: name!.split(' ')[1],
      values: values.map(number),
    }));
    for (const [id, kind] of [
      ['u2seg-table-a2', 'box'],
      ['u2seg-table-a3', 'mask'],
    ] as const) {
      const rows = detection.filter((row) => row.kind === kind).map(({ name, values }) => [name, values] as const);
      expect(Object.fromEntries(ours(id)), id).toEqual(Object.fromEntries(rows));
    }
    const data = (name: string): string => (name === 'CS' ? 'Cityscapes' : name);
    const panoptic = tableRows('Table A4').map(
      ([name, training, clusters, ...values]) =>
        [`${data(name!)}, ${training}, ${clusters}`, values.map(number)] as const,
    );
    expect(Object.fromEntries(ours('u2seg-table-a4'))).toEqual(Object.fromEntries(panoptic));
    const limits = section('Ablations')
      .split('\n')
      .find((line) => line.startsWith('Table A5'))!;
    const rows = limits
      .replace(/\(.*?\)|=>.*/gu, '')
      .split('·')
      .map((row) => numbers(row.replace('A5', '')));
    expectSameRows('u2seg-table-a5', rows);
  });

  it('U2Seg, Tables 7 and 8', () => {
    const lines = section('Ablations').split('\n');
    const clusters = lines.find((line) => line.startsWith('Table 7'))!.replace(/^.*?: /u, '');
    const byData = clusters.split('·').map((one) =>
      one
        .replaceAll(/\b(?:300|800|2911)\b/gu, '')
        .split(',')
        .map(numbers),
    );
    const sizes = [0, 1, 2].map((size) => byData.flatMap((pairs) => pairs[size]!));
    expect([...ours('u2seg-table-7').values()]).toEqual(sizes);
    for (const id of ['8a', '8b']) {
      const line = lines.find((one) => one.startsWith(`Table ${id}`))!.replace(/^.*?\):? ?|^.*?: /u, '');
      const rows = line
        .replace(/^.*?: /u, '')
        .split('·')
        .map(numbers);
      const own = [...ours(`u2seg-table-${id}`)].map(([name, values]) => [Number(name.split(' ')[1]), ...values]);
      expect(own, id).toEqual(rows);
    }
  });

  it('U2Seg, Figure 7: the annotations', () => {
    const line = section('Label-efficient (Fig. 7').split('\n')[1]!;
    const gains = [...line.matchAll(/(?:detection|instance|PQ|SQ|RQ) \+(\d\.\d)/gu)].map((found) => Number(found[1]));
    expect(gains.length).toBe(5);
    expect([...ours('u2seg-figure-7').values()]).toEqual([gains]);
  });

  it('CutLER: eleven data sets, labels, rounds', () => {
    const eleven = tableRows('11 zero-shot').map((row) => row.slice(1, 12).map((cell) => cell.split('/').map(Number)));
    expectSameRows(
      'cutler-eleven-ap50',
      eleven.map((row) => row.map(([ap]) => ap!)),
    );
    expectSameRows(
      'cutler-eleven-ar100',
      eleven.map((row) => row.map(([, ar]) => ar!)),
    );
    const labels = tableRows('Label-efficient COCO').map((row) =>
      row.slice(1).map((cell) => cell.split('/').map(Number)),
    );
    expectSameRows(
      'cutler-labels-box',
      labels.map((row) => row.map(([box]) => box!)),
    );
    expectSameRows(
      'cutler-labels-mask',
      labels.map((row) => row.map(([, mask]) => mask!)),
    );
    const facts = text!.slice(text!.indexOf('## A2. CutLER'), text!.indexOf('## A3. STEGO'));
    const raw = /raw on COCO val2017 APmask (\d\.\d)/u.exec(facts)![1];
    const rounds = /Rounds: (\d\.\d) \(r1\) -> (\d\.\d)/u.exec(facts)!;
    expect([...ours('cutler-rounds').values()].flat()).toEqual([raw, rounds[1], rounds[2]].map(Number));
  });

  it('STEGO: COCO-Stuff, ablation, Cityscapes, Potsdam; what is quoted from memory is marked so', () => {
    expectSameRows(
      'stego-cocostuff',
      tableRows('A3. STEGO').map((row) => row.slice(1).map(number)),
    );
    const facts = section('A3. STEGO');
    const ablation = /Ablation \(recalled\): (.*?)\. Cityscapes/u.exec(facts)![1]!;
    expectSameRows(
      'stego-ablation',
      ablation.split(';').map((row) => /((?:\d+\.\d\/){3}\d+\.\d)/u.exec(row)![1]!.split('/').map(Number)),
    );
    const cityscapes = ours('stego-cityscapes');
    const recalled = /Cityscapes \(recalled\): IIC ([\d./]+), MDC ([\d./]+\d)/u.exec(facts)!;
    expect([cityscapes.get('IIC'), cityscapes.get('MDC')]).toEqual(
      [recalled[1], recalled[2]].map((pair) => pair!.split('/').map(Number)),
    );
    const seen = /Cityscapes-27 unsup (\d+\.\d) \/ (\d+\.\d)/u.exec(facts)!;
    expect(cityscapes.get('STEGO')).toEqual([seen[1], seen[2]].map(Number));
    const picie = /PiCIE [\d./]+ \(COCO\), (\d+\.\d)\/(\d+\.\d) \(CS\)/u.exec(facts)!;
    expect(cityscapes.get('PiCIE')).toEqual([picie[1], picie[2]].map(Number));
    const potsdam = /Potsdam-3 (\d+\.\d) \(IIC (\d+\.\d)/u.exec(facts)!;
    expect([ours('stego-potsdam').get('STEGO'), ours('stego-potsdam').get('IIC')].flat()).toEqual(
      [potsdam[1], potsdam[2]].map(Number),
    );
    const marked = (id: string, row: string): (boolean | undefined)[] =>
      experiments
        .find((one) => one.id === id)!
        .published.filter((cell) => cell.row === row)
        .map((cell) => cell.recalled);
    expect(marked('stego-cityscapes', 'IIC')).toEqual([true, true]);
    expect(marked('stego-cocostuff', 'IIC')).toEqual([true, true, true, true]);
    expect(marked('stego-cocostuff', 'STEGO')).toEqual([undefined, undefined, undefined, undefined]);
  });
});
