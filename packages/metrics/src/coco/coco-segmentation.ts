import { rleFromPolygons, scoringRules } from '@u2seg/core';
import { cocoSegmentation, decodingText } from '@u2seg/core/internal';
import type { RunTableBuilder } from './run-table.ts';

/**
 * Reads a COCO `segmentation` (polygons, run lengths as a list, or as the compressed string) into a table of masks. A record
 * without a mask becomes an absent row.
 *
 * @param where - file and record, as messages shall name them
 * @throws U2SegError `bad-format` naming file, record and field
 */
export function addSegmentation(
  where: string,
  value: unknown,
  image: { readonly height: number; readonly width: number },
  into: RunTableBuilder,
): void {
  const segmentation = cocoSegmentation(where, value, image, scoringRules);
  if (segmentation.form === 'none') into.addAbsent();
  else if (segmentation.form === 'polygons') {
    into.add(rleFromPolygons(segmentation.polygons, image.height, image.width));
  } else {
    const { height, width } = segmentation;
    if (segmentation.form === 'counts') into.add({ height, width, counts: segmentation.counts });
    else decodingText(where, () => into.addString(height, width, segmentation.text));
  }
}
