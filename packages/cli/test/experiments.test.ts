import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  experimentTable,
  readRecord,
  smokeSystem,
  tinySystem,
  withSystems,
  type ExperimentRecord,
} from '@u2seg/pipeline/internal';
import type { Experiment, ExperimentSystem, PartialConfig } from '@u2seg/pipeline';
import { u2seg } from './run-cli.ts';

const experiment: Experiment = {
  id: 'toy',
  title: 'Toy',
  question: 'Does it run?',
  source: 'Nobody, Table 1',
  data: ['coco', 'voc'],
  cost: 'seconds',
  systems: [{ id: 'ours', preset: 'tiny', settings: {} }],
  published: [
    { row: 'ours', column: 'COCO AP', value: 10, measure: { system: 'ours', metric: 'box AP', data: 'coco' } },
    { row: 'ours', column: 'VOC AP', value: 20, measure: { system: 'ours', metric: 'box AP', data: 'voc' } },
    { row: 'theirs', column: 'COCO AP', value: 5 },
  ],
};
const record = (variant: 'full' | 'smoke', data: string | undefined, value: number): ExperimentRecord => ({
  format: 'u2seg-experiment-record/2',
  id: 'toy',
  variant,
  machine: 'toy',
  systems: [{ id: 'ours', ...(data === undefined ? {} : { data }), run: 'r', seconds: 1, replaced: [], summary: null }],
  cells: [{ system: 'ours', metric: 'box AP', ...(data === undefined ? {} : { data }), value }],
});

describe('experimentTable', () => {
  it('sets a number beside the published one of its data set only, and leaves the rest empty', () => {
    const { rows } = experimentTable(experiment, record('full', 'voc', 21.5), undefined);
    expect(rows).toEqual([
      ['ours', 'COCO AP', '10.0', '', '', ''],
      ['ours', 'VOC AP', '20.0', '21.50', '1.50', 'toy-full'],
      ['theirs', 'COCO AP', '5.0', '', '', ''],
    ]);
  });

  it('shows numbers of other data apart, beside no paper’s', () => {
    const { rows } = experimentTable(experiment, record('full', undefined, 21.5), undefined);
    expect(rows.slice(0, 3).every((row) => row[3] === '')).toBe(true);
    expect(rows[3]).toEqual(['ours', 'box AP', '', '21.50', '', 'toy-full']);
  });

  it('fills a gain with the difference of two systems, once both are measured', () => {
    const measure = { system: 'ours', metric: 'box AP', data: 'coco', over: 'theirs' } as const;
    const gain: Experiment = {
      ...experiment,
      published: [{ row: 'gain', column: 'AP', value: 3, measure }],
      derived: [{ row: 'gain over nobody', column: 'AP', measure: { ...measure, over: 'nobody' } }],
    };
    const one = record('full', 'coco', 12.5);
    expect(experimentTable(gain, one, undefined).rows.slice(0, 2)).toEqual([
      ['gain', 'AP', '3.0', '', '', ''],
      ['gain over nobody', 'AP', '', '', '', ''],
    ]);
    const both = { ...one, cells: [...one.cells, { system: 'theirs', metric: 'box AP', data: 'coco', value: 8 }] };
    expect(experimentTable(gain, both, undefined).rows).toEqual([
      ['gain', 'AP', '3.0', '4.50', '1.50', 'toy-full'],
      ['gain over nobody', 'AP', '', '', '', ''],
      ['ours', 'coco box AP', '', '12.50', '', 'toy-full'],
      ['theirs', 'coco box AP', '', '8.00', '', 'toy-full'],
    ]);
    const own = { ...both, cells: both.cells.map(({ data: _data, ...cell }) => cell) };
    expect(experimentTable(gain, own, undefined).rows[2]).toEqual(['gain', 'AP', '', '4.50', '', 'toy-full']);
  });

  it('prints mean and deviation over seeds, and the command', () => {
    const seeds: ExperimentRecord = {
      ...record('full', 'coco', 12),
      cells: [{ system: 'ours', metric: 'box AP', data: 'coco', value: 12, deviation: 0.5, seeds: 3 }],
    };
    const { rows, protocol } = experimentTable(experiment, seeds, undefined);
    expect(rows[0]).toEqual(['ours', 'COCO AP', '10.0', '12.00 ± 0.50 (3 seeds)', '2.00', 'toy-full']);
    expect(protocol).toMatch(
      /Run: u2seg run toy --photos <photos> --val <photos scored> --gt <panoptic\.json> --data coco\|voc$/u,
    );
  });

  it('never sets a smoke run against the paper', () => {
    const { rows, note } = experimentTable(experiment, undefined, record('smoke', undefined, 3));
    expect(rows.slice(0, 3).every((row) => row[3] === '' && row[5] === '')).toBe(true);
    expect(rows[3]).toEqual(['ours', 'box AP', '', '3.00', '', 'toy-smoke']);
    expect(note).toMatch(/comparable with nothing/u);
  });

  it('says why a system has no numbers', () => {
    const broken: ExperimentRecord = {
      ...record('full', 'coco', 1),
      cells: [],
      systems: [{ id: 'ours', data: 'coco', run: 'r', seconds: 1, replaced: [], summary: null, failed: 'no weights' }],
    };
    expect(experimentTable(experiment, broken, undefined).rows.at(-1)).toEqual([
      'ours',
      'failed: no weights',
      '',
      '',
      '',
      'toy-full',
    ]);
  });
});

