import type { ClassList } from './class-list.ts';
import { coco80 } from './classes-coco.ts';

const vocNames =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train ' +
  'tvmonitor';

/** Pascal VOC's 20 classes, ids 1 to 20 in alphabetical order (0 is background). */
export const voc20: ClassList = {
  name: 'voc-20',
  classes: vocNames.split(' ').map((name, i) => ({ id: i + 1, name, supercategory: name, isThing: true })),
};

/** UVO: COCO's 80 classes under ids 1 to 80, and 81 for objects outside them. */
export const uvo81: ClassList = {
  name: 'uvo-81',
  classes: [
    ...coco80.classes.map((entry, i) => ({ ...entry, id: i + 1 })),
    { id: 81, name: 'other', supercategory: 'other', isThing: true },
  ],
};

/** Everything is an object: CutLER's protocol. */
export const classAgnostic: ClassList = {
  name: 'class-agnostic',
  classes: [{ id: 1, name: 'object', supercategory: 'object', isThing: true }],
};
