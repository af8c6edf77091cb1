import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetCatalog, writeSyntheticDataset } from '@u2seg/datasets';
import { expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

it('lists every data set with its licence and citation', async () => {
  const { stdout } = await u2seg(['datasets', 'list', '--json']);
  const { datasets } = JSON.parse(stdout) as { datasets: Record<string, string>[] };
  expect(datasets.map(({ id }) => id)).toEqual(datasetCatalog.map(({ id }) => id));
  for (const { licence, citation } of datasets) expect(`${licence}${citation}`).not.toBe('');
  const text = await u2seg(['datasets', 'list']);
  for (const { id } of datasetCatalog) expect(text.stdout).toContain(id);
});

it('shows the layout of one, and names the nearest to a misspelled one', async () => {
  expect((await u2seg(['datasets', 'show', 'coco-panoptic'])).stdout).toMatch(/panoptic_\{split\}2017\.json/u);
  const { code, stderr } = await u2seg(['datasets', 'show', 'coco-panoptik']);
  expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(/coco-panoptic/u)]);
  expect(code).toBeGreaterThan(0);
});

it('checks a folder: complete, or in one sentence what is missing and the layout wanted', async () => {
  const root = await mkdtemp(join(tmpdir(), 'u2seg-datasets-'));
  await writeSyntheticDataset(root, { count: 1, height: 32, width: 32, seed: 0 });
  const whole = await u2seg(['datasets', 'check', 'panoptic-folder', root]);
  expect([whole.code, whole.stdout]).toEqual([0, expect.stringMatching(/is complete/u)]);
  const lacking = await u2seg(['datasets', 'check', 'cityscapes', root, '--split', 'val']);
  expect([lacking.code, lacking.stderr]).toEqual([1, expect.stringMatching(/missing under .*wanted layout/su)]);
  expect((await u2seg(['datasets', 'check', 'cityscapes', root, '--split', 'vall'])).stderr).toMatch(
    /split must be one/u,
  );
});
