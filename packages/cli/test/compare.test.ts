import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { meanAndDeviation } from '@u2seg/pipeline/internal';
import { u2seg } from './run-cli.ts';

async function run(seed: number, ap: number | null, seconds?: number, more: object = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'u2seg-compare-'));
  const summary = {
    format: 'u2seg-summary/1',
    config: { seed, train: { iterations: 3 } },
    metrics: { classAgnostic: { model: { ap } } },
  };
  await writeFile(join(folder, 'summary.json'), JSON.stringify({ ...summary, ...more }));
  if (seconds !== undefined) {
    const timing = { machine: { cpu: 'toy' }, stages: { train: seconds }, peakMemoryMiB: 10 };
    await writeFile(join(folder, 'timing.json'), JSON.stringify(timing));
  }
  return folder;
}

describe('meanAndDeviation', () => {
  it('matches what is worked out by hand, and leaves out what is not there', () => {
    expect(meanAndDeviation([1, 3])).toEqual({ mean: 2, deviation: Math.SQRT2 });
    expect(meanAndDeviation([1, Number.NaN, 3])).toEqual({ mean: 2, deviation: Math.SQRT2 });
    expect(meanAndDeviation([5])).toEqual({ mean: 5, deviation: Number.NaN });
  });
});

describe('u2seg compare', () => {
  it('tells settings and metrics apart, with mean and deviation', async () => {
    const { code, stdout, stderr } = await u2seg(['compare', await run(0, 0.25), await run(1, 0.75), '--json']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      settings: [{ differs: ['seed: 0 there, 1 here'] }],
      metrics: [{ name: 'classAgnostic.model.ap', values: [0.25, 0.75], mean: 0.5, deviation: Math.SQRT1_2 / 2 }],
    });
    const text = await u2seg(['compare', await run(0, 0.25), await run(0, null)]);
    expect(text.stdout).toMatch(/the same settings/u);
    expect(text.stdout).toMatch(/classAgnostic\.model\.ap\s*│\s*0\.2500 │\s*- │\s*0\.2500 │\s*- /u);
  });

  it('tells code, data, machine and time apart, and names every setting that differs', async () => {
    const many = { config: { seed: 0, train: { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 } } };
    const first = await run(0, 0.5, 10, { code: { commit: 'one' }, dataHash: 'x' });
    const second = await run(0, 0.5, 14, { code: { commit: 'two' }, dataHash: 'y', ...many });
    const { stdout } = await u2seg(['compare', first, second, '--json']);
    const [{ differs, origin }] = (JSON.parse(stdout) as { settings: [{ differs: string[]; origin: string[] }] })
      .settings;
    expect(differs).toHaveLength(7);
    expect(origin).toEqual(['code.commit: "one" there, "two" here', 'data: "x" there, "y" here']);
    expect(JSON.parse(stdout)).toMatchObject({
      costs: [
        { name: 'seconds of train', values: [10, 14], mean: 12 },
        { name: 'seconds in all' },
        { name: 'peak memory, MiB' },
      ],
    });
  });

  it('compares fine-tunings too, and refuses what is no summary, naming the field', async () => {
    const tuned = { format: 'u2seg-fine-tune/1', seconds: 3 };
    const { stdout } = await u2seg(['compare', await run(0, 1, undefined, tuned), await run(1, 1, undefined, tuned)]);
    expect(stdout).toMatch(/seconds in all\s*│\s*3\.00/u);
    const other = await u2seg(['compare', await run(0, 1), await run(0, 1, undefined, { format: 'x' })]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/is no summary of a run: format/u)]);
  });

  it('wants two runs, and summaries in them', async () => {
    expect(await u2seg(['compare', await run(0, 1)])).toMatchObject({ code: 2 });
    const { code, stderr } = await u2seg(['compare', await run(0, 1), join(tmpdir(), 'u2seg-no-run')]);
    expect(code).toBe(1);
    expect(stderr).toContain('u2seg-no-run');
  });
});