it('keeps numbers of another data set when one is measured anew', () => {
  const both = withSystems(record('full', 'coco', 1), record('full', 'voc', 2), 'voc');
  expect(both.cells.map(({ data, value }) => [data, value])).toEqual([
    ['coco', 1],
    ['voc', 2],
  ]);
  const again = withSystems(both, record('full', 'coco', 3), 'coco');
  expect(again.cells.map(({ data, value }) => [data, value])).toEqual([
    ['voc', 2],
    ['coco', 3],
  ]);
});

it('keeps the systems that were not measured anew', () => {
  const before = record('full', 'coco', 1);
  const renamed = { ...record('full', 'coco', 2), systems: [{ ...before.systems[0]!, id: 'other' }] };
  const after = { ...renamed, cells: renamed.cells.map((cell) => ({ ...cell, system: 'other' })) };
  expect(withSystems(before, after, 'coco').cells.map(({ system, value }) => [system, value])).toEqual([
    ['ours', 1],
    ['other', 2],
  ]);
});

it('makes a system of full size small and says what was left out', async () => {
  const { config, replaced } = await smokeSystem({
    clustering: { k: 800 },
    backbone: { name: 'dino-vitb8' },
    train: { preset: 'cutler-stage1' },
    rounds: { count: 3 },
  });
  expect(config).toMatchObject({
    backbone: { name: 'embedded' },
    clustering: { k: 8 },
    train: { preset: 'tiny-agnostic', iterations: 4 },
    rounds: { count: 2 },
  });
  expect(replaced).toEqual(['backbone.name=dino-vitb8', 'train.preset=cutler-stage1', 'clustering.k=800']);
  expect((await smokeSystem({ train: { iterations: 0 } })).config.train.iterations).toBe(0);
});

it('makes a system as small as the tiny preset', async () => {
  const { config, replaced } = await tinySystem({
    clustering: { k: 800 },
    train: { preset: 'u2seg-800' },
    semantics: { crf: false },
  });
  expect(config).toMatchObject({
    preset: 'tiny',
    clustering: { k: 10 },
    train: { preset: 'tiny' },
    semantics: { crf: false },
  });
  expect(replaced).toEqual(['train.preset=u2seg-800', 'clustering.k=800']);
});

it('keeps what a system says where what is laid over it is too large', async () => {
  const { config, replaced } = await tinySystem(
    { train: { iterations: 0 }, clustering: { k: 4 } },
    { train: { iterations: 400 }, clustering: { k: 800, redos: 1 } },
  );
  expect(config).toMatchObject({ train: { iterations: 0 }, clustering: { k: 4, redos: 1 } });
  expect(replaced).toEqual(['train.iterations=400', 'clustering.k=800']);
});

