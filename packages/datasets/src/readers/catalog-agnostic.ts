/**
 * CutLER's eleven class-agnostic test sets, in the layout of its data preparation: one COCO JSON each, in which every
 * object has the same category. The published zero-shot numbers are scored on these files.
 */
import { join } from 'node:path';
import { openCocoInstances } from './coco-instances.ts';
import type { DatasetSpec } from './dataset-spec.ts';

/** Name, split, JSON and image folder relative to CutLER's data root. */
const table: readonly (readonly [name: string, split: string, annotations: string, images: string])[] = [
  ['coco', 'val', 'coco/annotations/coco_cls_agnostic_instances_val2017.json', 'coco/val2017'],
  ['coco20k', 'trainval', 'coco/annotations/coco20k_trainval_gt.json', 'coco/train2014'],
  ['voc', 'trainvaltest', 'voc/annotations/trainvaltest_2007_cls_agnostic.json', 'voc'],
  ['lvis', 'val', 'coco/annotations/lvis1.0_cocofied_val_cls_agnostic.json', 'coco'],
  ['uvo', 'val', 'uvo/annotations/val_sparse_cleaned_cls_agnostic.json', 'uvo/all_UVO_frames'],
  ['clipart', 'traintest', 'clipart/annotations/traintest_cls_agnostic.json', 'clipart'],
  ['comic', 'traintest', 'comic/annotations/traintest_cls_agnostic.json', 'comic'],
  ['watercolor', 'traintest', 'watercolor/annotations/traintest_cls_agnostic.json', 'watercolor'],
  ['kitti', 'trainval', 'kitti/annotations/trainval_cls_agnostic.json', 'kitti'],
  ['objects365', 'val', 'objects365/annotations/zhiyuan_objv2_val_cls_agnostic.json', 'objects365/val'],
  ['openimages', 'validation', 'openImages/annotations/openimages_val_cls_agnostic.json', 'openImages/validation'],
];

export const agnosticSpecs: readonly DatasetSpec[] = table.map(([name, split, annotations, images]) => ({
  id: `cutler-${name}`,
  title: `CutLER's class-agnostic ${name}`,
  licence: 'that of the original data set',
  citation:
    'Wang et al., Cut and Learn for Unsupervised Object Detection and Instance Segmentation, CVPR 2023, and the original',
  homepage: 'github.com/facebookresearch/CutLER/blob/main/datasets/README.md',
  splits: [split],
  layout: [annotations, `${images}/`],
  open: (root) =>
    openCocoInstances({
      name: `cutler-${name}`,
      split,
      annotations: join(root, annotations),
      imageFolder: join(root, images),
    }),
}));
