import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSettings, loadConfig } from '../../src/config/load-config.ts';
import { pipelineSchema } from '../../src/config/config.ts';
import { pipelinePresets } from '../../src/config/presets.ts';

async function configFile(value: unknown): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'u2seg-config-')), 'config.json');
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe('checkSettings', () => {
  it('names the source of settings that are none', () => {
    expect(() => checkSettings('toy, ours', ['clustering.k=3'])).toThrow(
      'toy, ours: wanted an object of settings, got ["clustering.k=3"].',
    );
    expect(() => checkSettings('toy, ours', { clustering: { kk: 3 } })).toThrow(
      'toy, ours: there is no setting clustering.kk. Did you mean clustering.k?',
    );
  });
});

describe('loadConfig', () => {
  it('takes the tiny preset where nothing is said', async () => {
    expect(await loadConfig({})).toEqual(pipelinePresets.tiny);
  });

  it.each(Object.keys(pipelinePresets))('has a preset %s that its own schema accepts', (name) => {
    expect(pipelineSchema.parse(pipelinePresets[name as 'tiny'])).toEqual(pipelinePresets[name as 'tiny']);
  });

  it('lays file over preset and --set over file, and leaves the rest', async () => {
    const file = await configFile({ preset: 'paper', seed: 7, clustering: { k: 300 }, train: { iterations: 5 } });
    const config = await loadConfig({ file, set: ['train.iterations=9', 'backbone.name=dino-vits8'] });
    expect(config).toEqual({
      ...pipelinePresets.paper,
      seed: 7,
      clustering: { ...pipelinePresets.paper.clustering, k: 300 },
      train: { ...pipelinePresets.paper.train, iterations: 9 },
      backbone: { ...pipelinePresets.paper.backbone, name: 'dino-vits8' },
    });
  });

  it('names a misspelled key of a file, its place and the nearest one', async () => {
    const file = await configFile({ train: { iteratons: 5 } });
    await expect(loadConfig({ file })).rejects.toThrow(
      `${file}: there is no setting train.iteratons. Did you mean train.iterations?`,
    );
  });

  it('lists what there is where nothing is near', async () => {
    await expect(loadConfig({ set: ['rounds.xyzzyplugh=1'] })).rejects.toThrow(
      /rounds\.xyzzyplugh\. Known there: count/u,
    );
  });

  it('says what was wanted for a value of the wrong kind or out of range', async () => {
    await expect(loadConfig({ set: ['clustering.k=0'] })).rejects.toThrow(/clustering\.k/u);
    await expect(loadConfig({ set: ['proposals.method=sam'] })).rejects.toThrow(/proposals\.method.*maskcut/u);
    await expect(loadConfig({ set: ['train=3'] })).rejects.toThrow(/train/u);
  });

  it('blames the source that is wrong, and no other', async () => {
    const file = await configFile({ seed: 7 });
    await expect(loadConfig({ file, set: ['seed=1', 'clustering.k=0'] })).rejects.toThrow(
      /^--set clustering\.k=0: clustering\.k: /u,
    );
  });

  it('refuses a setting without a value, a broken file, no file and an unknown preset, all as wrong use', async () => {
    const broken = await configFile('{"seed": 1,}');
    for (const sources of [
      { set: ['seed'] },
      { file: broken },
      { file: join(tmpdir(), 'u2seg-nothing-here.json') },
      { file: await configFile('[1]') },
      { file: await configFile({ preset: 'huge' }) },
    ]) {
      await expect(loadConfig(sources)).rejects.toMatchObject({ code: 'wrong-usage' });
    }
  });
});
