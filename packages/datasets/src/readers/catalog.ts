/** The data sets of the papers: where their files lie, who made them, under which terms, and which reader opens them. */
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { quoteName } from '../read-source.ts';
import { agnosticSpecs } from './catalog-agnostic.ts';
import { openCityscapes } from './cityscapes.ts';
import { openCocoInstances } from './coco-instances.ts';
import { openCocoPanoptic } from './coco-panoptic.ts';
import type { Dataset } from './dataset.ts';
import { type DatasetSpec, openFromSpec, type OpenDatasetOptions } from './dataset-spec.ts';
import { openKitti } from './kitti.ts';
import { openOpenImages } from './openimages.ts';
import { openPhotoFolder } from './photo-folder.ts';
import { openSemanticPairs } from './semantic-pairs.ts';
import { openVocBoxes, openVocMasks, vocCategories, vocSixCategories } from './voc.ts';

const coco = {
  licence: 'annotations CC BY 4.0; each photo under its own Flickr licence, named in the JSON',
  citation: 'Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014',
  homepage: 'cocodataset.org',
} as const;

const cocoStuff = {
  licence: 'annotations CC BY 4.0; photos as COCO',
  citation: 'Caesar et al., COCO-Stuff: Thing and Stuff Classes in Context, CVPR 2018',
  homepage: 'github.com/nightrome/cocostuff',
} as const;

const voc = {
  licence: 'photos under Flickr terms of use',
  citation: 'Everingham et al., The Pascal Visual Object Classes (VOC) Challenge, IJCV 2010',
  homepage: 'host.robots.ox.ac.uk/pascal/VOC',
} as const;

const crossDomain = {
  licence: 'not verified here; see the home page',
  citation:
    'Inoue et al., Cross-Domain Weakly-Supervised Object Detection through Progressive Domain Adaptation, CVPR 2018',
  homepage: 'github.com/naoto0804/cross-domain-detection',
  splits: ['test', 'train'],
  layout: ['ImageSets/Main/{split}.txt', 'Annotations/', 'JPEGImages/'],
} as const;

const semiSupervised = [1, 2, 5, 10, 20, 30, 40, 50, 60, 80].map((percent) => `${percent}perc`);

