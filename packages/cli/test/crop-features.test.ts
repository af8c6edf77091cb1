import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBackbone } from '@u2seg/backbone';
import { decodeImage, resizePillow, writeSyntheticDataset } from '@u2seg/datasets';
import { featuresTable, PartitionedTable } from '@u2seg/interchange';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

const [height, width, count] = [40, 56, 18];
const settings = [
  'backbone.size=64',
  'semantics.steps=2',
  'semantics.clusters=4',
  'semantics.batchSize=4',
  'semantics.maxSide=56',
  'semantics.fiveCrop=true',
].flatMap((setting) => ['--set', setting]);

let root: string;
let photos: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-crops-'));
  photos = (await writeSyntheticDataset(join(root, 'scenes'), { count, seed: 7, height, width })).imageFolder;
});
afterAll(() => rm(root, { recursive: true, force: true }));

const run = (name: string): Promise<{ readonly code: number; readonly stderr: string }> =>
  u2seg(['semantics', photos, '--out', join(root, name), '--workers', '1', '--json', ...settings]);
const cropFolder = (name: string): string => join(root, name, 'stages/semantics/crop-features');

/** Contents of the files of the crops' features and of the model, by name. */
async function bytesOf(name: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const folder of [cropFolder(name), join(root, name, 'stages/semantics')]) {
    const files = (await readdir(folder)).filter((file) => /\.(?:arrow|safetensors)$/u.test(file)).sort();
    for (const file of files) found[file] = (await readFile(join(folder, file))).toString('base64');
  }
  return found;
}

it('stores what the backbone makes of every crop, and goes on after the partitions that are there', async () => {
  expect(await run('whole')).toMatchObject({ code: 0 });
  const manifest = JSON.parse(await readFile(join(cropFolder('whole'), 'manifest.json'), 'utf8')) as {
    readonly inputsHash: string;
  };
  const { info } = createEmbeddedBackbone();
  const table = featuresTable(info.dim, info.clsDim, 'float16');
  const crops = new PartitionedTable(cropFolder('whole'), table, manifest.inputsHash);
  const [first, second] = [await crops.read(0), await crops.read(1)];
  expect([first.length, second.length]).toEqual([5 * 16, 5 * 2]);

  // Bottom right of the fourth photo, by hand: half the side, enlarged to the backbone's 64 pixels.
  const files = (await readdir(photos)).sort();
  expect(first[5 * 3 + 3]!.image_id).toBe(`${files[3]!}, crop 3`);
  const photo = await decodeImage(join(photos, files[3]!));
  const data = new Uint8Array(20 * 28 * 3);
  for (let y = 0; y < 20; y += 1) {
    data.set(photo.data.subarray(((20 + y) * width + 28) * 3, (20 + y + 1) * width * 3), y * 28 * 3);
  }
  const expected = await createEmbeddedBackbone().extract(
    resizePillow({ data, height: 20, width: 28 }, 64, 64, 'lanczos'),
  );
  const { patches, grid_h: gridH, grid_w: gridW } = first[5 * 3 + 3]!;
  expect([gridH, gridW]).toEqual([expected.gridH, expected.gridW]);
  const worst = patches.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0);
  const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(worst).toBeLessThan(largest * 2 ** -11);

  // As if killed between the two partitions.
  expect(await run('killed')).toMatchObject({ code: 0 });
  const gone = (await readdir(cropFolder('killed'))).filter((file) => !file.startsWith('part-00000'));
  for (const file of gone) await rm(join(cropFolder('killed'), file));
  const above = join(root, 'killed/stages/semantics');
  for (const file of await readdir(above)) {
    if (file !== 'crop-features') await rm(join(above, file), { recursive: true });
  }
  expect(await run('killed')).toMatchObject({ code: 0 });
  expect(await bytesOf('killed')).toEqual(await bytesOf('whole'));
});
