import { decodeMask, encodeMask, rleArea, rleBbox, rleIou, type RgbImage, type Segment } from '@u2seg/core';
import { resizePillow, resizePillowGray } from '@u2seg/datasets';
import { DenseCrf } from '@u2seg/maskcut';

/** Refined on a copy of at most so many pixels, as MaskCut’s own CRF. */
const maxPixels = 320 * 320;
/** Only the surest are refined; what follows keeps its mask and comes last. */
const maxRefined = 40;

/**
 * Fits masks to the photo by the CRF that also refines MaskCut’s masks (CutLER’s settings), and weights each score by the IoU of
 * the mask before and after: where the photo’s edges do not bear a mask out, it is less likely an object.
 *
 * @param instances - in the photo's pixels, by falling score
 * @returns by falling score; a mask that the CRF leaves empty is left out
 */
export function refineInstances(image: RgbImage, instances: readonly Segment[]): Segment[] {
  if (instances.length === 0) return [];
  const { height, width } = image;
  const scale = Math.min(1, Math.sqrt(maxPixels / (height * width)));
  const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
  const chosen = instances.slice(0, maxRefined);
  using crf = new DenseCrf(resizePillow(image, h, w, 'bilinear'));
  const odds = chosen.map(({ mask }) => {
    const data = decodeMask(mask).data.map((bit) => 255 * bit);
    return Float32Array.from(resizePillowGray({ data, height, width }, h, w, 'bilinear').data, (value) =>
      value > 127 ? 1 : -1,
    );
  });
  const refined = crf.inferLogOdds(odds).flatMap(({ probability }, i): Segment[] => {
    const one = chosen[i]!;
    const data = Uint8Array.from(probability, (value) => Math.round(255 * value));
    const grown = resizePillowGray({ data, height: h, width: w }, height, width, 'bilinear').data;
    const mask = encodeMask({ data: Uint8Array.from(grown, (value) => (value > 127 ? 1 : 0)), height, width });
    const area = rleArea(mask);
    if (area === 0) return [];
    return [{ ...one, mask, area, bboxXywh: rleBbox(mask), score: one.score * rleIou(one.mask, mask) }];
  });
  const least = refined.reduce((low, { score }) => Math.min(low, score), 1);
  const rest = instances.slice(maxRefined).map((one) => ({ ...one, score: Math.min(one.score, least) }));
  return [...refined.sort((a, b) => b.score - a.score), ...rest];
}
