/** The class lists a ground truth is scored in: papers average over other classes than the files hold. */
import {
  coco133,
  cocoStuff27,
  panopticCategories,
  u2seg95,
  u2segSemantic16,
  type PanopticCategory,
} from '@u2seg/metrics';
import { u2segPanopticIds } from '@u2seg/metrics/internal';
import type { PipelineConfig } from '../config/config.ts';

/** Classes of a semantic evaluation. */
export interface SemanticClasses {
  readonly name: string;
  readonly classNames: readonly string[];
  /** How clusters are named: one to one (STEGO), or by U2Seg's vote of regions. */
  readonly matching: 'hungarian-one-to-one' | 'majority-vote';
  /** Class index of a category of the file; -1 for none. */
  readonly classOf: (categoryId: number) => number;
}

/** Ids of U2Seg's stuff start behind so many thing clusters; any number will do that leaves COCO's ids free. */
const thingClusters = 300;

/** Categories panoptic and instance metrics are averaged over. */
export function scoredCategories(
  categories: readonly PanopticCategory[],
  classes: PipelineConfig['evaluate']['classes'],
): {
  readonly name: string;
  readonly categories: readonly PanopticCategory[];
  readonly idOf: (categoryId: number) => number;
} {
  if (classes === 'given' || !areCoco(categories)) {
    return { name: `the ${categories.length} of the file`, categories, idOf: (id) => id };
  }
  const ids = u2segPanopticIds(thingClusters);
  return {
    name: 'u2seg-95: 80 things, 15 stuff super-categories',
    categories: panopticCategories(u2seg95(thingClusters)),
    idOf: (id) => ids.get(id)!,
  };
}

/** COCO’s categories in the 27 classes of STEGO and in U2Seg’s 16; others as they are. */
export function semanticClassesOf(categories: readonly PanopticCategory[]): readonly SemanticClasses[] {
  if (!areCoco(categories)) {
    const positions = new Map(categories.map(({ id }, i) => [id, i]));
    const own = {
      name: `the ${categories.length} of the file`,
      classNames: categories.map(({ name }) => name),
      classOf: (id: number): number => positions.get(id) ?? -1,
    };
    return [
      { ...own, matching: 'hungarian-one-to-one' },
      { ...own, matching: 'majority-vote' },
    ];
  }
  const coarse = new Map(
    coco133.classes.map(({ id, supercategory, isThing }) => {
      const name = isThing && ['food', 'furniture'].includes(supercategory) ? `${supercategory}-things` : supercategory;
      return [id, cocoStuff27.classes.findIndex((entry) => entry.name === name)];
    }),
  );
  const pooled = new Map(
    coco133.classes.map(({ id, supercategory, isThing }) => [
      id,
      isThing ? 0 : u2segSemantic16.classes.findIndex((entry) => entry.name === supercategory),
    ]),
  );
  const namesOf = (list: typeof cocoStuff27): string[] => list.classes.map(({ name }) => name);
  return [
    {
      name: 'coco-stuff-27',
      classNames: namesOf(cocoStuff27),
      matching: 'hungarian-one-to-one',
      classOf: (id) => coarse.get(id) ?? -1,
    },
    {
      name: 'u2seg-16',
      classNames: namesOf(u2segSemantic16),
      matching: 'majority-vote',
      classOf: (id) => pooled.get(id) ?? -1,
    },
  ];
}

/** Whether all are COCO panoptic's, by id and name; the file may hold some of them only. */
function areCoco(categories: readonly PanopticCategory[]): boolean {
  const names = new Map(coco133.classes.map(({ id, name }) => [id, name]));
  return categories.length > 0 && categories.every(({ id, name }) => names.get(id) === name);
}
