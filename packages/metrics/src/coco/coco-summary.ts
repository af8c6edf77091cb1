import type { CocoCurves } from './coco-curves.ts';
import type { CocoParameters } from './coco-parameters.ts';
import type { CocoCategory } from './coco-tables.ts';

/** COCO's twelve numbers, each in [0, 1]; NaN where there is no ground truth to average over (pycocotools prints -1). */
export interface CocoStats {
  /** AP averaged over the IoU thresholds, at the most detections. */
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly apSmall: number;
  readonly apMedium: number;
  readonly apLarge: number;
  /** AR at the first, second and third of `maxDetections` (1, 10, 100). */
  readonly arFirst: number;
  readonly arSecond: number;
  readonly arThird: number;
  readonly arSmall: number;
  readonly arMedium: number;
  readonly arLarge: number;
}

/** The twelve numbers of one category; NaN for a category without ground truth, which no average counts. */
export interface CocoCategoryScore extends CocoStats {
  readonly categoryId: number;
  readonly name: string;
  /** AR at the last of `maxDetections`. */
  readonly ar: number;
}

/** In pycocotools' order. */
export const cocoStatNames: readonly (keyof CocoStats)[] = [
  'ap',
  'ap50',
  'ap75',
  'apSmall',
  'apMedium',
  'apLarge',
  'arFirst',
  'arSecond',
  'arThird',
  'arSmall',
  'arMedium',
  'arLarge',
];

/**
 * Reads the twelve numbers off the curves. Areas are found by name, thresholds by value; what is not there is NaN.
 *
 * @param category - index of the one that counts; all of them where it is left out
 */
export function summarizeCoco(curves: CocoCurves, parameters: Required<CocoParameters>, category?: number): CocoStats {
  const area = (name: string): number => parameters.areaRanges.findIndex((range) => range.name === name);
  const threshold = (value: number): number => parameters.iouThresholds.findIndex((t) => Math.abs(t - value) < 1e-9);
  const last = parameters.maxDetections.length - 1;
  const headline = parameters.mode === 'reference' ? parameters.maxDetections.indexOf(100) : last;
  const ap = (t: number | undefined, a: number, m: number): number =>
    curves.meanPrecision({ threshold: t, category, area: a, maxDetections: m });
  const ar = (a: number, m: number): number =>
    curves.meanRecall({ threshold: undefined, category, area: a, maxDetections: m });
  return {
    ap: ap(undefined, area('all'), headline),
    ap50: ap(threshold(0.5), area('all'), last),
    ap75: ap(threshold(0.75), area('all'), last),
    apSmall: ap(undefined, area('small'), last),
    apMedium: ap(undefined, area('medium'), last),
    apLarge: ap(undefined, area('large'), last),
    arFirst: ar(area('all'), 0),
    arSecond: ar(area('all'), Math.min(1, last)),
    arThird: ar(area('all'), Math.min(2, last)),
    arSmall: ar(area('small'), last),
    arMedium: ar(area('medium'), last),
    arLarge: ar(area('large'), last),
  };
}

/** The twelve numbers per category. */
export function scoreCategories(
  curves: CocoCurves,
  parameters: Required<CocoParameters>,
  categories: readonly CocoCategory[],
): CocoCategoryScore[] {
  const area = parameters.areaRanges.findIndex((range) => range.name === 'all');
  const maxDetections = parameters.maxDetections.length - 1;
  // a category's AP is asked for by its own name: it does not depend on how the headline is read
  const own = { ...parameters, mode: 'corrected' as const };
  return categories.map(({ id, name }, category) => ({
    categoryId: id,
    name,
    ...summarizeCoco(curves, own, category),
    ar: curves.meanRecall({ threshold: undefined, category, area, maxDetections }),
  }));
}
