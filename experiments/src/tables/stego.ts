import { columnsOf, printedCells, type Experiment } from '../experiment.ts';
import { stego } from '../systems.ts';

/** The linear probe needs labels and is measured by the probes of `@u2seg/self-train`, not by a run. */
const cells = columnsOf({
  'U-Acc': 'one-to-one pixel accuracy',
  'U-mIoU': 'one-to-one mIoU',
  'L-Acc': undefined,
  'L-mIoU': undefined,
});
const trap =
  '27 classes, one to one; not the protocol of U2Seg’s semantic columns. Rows marked recalled were not checked against the paper.';
const cost = 'one GPU for about two hours';

export const stegoTables: readonly Experiment[] = [
  {
    id: 'stego-cocostuff',
    title: 'COCO-Stuff-27',
    question: 'How far do distilled feature correspondences carry semantic segmentation without labels?',
    source: 'STEGO, arXiv:2203.08414',
    trap,
    data: ['coco-stuff'],
    cost,
    systems: [stego('STEGO', 'backbone.size=224')],
    published: [
      ...printedCells(
        cells,
        {
          ResNet50: [24.6, 8.9, 41.3, 10.2],
          MoCoV2: [25.2, 10.4, 44.4, 13.2],
          IIC: [21.8, 6.7, 44.5, 8.4],
          MDC: [32.2, 9.8, 48.6, 13.3],
        },
        { recalled: true },
      ),
      ...printedCells(
        cells,
        {
          DINO: [30.5, 9.6],
          PiCIE: [48.1, 13.8],
          'PiCIE+H': [50.0, 14.4],
          STEGO: [56.9, 28.2, 76.1, 41.0],
        },
        { systems: ['STEGO'] },
      ),
      ...printedCells(
        cells,
        { DINO: [null, null, 66.8, 29.4], PiCIE: [null, null, 54.2, 13.9], 'PiCIE+H': [null, null, 54.8, 14.8] },
        { recalled: true },
      ),
    ],
  },
  {
    id: 'stego-cityscapes',
    title: 'Cityscapes-27',
    question: 'The same on street scenes.',
    source: 'STEGO, arXiv:2203.08414',
    trap,
    data: ['cityscapes'],
    cost,
    systems: [stego('STEGO', 'semantics.preset=cityscapes-vit-base', 'backbone.size=224')],
    published: [
      ...printedCells(cells, { IIC: [47.9, 6.4], MDC: [40.7, 7.1] }, { recalled: true }),
      ...printedCells(cells, { PiCIE: [65.5, 12.3], STEGO: [73.2, 21.0] }, { systems: ['STEGO'] }),
    ],
  },
  {
    id: 'stego-potsdam',
    title: 'Potsdam-3',
    question: 'The same on aerial photos.',
    source: 'STEGO, arXiv:2203.08414',
    trap: 'Three classes; only accuracy is printed.',
    data: ['potsdam'],
    cost,
    systems: [stego('STEGO', 'semantics.clusters=3', 'backbone.size=224')],
    published: printedCells(cells.slice(0, 1), { IIC: [65.1], STEGO: [77.0] }, { systems: ['STEGO'] }),
  },
  {
    id: 'stego-ablation',
    title: 'Ablation of STEGO, COCO-Stuff-27',
    question: 'What does each part add?',
    source: 'STEGO, arXiv:2203.08414',
    trap,
    data: ['coco-stuff'],
    cost,
    systems: [
      stego('ViT-S + 5-crop + SC', 'backbone.name=dino-vits8', 'semantics.crf=false'),
      stego('ViT-S + CRF', 'backbone.name=dino-vits8'),
      stego('ViT-B, no CRF', 'semantics.crf=false'),
      stego('ViT-B + CRF'),
    ],
    published: [
      ...printedCells(
        cells,
        {
          'MoCoV2, all': [43.1, 19.6, 65.9, 26.0],
          'ViT-S, none': [34.2, 7.3, 54.9, 15.6],
          'ViT-S + 0-clamp': [44.3, 21.3, 70.9, 36.8],
          'ViT-S + 5-crop': [47.6, 23.4, 72.2, 36.8],
          'ViT-S + 5-crop + SC': [47.7, 24.0, 72.9, 38.4],
          'ViT-S + CRF': [48.3, 24.5, 74.4, 38.3],
          'ViT-B, no CRF': [54.8, 26.8, 74.3, 39.5],
        },
        { recalled: true, systems: ['ViT-S + 5-crop + SC', 'ViT-S + CRF', 'ViT-B, no CRF'] },
      ),
      ...printedCells(cells, { 'ViT-B + CRF': [56.9, 28.2, 76.1, 41.0] }, { systems: ['ViT-B + CRF'] }),
    ],
  },
];
