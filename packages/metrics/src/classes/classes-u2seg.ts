import type { ClassList } from './class-list.ts';
import { coco80, cocoStuff53 } from './classes-coco.ts';

/** U2Seg's 15 stuff super-categories, in the order of their ids 1 to 15. */
export const u2segStuffNames: readonly string[] = [
  'textile',
  'building',
  'raw-material',
  'furniture-stuff',
  'floor',
  'plant',
  'food-stuff',
  'ground',
  'structural',
  'water',
  'wall',
  'window',
  'ceiling',
  'sky',
  'solid',
];

/** Ids of stuff super-categories in U2Seg's panoptic files: the number of thing clusters plus 1 to 15 (301 to 315, 801 to 815). */
export function u2segStuffId(supercategory: number, numThingClusters: number): number {
  return numThingClusters + supercategory;
}

/**
 * The classes U2Seg's panoptic numbers on COCO are averages over: 80 things under COCO's ids, and 15 stuff super-categories.
 *
 * @param numThingClusters - K, which sets the ids of the stuff; 300 or 800 in the paper
 */
export function u2seg95(numThingClusters: number): ClassList {
  return {
    name: `u2seg-95 (${numThingClusters} clusters)`,
    classes: [
      ...coco80.classes,
      ...u2segStuffNames.map((name, i) => ({
        id: u2segStuffId(i + 1, numThingClusters),
        name,
        supercategory: name,
        isThing: false,
      })),
    ],
  };
}

/** The 16 labels of U2Seg's semantic evaluation: 0 for all things, then the 15 super-categories. */
export const u2segSemantic16: ClassList = {
  name: 'u2seg-semantic-16',
  classes: ['things', ...u2segStuffNames].map((name, id) => ({ id, name, supercategory: name, isThing: id === 0 })),
};

/**
 * From the labels of COCO panoptic's semantic maps to U2Seg's 16: label 0 (things) to 0, stuff 1 to 53 to its super-category 1 to
 * 15, the ignore label and everything else to `ignoreLabel`.
 *
 * @returns [256] table
 */
export function u2segStuffTable(ignoreLabel = 255): Uint8Array {
  const table = new Uint8Array(256).fill(ignoreLabel);
  table[0] = 0;
  cocoStuff53.classes.forEach((entry, i) => {
    table[i + 1] = 1 + u2segStuffNames.indexOf(entry.supercategory);
  });
  return table;
}

/** COCO panoptic category id to the category id of {@link u2seg95}. */
export function u2segPanopticIds(numThingClusters: number): ReadonlyMap<number, number> {
  return new Map([
    ...coco80.classes.map((entry): [number, number] => [entry.id, entry.id]),
    ...cocoStuff53.classes.map((entry): [number, number] => [
      entry.id,
      u2segStuffId(1 + u2segStuffNames.indexOf(entry.supercategory), numThingClusters),
    ]),
  ]);
}
