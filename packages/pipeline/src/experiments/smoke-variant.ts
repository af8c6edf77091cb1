/** A system small enough to run in seconds on a few synthetic scenes: shows that it runs, and nothing else. */
import { join } from 'node:path';
import { writeSyntheticDataset } from '@u2seg/datasets';
import type { PartialConfig, PipelineConfig } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { mergeSettings } from '../config/merge-settings.ts';
import { spellSettings } from '../config/spell-settings.ts';
import { stages } from '../stages.ts';

export interface SmokeSystem {
  readonly config: PipelineConfig;
  /** Settings that were left out or replaced, as `key=value`. */
  readonly replaced: readonly string[];
}

/** Most clusters of a system at the size of the tiny preset. */
const tinyClusters = 30;
const smokeClusters = 8;

/**
 * A system at the size of the tiny preset, on photos of one's own: comparable with its like, with no paper.
 *
 * @param settings - in order; where one is too large, those before it stand
 */
export async function tinySystem(...settings: readonly PartialConfig[]): Promise<SmokeSystem> {
  const large = settings.map((part) => mergeSettings(fullSize(part), clustersOver(part, tinyClusters)));
  const config = await loadConfig({ preset: 'tiny', base: small(settings, large) });
  return { config, replaced: spellSettings(mergeSettings(...large)) };
}

/** The same in seconds, on a few scenes. */
export async function smokeSystem(...settings: readonly PartialConfig[]): Promise<SmokeSystem> {
  const large = settings.map(fullSize);
  const base = [...stages.flatMap(({ smoke }) => smoke ?? []), ...small(settings, large)];
  const config = await loadConfig({ preset: 'tiny', base });
  const { train, clustering, semantics, rounds } = config;
  return {
    config: {
      ...config,
      clustering: { ...clustering, k: Math.min(clustering.k, smokeClusters) },
      semantics: { ...semantics, clusters: Math.min(semantics.clusters, 6) },
      train: { ...train, iterations: Math.min(train.iterations, 4) },
      rounds: { ...rounds, count: Math.min(rounds.count, 2) },
    },
    replaced: spellSettings(mergeSettings(...large, clustersOver(mergeSettings(...settings), smokeClusters))),
  };
}

/** What of some settings only a system of full size can have. */
function fullSize({ backbone = {}, train = {}, semantics = {} }: PartialConfig): PartialConfig {
  const { component: _component, ...weights } = backbone;
  const { iterations = 0, preset: recipe = 'tiny' } = train;
  return {
    backbone: weights,
    train: {
      ...(iterations > 0 ? { iterations } : {}),
      ...(recipe.startsWith('tiny') ? {} : { preset: recipe }),
    },
    semantics: semantics.preset === undefined ? {} : { preset: semantics.preset },
  };
}

function clustersOver({ clustering: { k = 0 } = {} }: PartialConfig, most: number): PartialConfig {
  return k > most ? { clustering: { k } } : {};
}

/** Settings without what is too large of each, and with the small counterpart of a recipe of full size. */
function small(settings: readonly PartialConfig[], large: readonly PartialConfig[]): PartialConfig[] {
  const recipe = mergeSettings(...large).train?.preset;
  const kept = settings.map((part, i) => without(part, large[i]!));
  if (recipe === undefined) return kept;
  // With one class and DropLoss, or the panoptic one.
  return [...kept, { train: { preset: recipe.startsWith('cutler') ? 'tiny-agnostic' : 'tiny' } }];
}

/** The settings but those that are in `taken`. */
function without(settings: PartialConfig, taken: PartialConfig): PartialConfig {
  const sections: Readonly<Record<string, unknown>> = taken;
  return Object.fromEntries(
    Object.entries(settings).map(([name, section]) => {
      const gone = Object.keys(sections[name] ?? {});
      if (typeof section !== 'object') return [name, section];
      return [name, Object.fromEntries(Object.entries(section).filter(([key]) => !gone.includes(key)))];
    }),
  );
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
