import type { Segment } from '@u2seg/core';
import { detectionsFrom, evaluateClassAgnostic, groundTruthFrom } from '@u2seg/metrics';

/** Per cent. */
export interface AgnosticScores {
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly ar100: number;
}

/** COCO mask AP and AR of segments against the true instances of images of one size, all instances one category. */
export function agnosticScores(
  truths: readonly (readonly Segment[])[],
  found: readonly (readonly Segment[])[],
  size: { readonly height: number; readonly width: number },
): AgnosticScores {
  const images = truths.map((_, i) => ({ id: i + 1, ...size, fileName: `scene ${i}` }));
  const category = { id: 1, name: 'object' };
  const rows = (of: readonly (readonly Segment[])[]): (Segment & { imageId: number; categoryId: number })[] =>
    of.flatMap((segments, i) => segments.map((segment) => ({ ...segment, imageId: i + 1, categoryId: category.id })));
  const gt = groundTruthFrom(images, [category], rows(truths));
  const { stats } = evaluateClassAgnostic(gt, detectionsFrom(gt, rows(found)), { iouType: 'segm' });
  const percent = (value: number): number => Number((100 * value).toFixed(2));
  return { ap: percent(stats.ap), ap50: percent(stats.ap50), ap75: percent(stats.ap75), ar100: percent(stats.arThird) };
}
