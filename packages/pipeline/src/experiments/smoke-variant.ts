/** A system small enough to run in seconds on a few synthetic scenes: shows that it runs, and nothing else. */
import { join } from 'node:path';
import { writeSyntheticDataset } from '@u2seg/datasets';
import type { PipelineConfig } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { stages } from '../stages.ts';

/** Settings of full size, which a smoke run leaves out. */
const fullSize = /^(?:backbone\.(?!component)|train\.iterations=[1-9]|semantics\.preset=)/u;

export interface SmokeSystem {
  readonly config: PipelineConfig;
  /** Settings that were left out or replaced, as `key=value`. */
  readonly replaced: readonly string[];
}

/** Presets of full size by their small counterpart: with one class and DropLoss, or the panoptic one. */
function smallPreset(setting: string): string {
  return setting.startsWith('train.preset=cutler') ? 'train.preset=tiny-agnostic' : 'train.preset=tiny';
}

/** Settings that only a system of full size can have are left out, the others laid over the tiny preset. */
function small(settings: readonly string[]): { readonly set: readonly string[]; readonly replaced: readonly string[] } {
  const presets = settings.filter((setting) => setting.startsWith('train.preset=') && !/=tiny/u.test(setting));
  const dropped = settings.filter((setting) => fullSize.test(setting));
  const kept = settings.filter((setting) => !dropped.includes(setting) && !presets.includes(setting));
  return { set: [...kept, ...presets.map(smallPreset)], replaced: [...dropped, ...presets] };
}

/** Most clusters of a system at the size of the tiny preset. */
const tinyClusters = 30;

/** A system at the size of the tiny preset, on photos of one's own: comparable with its like, with no paper. */
export async function tinySystem(settings: readonly string[]): Promise<SmokeSystem> {
  const { set, replaced } = small(settings);
  const many = set.filter((setting) => Number(/^clustering\.k=(\d+)$/u.exec(setting)?.[1]) > tinyClusters);
  const config = await loadConfig({ preset: 'tiny', set: set.filter((setting) => !many.includes(setting)) });
  return { config, replaced: [...replaced, ...many] };
}

export async function smokeSystem(settings: readonly string[]): Promise<SmokeSystem> {
  const { set, replaced } = small(settings);
  const config = await loadConfig({ preset: 'tiny', base: stages.flatMap(({ smoke }) => smoke ?? []), set });
  const { train, clustering, semantics, rounds } = config;
  const manyClusters = clustering.k > 8 && settings.some((setting) => setting.startsWith('clustering.k='));
  return {
    config: {
      ...config,
      clustering: { ...clustering, k: Math.min(clustering.k, 8) },
      semantics: { ...semantics, clusters: Math.min(semantics.clusters, 6) },
      train: { ...train, iterations: Math.min(train.iterations, 4) },
      rounds: { ...rounds, count: Math.min(rounds.count, 2) },
    },
    replaced: [...replaced, ...(manyClusters ? [`clustering.k=${clustering.k}`] : [])],
  };
}

/** Eight scenes, written once below `out`. */
export async function smokeScenes(out: string): Promise<{ readonly photos: string; readonly gt: string }> {
  const { imageFolder, panopticJson } = await writeSyntheticDataset(join(out, 'smoke-scenes'), {
    count: 8,
    height: 96,
    width: 128,
    seed: 0,
  });
  return { photos: imageFolder, gt: panopticJson };
}
