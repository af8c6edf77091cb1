import type { PanopticCategory } from '../panoptic/panoptic-quality.ts';

/** One class of a data set. */
export interface ClassEntry {
  /** Id in the data set's files. */
  readonly id: number;
  readonly name: string;
  readonly supercategory: string;
  readonly isThing: boolean;
}

/** The classes of an evaluation, in the order of their contiguous indices [0, C). */
export interface ClassList {
  readonly name: string;
  readonly classes: readonly ClassEntry[];
}

/** A class list as the categories of panoptic evaluation. */
export function panopticCategories(list: ClassList): PanopticCategory[] {
  return list.classes.map(({ id, name, isThing }) => ({ id, name, isThing }));
}

/** Id in the files to contiguous index. */
export function classIndex(list: ClassList): ReadonlyMap<number, number> {
  return new Map(list.classes.map((entry, index) => [entry.id, index]));
}
