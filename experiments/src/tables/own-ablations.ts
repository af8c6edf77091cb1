/** Questions the papers leave open, one component swapped a row; published numbers there are none. */
import type { Experiment, ExperimentSystem } from '../experiment.ts';

function ablation(
  name: string,
  title: string,
  question: string,
  rows: Readonly<Record<string, readonly string[]>>,
): Experiment {
  return {
    id: `ablation-${name}`,
    title,
    question,
    source: '',
    data: ['coco, or photos of one’s own with a COCO panoptic JSON'],
    cost: 'tiny: minutes a row on two cores',
    systems: Object.entries(rows).map(([id, settings]): ExperimentSystem => ({ id, preset: 'tiny', settings })),
    published: [],
    metrics: [
      'proposals mask AP',
      'proposals mask AR100',
      'agnostic mask AP',
      'agnostic mask AR100',
      'many-to-one PQ',
      'one-to-one mIoU',
      'one-to-one pixel accuracy',
    ],
  };
}

const maskCut: readonly string[] = ['proposals.method=maskcut'];

export const ownAblations: readonly Experiment[] = [
  ablation('backbone', 'Backbone', 'What do better features give?', {
    embedded: ['backbone.name=embedded'],
    'DINO ViT-S/8': ['backbone.name=dino-vits8'],
    'DINO ViT-B/8': ['backbone.name=dino-vitb8'],
  }),
  ablation('max-masks', 'Masks a photo (N)', 'How many cuts a photo?', {
    '1': [...maskCut, 'proposals.maxMasks=1'],
    '3': [...maskCut, 'proposals.maxMasks=3'],
    '8': [...maskCut, 'proposals.maxMasks=8'],
  }),
  ablation('tau', 'Edge threshold (tau)', 'How alike must patches be to be joined?', {
    '0.15': [...maskCut, 'proposals.maxMasks=8', 'proposals.tau=0.15'],
    '0.30': [...maskCut, 'proposals.maxMasks=8', 'proposals.tau=0.3'],
    '0.45': [...maskCut, 'proposals.maxMasks=8', 'proposals.tau=0.45'],
  }),
  ablation('crf', 'CRF on proposals', 'What does refining edges give?', {
    on: [...maskCut, 'proposals.maxMasks=8', 'proposals.crf=true'],
    off: [...maskCut, 'proposals.maxMasks=8', 'proposals.crf=false'],
  }),
  ablation('proposals', 'Way of proposing', 'Which masks are the better start?', {
    maskcut: [...maskCut, 'proposals.maxMasks=8'],
    'maskcut-reference': ['proposals.method=maskcut-reference', 'proposals.maxMasks=3'],
    tokencut: ['proposals.method=tokencut'],
    objects: ['proposals.method=objects'],
  }),
  ablation('k', 'Clusters (K)', 'How many pseudo-classes on few photos?', {
    '4': ['clustering.k=4'],
    '8': ['clustering.k=8'],
    '16': ['clustering.k=16'],
  }),
  ablation('engine', 'Engine of k-means', 'Do engines agree?', {
    wasm: ['clustering.engine=wasm'],
    'typed-arrays': ['clustering.engine=typed-arrays'],
    tensorflow: ['clustering.engine=tensorflow'],
  }),
  ablation('merge', 'Merge rule', 'Which instance lies on top?', {
    'bbox-area': ['merge.order=bbox-area'],
    'mask-area': ['merge.order=mask-area'],
    score: ['merge.order=score'],
  }),
  ablation('rounds', 'Self-training rounds', 'What does a round add?', {
    '0': ['rounds.count=0'],
    '1': ['rounds.count=1'],
    '2': ['rounds.count=2'],
  }),
  ablation('drop-loss', 'DropLoss threshold', 'How far from every label may a region go unpunished?', {
    off: ['train.dropLossIou=null'],
    '0.01': ['train.dropLossIou=0.01'],
    '0.4': ['train.dropLossIou=0.4'],
  }),
  ablation('copy-paste', 'Copy-paste', 'Does pasting instances help?', {
    off: ['train.copyPaste=false'],
    on: ['train.copyPaste=true'],
  }),
];
