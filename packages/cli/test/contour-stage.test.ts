import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRng, type RgbImage } from '@u2seg/core';
import { encodePng, writeSyntheticDataset } from '@u2seg/datasets';
import { ContourNetwork, loadTfBackend } from '@u2seg/heads';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  openContours,
  openRegionSource,
  readContourNetwork,
  wantsContours,
  writeContourNetwork,
} from '@u2seg/pipeline/internal';
import { pipelinePresets } from '@u2seg/pipeline';
import { u2seg } from './run-cli.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-contours-'));
  await loadTfBackend('auto');
});

const { tiny, paper } = pipelinePresets;

function photo(height: number, width: number): RgbImage {
  const rng = new SeededRng(4);
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    return (x < width / 2 ? 60 : 180) + rng.integer(30);
  });
  return { data, height, width };
}

async function writeFresh(path: string, seed: number): Promise<void> {
  const network = ContourNetwork.create({ channels: [4, 4] }, { seed });
  await writeContourNetwork(path, network);
  network.dispose();
}

describe('the file of a contour network', () => {
  it('gives the same contours again', async () => {
    const path = join(root, 'same.safetensors');
    const network = ContourNetwork.create({ channels: [4, 4] }, { seed: 7 });
    await writeContourNetwork(path, network);
    const copy = await readContourNetwork(path);
    expect(copy.config).toEqual(network.config);
    expect(copy.predict(photo(24, 30))).toEqual(network.predict(photo(24, 30)));
  });

  it('is named when it is missing or something else', async () => {
    await expect(readContourNetwork(join(root, 'none.safetensors'))).rejects.toThrow(/none\.safetensors/u);
    const other = join(root, 'other.safetensors');
    const header = Buffer.from('{"__metadata__":{"format":"else"}}');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(other, Buffer.concat([length, header]));
    await expect(readContourNetwork(other)).rejects.toThrow(
      /other\.safetensors: wanted a contour network .* got else/u,
    );
  });
});

it('is wanted where regions are found that it can help', () => {
  expect(wantsContours(tiny)).toBe(true);
  expect(wantsContours(paper)).toBe(false);
  expect(wantsContours({ ...tiny, contours: { ...tiny.contours, iterations: 0 } })).toBe(false);
  expect(wantsContours({ ...tiny, predict: { ...tiny.predict, regions: 0 } })).toBe(false);
  expect(wantsContours({ ...tiny, proposals: { ...tiny.proposals, method: 'maskcut' } })).toBe(false);
});

it('finds contours on the copy of a photo that regions are found on', async () => {
  const path = join(root, 'large.safetensors');
  await writeFresh(path, 1);
  const contours = await openContours(path, 'auto');
  const { data, height, width } = contours.find(photo(600, 800));
  expect(height * width).toBeLessThanOrEqual(320 * 240);
  expect(data).toHaveLength(height * width);
  contours.dispose();
});

it('changes the regions of predictions, and what they are said to be made from', async () => {
  const path = join(root, 'regions.safetensors');
  await writeFresh(path, 3);
  const config = { ...tiny, backbone: { ...tiny.backbone, size: 64 } };
  const colour = (await openRegionSource(config))!;
  const learned = (await openRegionSource(config, { path, inputsHash: 'one' }))!;
  const other = (await openRegionSource(config, { path, inputsHash: 'two' }))!;
  expect(new Set([colour, learned, other].map(({ identity }) => identity)).size).toBe(3);
  const image = photo(60, 80);
  const found = await learned.propose(image);
  expect(found.length).toBeGreaterThan(0);
  expect(found).not.toEqual(await colour.propose(image));
  for (const source of [colour, learned, other]) await source.dispose();
});

describe('u2seg contours', () => {
  const small = [
    'backbone.size=64',
    'clustering.k=2',
    'semantics.method=none',
    'train.iterations=1',
    'train.batchSize=1',
    'train.shortestEdge=64',
    'train.maxSize=96',
    'contours.iterations=2',
    'contours.batchSize=1',
    'contours.size=64',
    'predict.scales=[1]',
    'predict.flip=false',
    'predict.shortestEdge=64',
    'predict.maxSize=96',
  ].flatMap((setting) => ['--set', setting]);

  it('trains them, and u2seg predict --augment finds them in the run', async () => {
    const scenes = await writeSyntheticDataset(join(root, 'scenes'), { count: 3, seed: 2, height: 64, width: 96 });
    const run = join(root, 'run');
    const fitted = await u2seg(['contours', scenes.imageFolder, '--out', run, '--workers', '1', ...small]);
    expect(fitted.code, fitted.stderr).toBe(0);
    const stage = JSON.parse(await readFile(join(run, 'stages', 'contours', 'stage.json'), 'utf8')) as {
      result: { photos: number; regions: number; iterations: number };
    };
    expect(stage.result).toMatchObject({ photos: 3, iterations: 2 });
    expect(stage.result.regions).toBeGreaterThan(0);
    const flags = ['--model', run, '--min-score', '0', '--engine', 'tfjs', '--augment'];
    const predicted = await u2seg(['predict', scenes.imageFolder, ...flags, '--out', join(root, 'predicted')]);
    expect(predicted.code, predicted.stderr).toBe(0);
    expect(predicted.stderr).toMatch(/learned contours of the run/u);
  }, 300_000);

  it('goes on without where photos have no region to learn from', async () => {
    const folder = join(root, 'plain');
    await mkdir(folder);
    const gray = { data: new Uint8Array(64 * 96 * 3).fill(128), height: 64, width: 96 };
    await writeFile(join(folder, 'gray.png'), await encodePng(gray));
    const run = join(root, 'plain-run');
    const broken = ['--set', 'proposals.acceptBroken=true'];
    const fitted = await u2seg(['fit', folder, '--out', run, '--workers', '1', ...small, ...broken]);
    expect(fitted.code, fitted.stderr).toBe(0);
    expect(fitted.stderr).toMatch(/no region/u);
  }, 300_000);
});
