import { pairwiseIou, type BoxArray } from '../../boxes/box-array.ts';
import type { LabelledRegions } from './roi-targets.ts';

/** Only this many regions are looked at when counting an image's ground-truth boxes. */
const rowsCounted = 100;

/**
 * Weights of the classification loss under DropLoss (CutLER, arXiv:2301.11320): 0 for a region whose refined box
 * overlaps every reference box by at most `iouThreshold`, so that objects the pseudo-labels missed are not punished.
 *
 * As in the released code, the reference boxes of an image are its first k matched ground-truth rows, k being the
 * number of distinct rows among the first 100: a ground truth can be missed when rows repeat.
 *
 * @param refined - [R_b, 4] this stage's decoded boxes, one array an image
 * @param stage - 0 for the first; there an image without ground truth turns weighting off for the whole batch
 * @returns [sum R_b] of 0 and 1, or undefined for no weighting
 */
export function dropLossWeights(
  regions: readonly LabelledRegions[],
  refined: readonly BoxArray[],
  iouThreshold: number,
  stage: number,
): Float32Array | undefined {
  if (stage === 0 && regions.some((image) => !image.hasTruth)) return undefined;
  const threshold = Math.fround(iouThreshold);
  const weights: number[] = [];
  for (const [b, image] of regions.entries()) {
    const references = image.truthBoxes.subarray(0, 4 * distinctRows(image.truthBoxes.subarray(0, 4 * rowsCounted)));
    const rows = image.boxes.length / 4;
    const overlaps = pairwiseIou(references, refined[b]!);
    for (let i = 0; i < rows; i += 1) {
      let best = 0;
      for (let g = 0; g < references.length / 4; g += 1) best = Math.max(best, overlaps[g * rows + i]!);
      weights.push(best <= threshold ? 0 : 1);
    }
  }
  return Float32Array.from(weights);
}

function distinctRows(boxes: BoxArray): number {
  const seen = new Set<string>();
  for (let i = 0; i < boxes.length; i += 4) seen.add(boxes.subarray(i, i + 4).join());
  return seen.size;
}