describe('u2seg run', () => {
  let folder: string;
  let module: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-experiments-'));
    module = join(folder, 'own.mjs');
    const votes = [0, 0.9].map((voteMinScore): ExperimentSystem => ({
      id: `${voteMinScore}`,
      preset: 'tiny',
      settings: { semantics: { method: 'none' }, evaluate: { voteMinScore, voteMinIou: 0 } },
    }));
    const own: Experiment = { ...experiment, systems: votes, published: [], metrics: ['matched clusters'] };
    const trained = { ...experiment.systems[0]!, training: 'imagenet' };
    await writeFile(
      module,
      `export const experiments = ${JSON.stringify([own, { ...experiment, id: 'two-sets', systems: [trained] }])};\n`,
    );
  });
  const options = (): string[] => ['--records', join(folder, 'records'), '--experiments', module];

  it(
    'runs an experiment of one’s own, systems that differ in scoring alone on one run',
    { timeout: 600_000 },
    async () => {
      const { code } = await u2seg(['run', 'toy', '--smoke', '--out', join(folder, 'runs'), ...options()]);
      expect(code).toBe(0);
      const found = await readRecord(join(folder, 'records'), 'toy', 'smoke');
      expect(new Set(found!.systems.map(({ run }) => run)).size).toBe(1);
      const matched = found!.cells.filter(({ metric }) => metric === 'matched clusters').map(({ value }) => value!);
      expect(matched[0]!).toBeGreaterThan(matched[1]!);
      const { stdout } = await u2seg(['table', 'toy', ...options()]);
      expect(stdout).toMatch(/matched clusters/u);
    },
  );

  it('repeats every system for several seeds, with mean and deviation', { timeout: 600_000 }, async () => {
    const runs = ['--out', join(folder, 'runs'), '--seeds', '0,1'];
    const { code, stderr } = await u2seg(['run', 'toy', '--smoke', ...runs, ...options()]);
    expect(code, stderr).toBe(0);
    const found = await readRecord(join(folder, 'records'), 'toy', 'smoke');
    expect(found!.systems.map(({ id, seed }) => [id, seed])).toEqual([
      ['0', 0],
      ['0', 1],
      ['0.9', 0],
      ['0.9', 1],
    ]);
    const [first, second] = [0, 1].map((seed) => found!.systems.find((system) => system.seed === seed)!.run);
    expect(first).not.toBe(second);
    const cell = found!.cells.find(({ system, metric }) => system === '0' && metric === 'proposals mask AP')!;
    expect(cell.seeds).toBe(2);
  });

  it('swaps a component by one line, for one from a file', { timeout: 240_000 }, async () => {
    const component = join(folder, 'first-cluster.mjs');
    await writeFile(component, 'export const cluster = (_, { n }) => ({ assignments: new Int32Array(n), k: 1 });\n');
    const common: PartialConfig = { train: { iterations: 0 }, semantics: { method: 'none' } };
    const systems: readonly ExperimentSystem[] = [
      { id: 'k-means', preset: 'tiny', settings: common },
      { id: 'mine', preset: 'tiny', settings: { ...common, clustering: { component } } },
    ];
    const swap: Experiment = { ...experiment, id: 'swap', systems, published: [], metrics: ['many-to-one PQ'] };
    const list = join(folder, 'swap.mjs');
    await writeFile(list, `export const experiments = ${JSON.stringify([swap])};\n`);
    const records = join(folder, 'records');
    const where = ['--out', join(folder, 'runs'), '--records', records, '--experiments', list];
    const { code, stderr } = await u2seg(['run', 'swap', '--smoke', ...where]);
    expect(code, stderr).toBe(0);
    const found = await readRecord(records, 'swap', 'smoke');
    const clusters = found!.systems.map(
      ({ summary }) => (summary as { stages: { cluster: { k: number } } }).stages.cluster.k,
    );
    expect(clusters).toEqual([8, 1]);
    expect(found!.systems[1]!.adopted).toContain('propose');
  });

  it('names what is missing or misspelled', async () => {
    const wanting = await u2seg(['run', 'toy', ...options()]);
    expect([wanting.code, wanting.stderr]).toEqual([2, expect.stringMatching(/give --photos and --gt, or --smoke/u)]);
    const photos = ['--photos', 'x', '--gt', 'y'];
    const silent = await u2seg(['run', 'two-sets', ...photos, '--data', 'voc', ...options()]);
    expect([silent.code, silent.stderr]).toEqual([
      2,
      expect.stringMatching(/learned from imagenet: say with --training/u),
    ]);
    const other = await u2seg(['run', 'two-sets', ...photos, '--data', 'voc', '--training', 'imagenets', ...options()]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/the nearest is imagenet/u)]);
    const wrong = await u2seg(['run', 'two-sets', ...photos, '--data', 'voca', ...options()]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/the nearest is voc/u)]);
    const small = ['--data', 'voc', '--training', 'imagenet', '--set', 'seed=1'];
    const mixed = await u2seg(['run', 'two-sets', ...photos, ...small, ...options()]);
    expect([mixed.code, mixed.stderr]).toEqual([2, expect.stringMatching(/give one or the other/u)]);
    const seeds = await u2seg(['run', 'two-sets', '--smoke', '--seeds', '0,0', ...options()]);
    expect([seeds.code, seeds.stderr]).toEqual([2, expect.stringMatching(/different whole numbers/u)]);
    const unknown = await u2seg(['run', 'two-set', '--smoke', ...options()]);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/no experiment two-set; the nearest is two-sets/u),
    ]);
  });

  it('names the system of a module with settings there are not, and a misspelled --set', async () => {
    const list = join(folder, 'misspelled.mjs');
    const wrong = { ...experiment, systems: [{ ...experiment.systems[0], settings: { clustering: { kk: 3 } } }] };
    await writeFile(list, `export const experiments = ${JSON.stringify([wrong])};\n`);
    const system = await u2seg(['run', 'toy', '--smoke', '--experiments', list]);
    expect([system.code, system.stderr]).toEqual([
      2,
      expect.stringMatching(/toy, ours: there is no setting clustering\.kk\. Did you mean clustering\.k\?/u),
    ]);
    const runs = ['--out', join(folder, 'runs'), ...options()];
    const set = await u2seg(['run', 'toy', '--smoke', '--set', 'train.iteratons=3', ...runs]);
    expect([set.code, set.stderr]).toEqual([
      2,
      expect.stringMatching(/--set train\.iteratons=3: there is no setting .* Did you mean train\.iterations\?/u),
    ]);
  });

  it('refuses a record that is none, naming the field', async () => {
    const path = join(folder, 'records', 'two-sets-full.json');
    await mkdir(join(folder, 'records'), { recursive: true });
    await writeFile(path, JSON.stringify({ ...record('full', 'coco', 1), cells: [{ system: 'ours' }] }));
    const { code, stderr } = await u2seg(['table', 'two-sets', ...options()]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/two-sets-full\.json is no experiment record: cells\.0\.metric/u),
    ]);
    expect(JSON.parse(await readFile(path, 'utf8'))).toHaveProperty('cells');
  });
});
