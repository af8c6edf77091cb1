/** Questions the papers leave open, one component swapped a row; published numbers there are none. */
import { mergeSettings, type Experiment, type ExperimentSystem, type PartialConfig } from '@u2seg/pipeline';

/** What an ablation looks at; what comes later in the pipeline is not run. */
interface Level {
  /** Laid under the settings of every row. */
  readonly settings: PartialConfig;
  readonly metrics: NonNullable<Experiment['metrics']>;
  readonly cost: string;
}

const proposals: Level = {
  settings: { train: { iterations: 0 }, semantics: { method: 'none' }, clustering: { k: 1 } },
  metrics: [
    'proposals mask AP',
    'proposals mask AP50',
    'proposals mask AP75',
    'proposals mask AR100',
    'proposals box AP50',
    'proposals box AR100',
  ],
  cost: 'proposals only: about a second of processor time a photo and row',
};
const labels: Level = {
  settings: { train: { iterations: 0 } },
  metrics: [
    'many-to-one PQ',
    'many-to-one PQ things',
    'many-to-one PQ stuff',
    'one-to-one PQ',
    'one-to-one mIoU',
    'mask AP',
    'matched clusters',
  ],
  cost: 'pseudo-labels only: minutes a row on two cores; rows share what they have in common',
};
/** Of the semantic maps alone. */
const maps: Level = {
  ...labels,
  metrics: [
    'stego mIoU',
    'stego pixel accuracy',
    'stego vote mIoU',
    'stego vote pixel accuracy',
    'many-to-one PQ stuff',
  ],
};
const network: Level = {
  settings: {},
  metrics: [
    'proposals mask AP',
    'proposals mask AR100',
    'agnostic mask AP',
    'agnostic mask AR100',
    'many-to-one PQ',
    'one-to-one mIoU',
    'one-to-one pixel accuracy',
  ],
  cost: 'with training: half an hour a row on two cores with 128 photos; rows share what they have in common',
};

function ablation(
  name: string,
  title: string,
  question: string,
  { settings: common, metrics, cost }: Level,
  rows: Readonly<Record<string, PartialConfig>>,
): Experiment {
  return {
    id: `ablation-${name}`,
    title,
    question,
    source: '',
    data: ['coco, or photos of one’s own with a COCO panoptic JSON'],
    cost,
    systems: Object.entries(rows).map(([id, settings]): ExperimentSystem => ({
      id,
      preset: 'tiny',
      settings: mergeSettings(common, settings),
    })),
    published: [],
    metrics,
  };
}

/** MaskCut instead of the ranked regions of the tiny preset. */
const maskCut = (proposals: NonNullable<PartialConfig['proposals']>): PartialConfig => ({
  proposals: { method: 'maskcut', ...proposals },
  merge: { maxInstances: 12 },
});

export const ownAblations: readonly Experiment[] = [
  ablation('backbone', 'Backbone', 'What do better features give?', network, {
    embedded: { backbone: { name: 'embedded' } },
    'DINO ViT-S/8': { backbone: { name: 'dino-vits8' } },
    'DINO ViT-B/8': { backbone: { name: 'dino-vitb8' } },
  }),
  ablation('max-masks', 'Masks a photo (N)', 'How many cuts a photo?', proposals, {
    '1': maskCut({ maxMasks: 1 }),
    '3': maskCut({ maxMasks: 3 }),
    '8': maskCut({ maxMasks: 8 }),
  }),
  ablation('tau', 'Edge threshold (tau)', 'How alike must patches be to be joined?', proposals, {
    '0.15': maskCut({ maxMasks: 8, tau: 0.15 }),
    '0.30': maskCut({ maxMasks: 8, tau: 0.3 }),
    '0.45': maskCut({ maxMasks: 8, tau: 0.45 }),
  }),
  ablation('crf', 'CRF on proposals', 'What does refining edges give?', proposals, {
    on: maskCut({ maxMasks: 8, crf: true }),
    off: maskCut({ maxMasks: 8, crf: false }),
  }),
  ablation('proposals', 'Way of proposing', 'Which masks are the better start?', proposals, {
    maskcut: maskCut({ maxMasks: 8 }),
    'maskcut-reference': { proposals: { method: 'maskcut-reference', maxMasks: 3 } },
    tokencut: { proposals: { method: 'tokencut' } },
    objects: { proposals: { method: 'objects' } },
  }),
  ablation('k', 'Clusters (K)', 'How many pseudo-classes on few photos?', labels, {
    '4': { clustering: { k: 4 } },
    '10': { clustering: { k: 10 } },
    '30': { clustering: { k: 30 } },
  }),
  ablation('engine', 'Engine of k-means', 'Do engines agree?', labels, {
    wasm: { clustering: { engine: 'wasm' } },
    'typed-arrays': { clustering: { engine: 'typed-arrays' } },
    tensorflow: { clustering: { engine: 'tensorflow' } },
    'ml-kmeans': { clustering: { engine: 'ml-kmeans' } },
  }),
  ablation('merge', 'Merge rule', 'Which instance lies on top?', labels, {
    'bbox-area': { merge: { order: 'bbox-area' } },
    'mask-area': { merge: { order: 'mask-area' } },
    score: { merge: { order: 'score' } },
  }),
  ablation(
    'semantics',
    'Semantic clusters',
    'What does STEGO’s head add to k-means on the features, and the CRF to both?',
    maps,
    {
      stego: { semantics: { method: 'stego' } },
      'stego, no CRF': { semantics: { method: 'stego', crf: false } },
      'k-means': { semantics: { method: 'k-means' } },
      'k-means, no CRF': { semantics: { method: 'k-means', crf: false } },
    },
  ),
  ablation('rounds', 'Self-training rounds', 'What does a round add?', network, {
    '0': { rounds: { count: 0 } },
    '1': { rounds: { count: 1 } },
    '2': { rounds: { count: 2 } },
  }),
  ablation('drop-loss', 'DropLoss threshold', 'How far from every label may a region go unpunished?', network, {
    off: { train: { dropLossIou: null } },
    '0.01': { train: { dropLossIou: 0.01 } },
    '0.4': { train: { dropLossIou: 0.4 } },
  }),
  ablation('copy-paste', 'Copy-paste', 'Does pasting instances help?', network, {
    off: { train: { copyPaste: false } },
    on: { train: { copyPaste: true } },
  }),
];
