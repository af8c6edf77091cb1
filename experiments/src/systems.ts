/** The systems the papers compare, as settings over a preset. */
import type { ExperimentSystem } from './experiment.ts';

/** U2Seg: clustered instances and STEGO's stuff merged into one panoptic network. */
export function u2seg(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings };
}

/** CutLER: one class of things, no stuff, DropLoss, two self-training rounds. */
export function cutler(id: string, ...settings: readonly string[]): ExperimentSystem {
  const own = ['clustering.k=1', 'semantics.method=none', 'train.preset=cutler-stage1', 'rounds.count=2'];
  return { id, preset: 'paper', settings: [...own, ...settings] };
}

/** CutLER+: CutLER's masks with clustered classes; no stuff. */
export function cutlerPlus(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings: ['semantics.method=none', 'train.preset=cutler-stage1', ...settings] };
}

/** STEGO's semantic segmentation; no network is trained on its labels. */
export function stego(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings: ['semantics.method=stego', 'train.iterations=0', ...settings] };
}

/** CutLER+STEGO: clustered masks over STEGO's stuff, merged to panoptic maps without a network that has seen both. */
export function cutlerStego(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings: ['train.iterations=0', 'rounds.count=0', ...settings] };
}
