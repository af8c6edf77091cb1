import type { DerivedCell, Experiment, ExperimentSystem } from '@u2seg/pipeline';
import { columnsOf, printedCells } from '../experiment.ts';
import { clusters300, cutler, cutlerPlus, cutlerStego, stego, thingsOnly, trainedOn, u2seg } from '../systems.ts';

const source = 'U2Seg, arXiv:2312.17243v1';
const gpu = '8 GPUs for about two days; on one GPU about two weeks';

/** Class-aware numbers are the things-only model's (Table A5), trained on ImageNet. */
const things = (id: string): ExperimentSystem => trainedOn('imagenet', u2seg(id, thingsOnly));
const plus = trainedOn('imagenet', cutlerPlus('CutLER+'));
/** Systems of Table 1: its last row is three models of U2Seg. */
const [instances, semantics, panoptic] = ['U2Seg, things', 'U2Seg, COCO', 'U2Seg, COCO+IN'] as const;
const ofTable1 = (row: string, column: string): string | undefined => {
  if (row !== 'U2Seg') return ['CutLER', 'CutLER+', 'STEGO', 'CutLER+STEGO'].includes(row) ? row : undefined;
  if (column.startsWith('COCOStuff')) return semantics;
  return /[PSR]Q$/u.test(column) ? panoptic : instances;
};
/** STEGO under U2Seg's own protocol, which the paper does not print. */
const sameProtocol = (['stego vote pixel accuracy', 'stego vote mIoU'] as const).map((metric): DerivedCell => ({
  row: 'STEGO, 16 classes by vote',
  column: metric,
  measure: { system: 'STEGO', metric, data: 'coco-stuff' },
}));

