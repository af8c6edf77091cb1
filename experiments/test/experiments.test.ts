import { expect, it } from 'vitest';
import { loadConfig } from '@u2seg/pipeline';
import { experiments } from '@u2seg/experiments';

it('names every experiment once and every published cell once', () => {
  expect(new Set(experiments.map(({ id }) => id)).size).toBe(experiments.length);
  for (const { id, published } of experiments) {
    const keys = published.map(({ row, column }) => `${row} | ${column}`);
    expect(new Set(keys).size, id).toBe(keys.length);
    expect(published.every(({ value }) => Number.isFinite(value))).toBe(true);
  }
});

it('measures published cells by systems that it has, each named once', () => {
  for (const { id, systems, published } of experiments) {
    const names = systems.map((system) => system.id);
    expect(new Set(names).size, id).toBe(names.length);
    for (const { row, column, measure } of published) {
      if (measure !== undefined) expect(names, `${id}: ${row} | ${column}`).toContain(measure.system);
    }
  }
});

it('has a system that fills a cell, or says in words why none does', () => {
  const withoutSystem = experiments.filter(
    ({ systems, published }) =>
      systems.length === 0 || (published.length > 0 && published.every(({ measure }) => measure === undefined)),
  );
  expect(withoutSystem.map(({ id }) => id)).toEqual([]);
});

it('states of every experiment question, data and cost; of every published cell the data set that may stand beside it', () => {
  for (const { id, title, question, data, cost, source, published } of experiments) {
    for (const text of [title, question, cost]) expect(text, id).not.toBe('');
    expect(data.length, id).toBeGreaterThan(0);
    expect(source === '', id).toBe(published.length === 0);
    for (const { row, column, measure } of published) {
      if (measure !== undefined) expect(measure.data, `${id}: ${row} | ${column}`).toBeDefined();
    }
  }
});

it('has gains and cells of our own over systems that it has', () => {
  for (const { id, systems, published, derived = [] } of experiments) {
    const names = systems.map((system) => system.id);
    for (const { row, measure } of [...published, ...derived]) {
      if (measure?.over !== undefined) expect(names, `${id}: ${row}`).toContain(measure.over);
      if (measure !== undefined) expect(names, `${id}: ${row}`).toContain(measure.system);
    }
  }
});

it('has systems whose settings the pipeline takes', async () => {
  for (const { systems } of experiments)
    for (const { preset, settings } of systems) await loadConfig({ preset, base: [settings] });
});

it('keeps the corrected column order of Table A4: PQ is the mean over 80 things and 15 stuff classes', () => {
  const { published } = experiments.find(({ id }) => id === 'u2seg-table-a4')!;
  const rows = new Set(published.map(({ row }) => row).filter((row) => row.startsWith('COCO')));
  expect(rows.size).toBe(6);
  for (const row of rows) {
    const cell = (column: string): number => published.find((c) => c.row === row && c.column === column)!.value;
    expect(Math.abs((80 * cell('PQ things') + 15 * cell('PQ stuff')) / 95 - cell('PQ'))).toBeLessThan(0.1);
  }
});
