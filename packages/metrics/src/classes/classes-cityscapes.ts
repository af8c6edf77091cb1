import type { ClassList } from './class-list.ts';

/** Cityscapes' labels by id from 7 on: name, group, and the train id of those among the 19. */
const table = [
  'road flat 0',
  'sidewalk flat 1',
  'parking flat',
  'rail-track flat',
  'building construction 2',
  'wall construction 3',
  'fence construction 4',
  'guard-rail construction',
  'bridge construction',
  'tunnel construction',
  'pole object 5',
  'polegroup object',
  'traffic-light object 6',
  'traffic-sign object 7',
  'vegetation nature 8',
  'terrain nature 9',
  'sky sky 10',
  'person human 11',
  'rider human 12',
  'car vehicle 13',
  'truck vehicle 14',
  'bus vehicle 15',
  'caravan vehicle',
  'trailer vehicle',
  'train vehicle 16',
  'motorcycle vehicle 17',
  'bicycle vehicle 18',
].map((line) => line.split(' ') as [string, string, string?]);

const firstId = 7;

const entries = table.map(([name, supercategory, trainId], i) => ({
  id: firstId + i,
  name: name.replace('-', ' '),
  supercategory,
  isThing: supercategory === 'human' || supercategory === 'vehicle',
  trainId,
}));

/** The 27 classes of STEGO, DepthG and CUPS: Cityscapes' label ids 7 to 33, 17 of stuff and 10 of things. */
export const cityscapes27: ClassList = {
  name: 'cityscapes-27',
  classes: entries.map(({ id, name, supercategory, isThing }) => ({ id, name, supercategory, isThing })),
};

/** The 19 classes of the benchmark, in the order of their train ids: 11 of stuff and 8 of things. Ids are Cityscapes' label ids. */
export const cityscapes19: ClassList = {
  name: 'cityscapes-19',
  classes: entries
    .filter((entry) => entry.trainId !== undefined)
    .map(({ id, name, supercategory, isThing }) => ({ id, name, supercategory, isThing })),
};