export const u2segSummaryTables: readonly Experiment[] = [
  {
    id: 'u2seg-table-1',
    title: 'Universal segmentation, all tasks',
    question:
      'Does one label-free model serve instance, semantic and panoptic segmentation better than one made for each?',
    source: `${source}, Table 1`,
    trap: 'The column "Agn Instance Seg" is AP50 then AP; the +0.9 the prose calls AP is AP50. The semantic columns of U2Seg are 15 super-categories by majority vote, those of STEGO 27 classes one to one: not comparable. Its own row is three models: things only on ImageNet (Table A5), COCO for the semantic columns, COCO and ImageNet for the panoptic ones.',
    data: ['imagenet', 'coco', 'voc', 'uvo', 'coco-stuff', 'cityscapes'],
    cost: gpu,
    systems: [
      trainedOn('imagenet', cutler('CutLER')),
      plus,
      trainedOn('coco', stego('STEGO', { backbone: { size: 224 } })),
      trainedOn('coco', cutlerStego('CutLER+STEGO')),
      things(instances),
      trainedOn('coco', u2seg(semantics)),
      trainedOn('coco+imagenet', u2seg(panoptic)),
    ],
    derived: sameProtocol,
    published: [
      ...printedCells(
        [
          ...columnsOf({ 'COCO agn AP50box': 'agnostic box AP50', 'COCO agn APbox': 'agnostic box AP' }, 'coco'),
          ...columnsOf({ 'COCO AP50box': 'box AP50', 'COCO AR100box': 'box AR100' }, 'coco'),
          ...columnsOf({ 'VOC AP50box': 'box AP50', 'VOC AR100box': 'box AR100' }, 'voc'),
          ...columnsOf({ 'UVO AP50box': 'box AP50', 'UVO AR100box': 'box AR100' }, 'uvo'),
          ...columnsOf({ 'COCOStuff PixelAcc': 'pixel accuracy', 'COCOStuff mIoU': 'mIoU' }, 'coco-stuff'),
          ...columnsOf({ 'COCO PQ': 'PQ', 'COCO SQ': 'SQ', 'COCO RQ': 'RQ' }, 'coco'),
          ...columnsOf({ 'Cityscapes PQ': 'PQ', 'Cityscapes SQ': 'SQ', 'Cityscapes RQ': 'RQ' }, 'cityscapes'),
        ],
        {
          FreeSOLO: [9.6, 4.2],
          TokenCut: [5.8, 3.2],
          CutLER: [21.9, 12.3],
          DINO: [null, null, null, null, null, null, null, null, 30.5, 9.6],
          'PiCIE+H': [null, null, null, null, null, null, null, null, 48.1, 13.8],
          'CutLER+': [null, null, 9.0, 10.3, 26.8, 27.2, 10.6, 11.8],
          'CutLER+STEGO': [
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            12.4,
            64.9,
            15.5,
            12.4,
            36.1,
            15.2,
          ],
          U2Seg: [22.8, 13.0, 11.8, 21.5, 31.0, 48.1, 10.8, 25.0, 63.9, 30.2, 16.1, 71.1, 19.9, 17.6, 52.7, 21.7],
        },
        { systemOfCell: ofTable1 },
      ),
      ...printedCells(
        columnsOf({ 'COCOStuff PixelAcc': 'stego pixel accuracy', 'COCOStuff mIoU': 'stego mIoU' }, 'coco-stuff'),
        { STEGO: [56.9, 28.2] },
        { systems: ['STEGO'] },
      ),
    ],
  },
  {
    id: 'u2seg-table-2',
    title: 'Class-aware instances, COCO val2017, zero-shot',
    question: 'Do clustered pseudo-classes carry over to COCO’s categories?',
    source: `${source}, Table 2`,
    trap: 'The abstract’s +2.6 AP box is AP50 mask. These numbers come from the things-only model, not the universal one (Table A5).',
    data: ['imagenet', 'coco'],
    cost: gpu,
    systems: [plus, things('U2Seg')],
    published: printedCells(
      columnsOf(
        {
          APbox: 'box AP',
          AP50box: 'box AP50',
          AP75box: 'box AP75',
          AR100box: 'box AR100',
          APmask: 'mask AP',
          AP50mask: 'mask AP50',
          AP75mask: 'mask AP75',
          AR100mask: 'mask AR100',
        },
        'coco',
      ),
      { 'CutLER+': [5.9, 9.0, 6.1, 10.3, 5.3, 8.6, 5.5, 9.3], U2Seg: [7.3, 11.8, 7.5, 21.5, 6.4, 11.2, 6.4, 18.5] },
      { systems: ['CutLER+', 'U2Seg'] },
    ),
  },
  {
    id: 'u2seg-table-3',
    title: 'Class-aware instances, Pascal VOC',
    question: 'Do clustered pseudo-classes carry over to VOC’s categories?',
    source: `${source}, Table 3`,
    trap: 'AR100 is 48.1 here and 48.0 in Table 7. The split is called val2012 in the tables and trainval07 in Table A1.',
    data: ['imagenet', 'voc'],
    cost: gpu,
    systems: [plus, things('U2Seg')],
    published: printedCells(
      columnsOf({ APbox: 'box AP', AP50box: 'box AP50', AP75box: 'box AP75', AR100box: 'box AR100' }, 'voc'),
      {
        'CutLER+': [17.1, 26.8, 18.1, 27.2],
        U2Seg: [19.0, 31.0, 19.5, 48.1],
      },
      { systems: ['CutLER+', 'U2Seg'] },
    ),
  },
  {
    id: 'u2seg-table-4',
    title: 'Class-aware instances, UVO val',
    question: 'Do clustered pseudo-classes carry over to frames of video?',
    source: `${source}, Table 4`,
    trap: 'From the things-only model (Table A5).',
    data: ['imagenet', 'uvo'],
    cost: gpu,
    systems: [plus, things('U2Seg')],
    published: printedCells(
      columnsOf(
        {
          APbox: 'box AP',
          AP50box: 'box AP50',
          AR100box: 'box AR100',
          APmask: 'mask AP',
          AP50mask: 'mask AP50',
          AR100mask: 'mask AR100',
        },
        'uvo',
      ),
      {
        'CutLER+': [6.3, 10.6, 11.8, 6.0, 9.0, 10.4],
        U2Seg: [6.8, 10.8, 25.0, 6.2, 9.5, 21.0],
      },
      { systems: ['CutLER+', 'U2Seg'] },
    ),
  },
  {
    id: 'u2seg-table-5',
    title: 'Panoptic, Cityscapes val',
    question: 'Panoptic quality on street scenes, with and without training photos of COCO.',
    source: `${source}, Table 5`,
    trap: 'All rows are 800 clusters; the best Cityscapes PQ, 18.4, is the 300-cluster row of Table A4. The authors no longer have the evaluation script.',
    data: ['imagenet', 'coco', 'cityscapes'],
    cost: gpu,
    systems: [
      trainedOn('imagenet', u2seg('U2Seg zero-shot (IN)')),
      trainedOn('coco', cutlerStego('CutLER+STEGO (COCO)')),
      trainedOn('coco', u2seg('U2Seg (COCO)')),
      trainedOn('coco+imagenet', u2seg('U2Seg (COCO+IN)')),
    ],
    published: printedCells(
      columnsOf({ PQ: 'PQ', SQ: 'SQ', RQ: 'RQ' }, 'cityscapes'),
      {
        'U2Seg zero-shot (IN)': [15.7, 46.6, 19.8],
        'CutLER+STEGO (COCO)': [12.4, 36.1, 15.2],
        'U2Seg (COCO)': [15.4, 51.5, 19.0],
        'U2Seg (COCO+IN)': [17.6, 52.7, 21.7],
      },
      { systems: ['U2Seg zero-shot (IN)', 'CutLER+STEGO (COCO)', 'U2Seg (COCO)', 'U2Seg (COCO+IN)'] },
    ),
  },
  {
    id: 'u2seg-table-6',
    title: 'Panoptic, COCO val2017',
    question: 'Panoptic quality on COCO, with and without its photos in training.',
    source: `${source}, Table 6`,
    trap: 'The zero-shot and COCO rows are 300-cluster models, COCO+IN is 800; zero-shot with 800 is 11.9 (Table A4).',
    data: ['imagenet', 'coco'],
    cost: gpu,
    systems: [
      trainedOn('imagenet', u2seg('U2Seg zero-shot (IN, 300)', clusters300)),
      trainedOn('coco', cutlerStego('CutLER+STEGO (COCO)')),
      trainedOn('coco', u2seg('U2Seg (COCO, 300)', clusters300)),
      trainedOn('coco+imagenet', u2seg('U2Seg (COCO+IN, 800)')),
    ],
    published: printedCells(
      columnsOf({ PQ: 'PQ', SQ: 'SQ', RQ: 'RQ' }, 'coco'),
      {
        'U2Seg zero-shot (IN, 300)': [11.1, 60.1, 13.7],
        'CutLER+STEGO (COCO)': [12.4, 64.9, 15.5],
        'U2Seg (COCO, 300)': [15.3, 66.5, 19.1],
        'U2Seg (COCO+IN, 800)': [16.1, 71.1, 19.9],
      },
      { systems: ['U2Seg zero-shot (IN, 300)', 'CutLER+STEGO (COCO)', 'U2Seg (COCO, 300)', 'U2Seg (COCO+IN, 800)'] },
    ),
  },
];
