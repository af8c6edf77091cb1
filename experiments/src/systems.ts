/** The systems the papers compare, as settings over a preset. */
import type { ExperimentSystem } from '@u2seg/pipeline';

/** CutLER's detector: one class, no semantic branch, DropLoss, two rounds of self-training without it. */
const detector = ['train.preset=cutler-stage1', 'train.iterations=160000', 'rounds.count=2'];
/** The classes U2Seg's numbers are averaged over: on COCO 80 things and 15 stuff super-categories. */
const classes = 'evaluate.classes=u2seg';

/** U2Seg: clustered instances and STEGO's stuff merged into one panoptic network. */
export function u2seg(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings: [classes, ...settings] };
}

/** CutLER: masks without classes, no stuff. */
export function cutler(id: string, ...settings: readonly string[]): ExperimentSystem {
  return { id, preset: 'paper', settings: [...detector, 'clustering.k=1', 'semantics.method=none', ...settings] };
}

/** CutLER+: CutLER's predictions, each with the nearest of the clusters of MaskCut's instances; no stuff. */
export function cutlerPlus(id: string, ...settings: readonly string[]): ExperimentSystem {
  const own = [...detector, 'predict.classes=clusters', 'semantics.method=none', classes];
  return { id, preset: 'paper', settings: [...own, ...settings] };
}

/** STEGO: semantic maps and a linear probe on its codes; no network is trained on them. */
export function stego(id: string, ...settings: readonly string[]): ExperimentSystem {
  const own = ['semantics.method=stego', 'train.iterations=0', 'evaluate.linearProbe=true'];
  return { id, preset: 'paper', settings: [...own, ...settings] };
}

/** CutLER+STEGO: CutLER+'s predictions over STEGO's maps, merged to panoptic without a network that has seen both. */
export function cutlerStego(id: string, ...settings: readonly string[]): ExperimentSystem {
  const own = [...detector, 'predict.classes=clusters', 'predict.stuff=semantics', classes];
  return { id, preset: 'paper', settings: [...own, ...settings] };
}

/** The data set a system learned from in the paper: numbers of other training photos are not set beside its own. */
export function trainedOn(training: string, system: ExperimentSystem): ExperimentSystem {
  return { ...system, training };
}