/** Every data set that can be opened by name. */
export const datasetCatalog: readonly DatasetSpec[] = [
  {
    id: 'coco-instances',
    title: 'COCO 2017 instances',
    ...coco,
    splits: ['val', 'train'],
    layout: ['annotations/instances_{split}2017.json', '{split}2017/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'coco-instances',
        split,
        annotations: join(root, `annotations/instances_${split}2017.json`),
        imageFolder: join(root, `${split}2017`),
      }),
  },
  {
    id: 'coco-panoptic',
    title: 'COCO 2017 panoptic',
    ...coco,
    splits: ['val', 'train'],
    layout: ['annotations/panoptic_{split}2017.json', 'annotations/panoptic_{split}2017/', '{split}2017/'],
    open: (root, split) =>
      openCocoPanoptic({
        name: 'coco-panoptic',
        split,
        annotations: join(root, `annotations/panoptic_${split}2017.json`),
        panopticFolder: join(root, `annotations/panoptic_${split}2017`),
        imageFolder: join(root, `${split}2017`),
      }),
  },
  {
    id: 'panoptic-folder',
    title: 'A folder in the layout of the synthetic scenes',
    licence: 'that of its files',
    citation: 'none',
    homepage: 'the README of @u2seg/datasets',
    splits: ['all'],
    layout: ['annotations/panoptic.json', 'annotations/panoptic/', 'images/'],
    open: (root, split) =>
      openCocoPanoptic({
        name: 'panoptic-folder',
        split,
        annotations: join(root, 'annotations/panoptic.json'),
        panopticFolder: join(root, 'annotations/panoptic'),
        imageFolder: join(root, 'images'),
      }),
  },
  {
    id: 'coco-stuff-json',
    title: 'COCO 2017 stuff (run lengths)',
    ...cocoStuff,
    splits: ['val', 'train'],
    layout: ['annotations/stuff_{split}2017.json', '{split}2017/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'coco-stuff-json',
        split,
        annotations: join(root, `annotations/stuff_${split}2017.json`),
        imageFolder: join(root, `${split}2017`),
        isThing: false,
      }),
  },
  {
    id: 'coco-stuff',
    title: 'COCO-Stuff 164k (182 labels)',
    ...cocoStuff,
    splits: ['val', 'train'],
    layout: ['annotations/{split}2017/', 'images/{split}2017/'],
    open: (root, split, options) =>
      openSemanticPairs({
        name: 'coco-stuff',
        split,
        imageFolder: join(root, `images/${split}2017`),
        labelFolder: join(root, `annotations/${split}2017`),
        ...semanticOptions(options),
      }),
  },
  {
    id: 'coco-stuff-27',
    title: 'COCO-Stuff 27, curated',
    ...cocoStuff,
    splits: ['val', 'train'],
    layout: ['curated/{split}2017/Coco164kFull_Stuff_Coarse_7.txt', 'annotations/{split}2017/', 'images/{split}2017/'],
    open: async (root, split, options) => {
      if (options.relabel === undefined) {
        throw new U2SegError(
          'wrong-usage',
          'coco-stuff-27: relabel must be the table from 182 labels to 27 (cocoStuffFineToCoarse of @u2seg/metrics).',
        );
      }
      return openSemanticPairs({
        name: 'coco-stuff-27',
        split,
        imageFolder: join(root, `images/${split}2017`),
        labelFolder: join(root, `annotations/${split}2017`),
        listFile: join(root, `curated/${split}2017/Coco164kFull_Stuff_Coarse_7.txt`),
        ...semanticOptions(options),
      });
    },
  },
  {
    id: 'coco-semi',
    title: 'COCO 2017, a share of the labels',
    ...coco,
    splits: semiSupervised,
    layout: ['annotations/{split}_instances_train2017.json', 'train2017/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'coco-semi',
        split,
        annotations: join(root, `annotations/${split}_instances_train2017.json`),
        imageFolder: join(root, 'train2017'),
      }),
  },
  {
    id: 'cityscapes',
    title: 'Cityscapes (fine)',
    licence: 'Cityscapes terms: non-commercial research and teaching',
    citation: 'Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016',
    homepage: 'www.cityscapes-dataset.com',
    splits: ['val', 'train'],
    layout: ['leftImg8bit/{split}/', 'gtFine/{split}/'],
    open: openCityscapes,
  },
  {
    id: 'voc-2007',
    title: 'Pascal VOC 2007 boxes',
    ...voc,
    splits: ['trainval', 'test', 'train', 'val'],
    layout: ['VOC2007/ImageSets/Main/{split}.txt', 'VOC2007/Annotations/', 'VOC2007/JPEGImages/'],
    open: (root, split) =>
      openVocBoxes({ name: 'voc-2007', split, root: join(root, 'VOC2007'), categories: vocCategories }),
  },
  {
    id: 'voc-2012',
    title: 'Pascal VOC 2012 boxes',
    ...voc,
    splits: ['val', 'train', 'trainval'],
    layout: ['VOC2012/ImageSets/Main/{split}.txt', 'VOC2012/Annotations/', 'VOC2012/JPEGImages/'],
    open: (root, split) =>
      openVocBoxes({ name: 'voc-2012', split, root: join(root, 'VOC2012'), categories: vocCategories }),
  },
  {
    id: 'voc-2012-masks',
    title: 'Pascal VOC 2012 segmentation',
    ...voc,
    splits: ['val', 'train', 'trainval'],
    layout: [
      'VOC2012/ImageSets/Segmentation/{split}.txt',
      'VOC2012/SegmentationClass/',
      'VOC2012/SegmentationObject/',
      'VOC2012/JPEGImages/',
    ],
    open: (root, split) =>
      openVocMasks({ name: 'voc-2012-masks', split, root: join(root, 'VOC2012'), categories: vocCategories }),
  },
  ...(['clipart', 'watercolor', 'comic'] as const).map((id): DatasetSpec => ({
    id,
    title: { clipart: 'Clipart1k', watercolor: 'Watercolor2k', comic: 'Comic2k' }[id],
    ...crossDomain,
    open: (root, split) =>
      openVocBoxes({ name: id, split, root, categories: id === 'clipart' ? vocCategories : vocSixCategories }),
  })),
  {
    id: 'uvo',
    title: 'UVO (sparse frames)',
    licence: 'not verified here; see the home page',
    citation: 'Wang et al., Unidentified Video Objects: A Benchmark for Dense, Open-World Segmentation, ICCV 2021',
    homepage: 'sites.google.com/view/unidentified-video-object',
    splits: ['val', 'train'],
    layout: ['annotations/UVO_sparse_{split}.json', 'all_UVO_frames/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'uvo',
        split,
        annotations: join(root, `annotations/UVO_sparse_${split}.json`),
        imageFolder: join(root, 'all_UVO_frames'),
      }),
  },
  {
    id: 'lvis',
    title: 'LVIS v1',
    licence: 'annotations CC BY 4.0; photos as COCO',
    citation: 'Gupta et al., LVIS: A Dataset for Large Vocabulary Instance Segmentation, CVPR 2019',
    homepage: 'www.lvisdataset.org',
    splits: ['val', 'train'],
    layout: ['annotations/lvis_v1_{split}.json', 'train2017/', 'val2017/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'lvis',
        split,
        annotations: join(root, `annotations/lvis_v1_${split}.json`),
        imageFolder: root,
      }),
  },
  {
    id: 'kitti',
    title: 'KITTI 2D object detection',
    licence: 'CC BY-NC-SA 3.0',
    citation: 'Geiger et al., Are we ready for Autonomous Driving? The KITTI Vision Benchmark Suite, CVPR 2012',
    homepage: 'www.cvlibs.net/datasets/kitti',
    splits: ['training'],
    layout: ['training/image_2/', 'training/label_2/'],
    open: openKitti,
  },
  {
    id: 'objects365',
    title: 'Objects365 v2',
    licence: 'annotations CC BY 4.0; photos under Flickr terms',
    citation: 'Shao et al., Objects365: A Large-scale, High-quality Dataset for Object Detection, ICCV 2019',
    homepage: 'www.objects365.org',
    splits: ['val'],
    layout: ['annotations/zhiyuan_objv2_{split}.json', '{split}/'],
    open: (root, split) =>
      openCocoInstances({
        name: 'objects365',
        split,
        annotations: join(root, `annotations/zhiyuan_objv2_${split}.json`),
        imageFolder: join(root, split),
        // the JSON says images/v1/patch8/x.jpg, the archives unpack to patch8/x.jpg
        imagePath: (record) => String(record['file_name']).split('/').slice(-2).join('/'),
      }),
  },
  {
    id: 'openimages',
    title: 'OpenImages v6 boxes',
    licence: 'annotations CC BY 4.0; photos listed as CC BY 2.0',
    citation: 'Kuznetsova et al., The Open Images Dataset V4, IJCV 2020',
    homepage: 'storage.googleapis.com/openimages/web',
    splits: ['validation', 'test', 'train'],
    layout: ['{split}-annotations-bbox.csv', 'class-descriptions-boxable.csv', '{split}/'],
    open: (root, split) =>
      openOpenImages({
        split,
        imageFolder: join(root, split),
        boxes: join(root, `${split}-annotations-bbox.csv`),
        classes: join(root, 'class-descriptions-boxable.csv'),
      }),
  },
  {
    id: 'imagenet',
    title: 'ImageNet-1k',
    licence: 'ImageNet terms: non-commercial research and education',
    citation: 'Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015',
    homepage: 'image-net.org',
    splits: ['train', 'val'],
    layout: ['{split}/'],
    open: (root, split) => openPhotoFolder({ name: 'imagenet', split, folder: join(root, split), classFolders: true }),
  },
  {
    id: 'photos',
    title: 'A folder of photos',
    licence: 'that of its photos',
    citation: 'none',
    homepage: 'the README of @u2seg/datasets',
    splits: ['all'],
    layout: ['./'],
    open: (root, split) => openPhotoFolder({ name: 'photos', split, folder: root }),
  },
  ...agnosticSpecs,
];

/**
 * The catalogue's entry of a name.
 *
 * @throws U2SegError `wrong-usage` listing the known names
 */
export function findDataset(id: string): DatasetSpec {
  const spec = datasetCatalog.find((entry) => entry.id === id);
  if (spec === undefined) {
    throw new U2SegError(
      'wrong-usage',
      `no data set is called ${quoteName(id)}; known: ${datasetCatalog.map((entry) => entry.id).join(', ')}.`,
    );
  }
  return spec;
}

/**
 * Opens a data set by name.
 *
 * @throws U2SegError `wrong-usage` for an unknown name or split; `not-found` with one sentence saying what is missing and
 *   the layout wanted; as the reader
 */
export async function openDataset(id: string, root: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  return openFromSpec(findDataset(id), root, options);
}

function semanticOptions({
  categories = [],
  relabel,
}: OpenDatasetOptions): Pick<Parameters<typeof openSemanticPairs>[0], 'categories' | 'relabel'> {
  return relabel === undefined ? { categories } : { categories, relabel };
}
