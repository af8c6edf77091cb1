/** The systems the papers compare, as settings over a preset. */
import { mergeSettings, type ExperimentSystem, type PartialConfig } from '@u2seg/pipeline';

/** CutLER's detector: one class, no semantic branch, DropLoss, two rounds of self-training without it. */
const detector: PartialConfig = { train: { preset: 'cutler-stage1', iterations: 160_000 }, rounds: { count: 2 } };
/** The classes U2Seg's numbers are averaged over: on COCO 80 things and 15 stuff super-categories. */
const classes: PartialConfig = { evaluate: { classes: 'u2seg' } };
/** Every instance is named by the nearest of the clusters of MaskCut's instances. */
const named: PartialConfig = { predict: { classes: 'clusters' } };
/** No semantic branch. */
export const thingsOnly: PartialConfig = { semantics: { method: 'none' } };
/** U2Seg's model of 300 clusters; its own are 800. */
export const clusters300: PartialConfig = { clustering: { k: 300 }, train: { preset: 'u2seg-300' } };

/** U2Seg: clustered instances and STEGO's stuff merged into one panoptic network. */
export function u2seg(id: string, ...settings: readonly PartialConfig[]): ExperimentSystem {
  return { id, preset: 'paper', settings: mergeSettings(classes, ...settings) };
}

/** CutLER: masks without classes, no stuff. */
export function cutler(id: string, ...settings: readonly PartialConfig[]): ExperimentSystem {
  const own = mergeSettings(detector, { clustering: { k: 1 } }, thingsOnly);
  return { id, preset: 'paper', settings: mergeSettings(own, ...settings) };
}

/** CutLER+: CutLER's predictions, each with the nearest of the clusters of MaskCut's instances; no stuff. */
export function cutlerPlus(id: string, ...settings: readonly PartialConfig[]): ExperimentSystem {
  return { id, preset: 'paper', settings: mergeSettings(detector, named, thingsOnly, classes, ...settings) };
}

/** STEGO: semantic maps and a linear probe on its codes; no network is trained on them. */
export function stego(id: string, ...settings: readonly PartialConfig[]): ExperimentSystem {
  const own: PartialConfig = {
    semantics: { method: 'stego' },
    train: { iterations: 0 },
    evaluate: { linearProbe: true },
  };
  return { id, preset: 'paper', settings: mergeSettings(own, ...settings) };
}

/** CutLER+STEGO: CutLER+'s predictions over STEGO's maps, merged to panoptic without a network that has seen both. */
export function cutlerStego(id: string, ...settings: readonly PartialConfig[]): ExperimentSystem {
  const stuff: PartialConfig = { predict: { stuff: 'semantics' } };
  return { id, preset: 'paper', settings: mergeSettings(detector, named, stuff, classes, ...settings) };
}

/** The data set a system learned from in the paper: numbers of other training photos are not set beside its own. */
export function trainedOn(training: string, system: ExperimentSystem): ExperimentSystem {
  return { ...system, training };
}
