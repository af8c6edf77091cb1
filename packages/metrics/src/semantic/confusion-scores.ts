export interface SemanticOptions {
  /** Ground-truth label of pixels that are not scored. */
  readonly ignoreLabel?: number;
  /** Also count boundary IoU (costs several times the rest). */
  readonly boundary?: boolean;
  /**
   * What becomes of pixels predicted as void (label C): `missed` counts them against their class; `left-out` drops them, as
   * detectron2's evaluator does, which flatters a system that declines to answer.
   */
  readonly voidPredictions?: 'missed' | 'left-out';
  /**
   * Repeat an overflow of detectron2's evaluator: it indexes boundary counts with 8-bit numbers, which wrap around from 16 classes
   * on and count pixels for the wrong pair.
   */
  readonly wrapBoundaryCounts?: boolean;
}

export const semanticDefaults: Required<SemanticOptions> = {
  ignoreLabel: 255,
  boundary: false,
  voidPredictions: 'missed',
  wrapBoundaryCounts: false,
};

/** One class; NaN where a number is undefined. */
export interface SemanticClassScore {
  readonly name: string;
  /** NaN for a class absent from the ground truth; the mean leaves it out. */
  readonly iou: number;
  readonly accuracy: number;
  readonly boundaryIou: number;
  readonly minIou: number;
  /** Ground-truth pixels scored. */
  readonly pixels: number;
}

/** Numbers in [0, 1]; NaN when there is nothing to average over. */
export interface SemanticReport {
  readonly protocol: 'semantic-confusion';
  readonly options: Required<SemanticOptions>;
  readonly miou: number;
  readonly frequencyWeightedIou: number;
  readonly meanAccuracy: number;
  readonly pixelAccuracy: number;
  readonly perClass: readonly SemanticClassScore[];
  readonly images: number;
}

/** True positives, ground-truth and predicted pixels per class, from a [C + 1, C + 1] matrix, predicted x ground truth. */
export function sumConfusion(
  matrix: Float64Array,
  numClasses: number,
  options: Required<SemanticOptions>,
): { tp: Float64Array; positives: Float64Array; predicted: Float64Array; pixelAccuracy: number } {
  const tp = new Float64Array(numClasses);
  const positives = new Float64Array(numClasses);
  const predicted = new Float64Array(numClasses);
  const rows = options.voidPredictions === 'missed' ? numClasses + 1 : numClasses;
  let right = 0;
  let all = 0;
  for (let p = 0; p < rows; p += 1) {
    for (let g = 0; g < numClasses; g += 1) {
      const count = matrix[p * (numClasses + 1) + g]!;
      positives[g]! += count;
      all += count;
      if (p < numClasses) predicted[p]! += count;
      if (p === g) {
        tp[g] = count;
        right += count;
      }
    }
  }
  return { tp, positives, predicted, pixelAccuracy: right / all };
}

/**
 * Scores of a confusion matrix.
 *
 * @param matrix - [C + 1, C + 1] pixels, predicted x ground truth; the last of each is void and ignored
 * @param boundary - the same for boundary pixels; empty where they were not counted
 */
export function scoreConfusion(
  matrix: Float64Array,
  classNames: readonly string[],
  options: Required<SemanticOptions>,
  images: number,
  boundary: Float64Array = new Float64Array(0),
): SemanticReport {
  const { tp, positives, predicted, pixelAccuracy } = sumConfusion(matrix, classNames.length, options);
  const total = positives.reduce((sum, count) => sum + count, 0);
  let miou = 0;
  let weighted = 0;
  let accuracy = 0;
  let present = 0;
  const perClass = classNames.map((name, c): SemanticClassScore => {
    const known = positives[c]! > 0;
    const iou = known ? tp[c]! / (positives[c]! + predicted[c]! - tp[c]!) : Number.NaN;
    const acc = known ? tp[c]! / positives[c]! : Number.NaN;
    if (known) {
      miou += iou;
      accuracy += acc;
      weighted += (iou * positives[c]!) / total;
      present += 1;
    }
    const boundaryIou = boundary.length > 0 ? boundaryIouOf(boundary, classNames.length, c) : Number.NaN;
    const minIou = Number.isNaN(iou) || Number.isNaN(boundaryIou) ? Number.NaN : Math.min(iou, boundaryIou);
    return { name, iou, accuracy: acc, boundaryIou, minIou, pixels: positives[c]! };
  });
  return {
    protocol: 'semantic-confusion',
    options,
    miou: miou / present,
    frequencyWeightedIou: present === 0 ? Number.NaN : weighted,
    meanAccuracy: accuracy / present,
    pixelAccuracy,
    perClass,
    images,
  };
}

function boundaryIouOf(boundary: Float64Array, numClasses: number, c: number): number {
  const tp = boundary[c * (numClasses + 1) + c]!;
  let union = -tp;
  for (let i = 0; i < numClasses; i += 1) {
    union += boundary[c * (numClasses + 1) + i]! + boundary[i * (numClasses + 1) + c]!;
  }
  return union > 0 ? tp / union : Number.NaN;
}
