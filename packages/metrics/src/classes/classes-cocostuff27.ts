import type { ClassList } from './class-list.ts';

const names =
  'electronic appliance food-things furniture-things indoor kitchen accessory animal outdoor person sports vehicle ceiling floor ' +
  'food-stuff furniture-stuff raw-material textile wall window building ground plant sky solid structural water';

const numThings = 12;

/** COCO-Stuff's 27 coarse classes in the order of IIC, PiCIE and STEGO: 12 of things, 15 of stuff. Ids are the indices. */
export const cocoStuff27: ClassList = {
  name: 'coco-stuff-27',
  classes: names.split(' ').map((name, id) => ({ id, name, supercategory: name, isThing: id < numThings })),
};

/** Coarse class of each of COCO-Stuff's 182 labels (0 = person ... 181), as runs "class x length". */
const coarseRuns =
  '9x1 11x8 8x6 7x10 6x8 10x10 5x8 2x10 3x10 0x6 1x6 4x8 17x2 22x1 20x2 22x1 15x1 25x1 16x1 13x1 12x2 17x2 23x1 15x2 17x1 15x1 ' +
  '21x1 15x1 25x1 13x5 22x1 26x1 14x2 15x1 22x1 21x2 24x1 20x1 22x1 15x1 17x1 16x1 15x1 22x1 24x1 21x1 17x1 25x1 16x1 21x1 ' +
  '17x1 22x1 16x1 21x2 25x1 21x1 26x1 21x1 24x1 20x1 17x1 14x1 21x1 26x1 15x1 23x1 20x1 21x1 24x1 15x1 24x1 22x1 25x1 15x1 ' +
  '20x1 17x2 22x1 14x1 18x7 26x2 19x2 24x1';

/** [182] coarse class of each of COCO-Stuff's fine labels (the pixel values of its PNGs; 255 is unlabelled). */
export const cocoStuffFineToCoarse: Uint8Array = Uint8Array.from(
  coarseRuns.split(' ').flatMap((run) => {
    const [coarse, length] = run.split('x').map(Number) as [number, number];
    return Array.from({ length }, () => coarse);
  }),
);
