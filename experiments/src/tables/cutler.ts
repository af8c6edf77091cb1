import type { Experiment, ExperimentSystem } from '@u2seg/pipeline';
import { printedCells, type PrintedColumn } from '../experiment.ts';
import { cutler, trainedOn } from '../systems.ts';

const readme = 'CutLER, README of facebookresearch/CutLER';
const sets = [
  'COCO',
  'COCO20K',
  'VOC',
  'LVIS',
  'UVO',
  'Clipart',
  'Comic',
  'Watercolor',
  'KITTI',
  'Objects365',
  'OpenImages',
];
const columns = (metric: 'agnostic box AP50' | 'agnostic box AR100'): PrintedColumn[] =>
  sets.map((name) => ({ name, metric, data: name.toLowerCase() }));
const data = [
  'imagenet',
  'coco',
  'coco20k',
  'voc',
  'lvis',
  'uvo',
  'clipart',
  'comic',
  'watercolor',
  'kitti',
  'objects365',
  'openimages',
];
const shares = [1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100];
const shareColumns = (metric: 'box AP' | 'mask AP'): PrintedColumn[] =>
  shares.map((share) => ({ name: `${share} %`, metric, data: 'coco' }));
const labelSystems: readonly ExperimentSystem[] = shares.map((share) => ({
  ...trainedOn('imagenet', cutler(`CutLER ${share} %`)),
  fineTune: { share, from: 'own' },
}));
const ofShare = {
  systemOfCell: (row: string, column: string): string | undefined =>
    row === 'CutLER' ? `CutLER ${column}` : undefined,
};
const gpu = '8 GPUs for about three days';

export const cutlerTables: readonly Experiment[] = [
  {
    id: 'cutler-eleven-ap50',
    title: 'Eleven data sets, zero-shot: AP50 of boxes',
    question:
      'Does a class-agnostic detector trained on ImageNet’s MaskCut masks work on eleven data sets it never saw?',
    source: readme,
    data,
    cost: gpu,
    systems: [trainedOn('imagenet', cutler('CutLER Cascade'))],
    published: printedCells(
      columns('agnostic box AP50'),
      {
        'Previous best': [9.6, 9.7, 15.9, 3.8, 10.0, 7.9, 9.9, 6.7, 7.7, 8.1, 9.9],
        'CutLER Mask R-CNN': [21.1, 21.6, 36.6, 7.7, 29.8, 20.9, 31.2, 37.3, 15.3, 19.5, 17.1],
        'CutLER Cascade': [21.9, 22.4, 36.9, 8.4, 31.7, 21.1, 30.4, 37.5, 18.4, 21.6, 17.3],
      },
      { systems: ['CutLER Cascade'] },
    ),
  },
  {
    id: 'cutler-eleven-ar100',
    title: 'Eleven data sets, zero-shot: AR@100 of boxes',
    question: 'Does such a detector find the objects of eleven data sets it never saw, at any rank?',
    source: readme,
    data,
    cost: gpu,
    systems: [trainedOn('imagenet', cutler('CutLER Cascade'))],
    published: printedCells(
      columns('agnostic box AR100'),
      {
        'Previous best': [12.6, 12.6, 21.3, 6.4, 14.2, 15.1, 16.3, 16.2, 7.1, 10.2, 14.9],
        'CutLER Mask R-CNN': [29.6, 30.0, 41.0, 18.7, 38.4, 38.5, 37.1, 39.9, 25.4, 30.0, 26.4],
        'CutLER Cascade': [32.7, 33.1, 44.3, 21.8, 42.8, 41.3, 38.6, 44.6, 27.5, 34.2, 29.6],
      },
      { systems: ['CutLER Cascade'] },
    ),
  },
  {
    id: 'cutler-labels-box',
    title: 'Label-efficient COCO: AP of boxes',
    question: 'How good a start is the label-free detector when some labels are given?',
    source: readme,
    trap: 'CutLER’s splits were drawn by code that is not published; ours are other photos unless its files are given (data set coco-semi).',
    data: ['imagenet', 'coco'],
    cost: '8 GPUs for a day a point',
    systems: labelSystems,
    published: printedCells(
      shareColumns('box AP'),
      {
        'MoCo-v2': [11.8, 16.2, 20.5, 26.5, 32.5, 35.5, 37.3, 38.7, 39.9, 41.6, 42.8],
        CutLER: [16.8, 21.6, 27.8, 32.2, 36.6, 38.2, 39.9, 41.5, 42.3, 43.8, 44.7],
      },
      ofShare,
    ),
  },
  {
    id: 'cutler-labels-mask',
    title: 'Label-efficient COCO: AP of masks',
    question: 'How good a start is the label-free segmenter when some labels are given?',
    source: readme,
    trap: 'CutLER’s splits were drawn by code that is not published; ours are other photos unless its files are given (data set coco-semi).',
    data: ['imagenet', 'coco'],
    cost: '8 GPUs for a day a point',
    systems: labelSystems,
    published: printedCells(
      shareColumns('mask AP'),
      {
        'MoCo-v2': [10.0, 13.8, 17.8, 23.0, 28.2, 30.8, 32.3, 33.6, 34.6, 36.0, 37.0],
        CutLER: [14.6, 18.9, 24.3, 28.1, 31.7, 33.3, 34.7, 35.9, 36.7, 37.9, 38.5],
      },
      ofShare,
    ),
  },
  {
    id: 'cutler-rounds',
    title: 'Self-training rounds, COCO val2017',
    question: 'What do the rounds add to MaskCut’s masks?',
    source: 'CutLER, as quoted in issue 70 of facebookresearch/CutLER',
    trap: 'The paper’s ablation tables were not at hand; whoever asked got 1.7 and 7.3 where the paper has 2.2 and 8.8.',
    data: ['imagenet', 'coco'],
    cost: gpu,
    systems: [
      cutler('MaskCut', { train: { iterations: 0 }, rounds: { count: 0 } }),
      cutler('one round', { rounds: { count: 0 } }),
      cutler('final'),
    ].map((system) => trainedOn('imagenet', system)),
    published: printedCells(
      [{ name: 'APmask', metric: 'agnostic mask AP', data: 'coco' }],
      { MaskCut: [2.2], 'one round': [8.8], final: [9.7] },
      { systems: ['MaskCut', 'one round', 'final'] },
    ),
  },
];
