import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FineTuneSummary } from '@u2seg/pipeline';
import { u2seg } from './run-main.ts';

let root: string;
let data: SyntheticDataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-fine-tune-'));
  data = await writeSyntheticDataset(join(root, 'scenes'), { count: 5, seed: 1, height: 64, width: 96 });
});

const fineTune = (...args: string[]): ReturnType<typeof u2seg> =>
  u2seg(['fine-tune', data.imageFolder, '--iterations', '2', ...args]);

describe('u2seg fine-tune', () => {
  it('learns from a share, scores the rest, and starts again from what it wrote', { timeout: 600_000 }, async () => {
    const first = join(root, 'first');
    const share = ['--gt', data.panopticJson, '--share', '40'];
    const { code, stdout, stderr } = await fineTune(...share, '--init', 'none', '--out', first);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/3 photos outside the share; 2 labelled photos/u);
    expect(stdout).toMatch(/Panoptic/u);
    const summary = JSON.parse(await readFile(join(first, 'summary.json'), 'utf8')) as FineTuneSummary;
    expect(summary).toMatchObject({ format: 'u2seg-fine-tune/1', start: 'random weights', metrics: { photos: 3 } });
    expect(summary.labelled).toHaveLength(2);
    // The same photos for the same seed; instances alone give no panoptic branch, and its layers are named.
    const second = join(root, 'second');
    const again = ['--gt', data.instancesJson, '--share', '40', '--json'];
    const next = await fineTune(...again, '--init', join(first, 'model.safetensors'), '--out', second);
    expect(next.code, next.stderr).toBe(0);
    const other = JSON.parse(await readFile(join(second, 'summary.json'), 'utf8')) as FineTuneSummary;
    expect(other.labelled).toEqual(summary.labelled);
    expect(other.start).toMatch(/tensors match, .*unexpected sem_seg_head/su);
    expect(other.metrics).not.toHaveProperty('panoptic');
  });

  it('says what is wrong with a share, a start or a split', async () => {
    const gt = ['--gt', data.panopticJson];
    const out = ['--out', join(root, 'bad')];
    const all = await fineTune(...gt, ...out, '--share', '100', '--init', 'none');
    expect([all.code, all.stderr]).toEqual([2, expect.stringMatching(/leaves none to score/u)]);
    const none = await fineTune(...gt, ...out, '--share', '40', '--init', join(root, 'no.safetensors'));
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/no such checkpoint or run/u)]);
    const odd = await fineTune(...gt, ...out, '--share', '3', '--init', 'none', '--preset', 'paper');
    expect([odd.code, odd.stderr]).toEqual([1, expect.stringMatching(/must be one of 1, 2, 5/u)]);
    const half = await fineTune(...gt, ...out, '--share', '40', '--init', 'none', '--val-gt', data.panopticJson);
    expect([half.code, half.stderr]).toEqual([2, expect.stringMatching(/belong together/u)]);
    expect((await fineTune(...gt, ...out, '--share', '0', '--init', 'none')).code).toBe(2);
  });
});
