/** Thresholds on the match quality and the label of every interval between them. */
export interface MatcherOptions {
  /** Ascending, in (0, 1]. */
  readonly thresholds: readonly number[];
  /** One more than thresholds: 0 background, -1 ignored, 1 foreground. */
  readonly labels: readonly (-1 | 0 | 1)[];
  /** Also marks foreground, for each ground-truth box, the predictions that overlap it most (with ties). */
  readonly allowLowQualityMatches: boolean;
}

/** Region proposal network of every configuration used here. */
export const anchorMatcherDefaults: Required<MatcherOptions> = {
  thresholds: [0.3, 0.7],
  labels: [0, -1, 1],
  allowLowQualityMatches: true,
};

export interface Matches {
  /** [N] ground-truth index in [0, M), 0 where there is none. */
  readonly indices: Int32Array;
  /** [N] of -1, 0, 1. */
  readonly labels: Int8Array;
}

/**
 * Matches each of N predictions to the ground-truth box of highest quality (lowest index on ties) and labels it by the
 * interval its quality falls in, lower bounds inclusive. A low-quality match changes the label, not the index.
 *
 * @param quality - [M, N], for example {@link pairwiseIou} of ground truth and predictions
 */
export function matchPredictions(quality: Float32Array, groundTruths: number, options: MatcherOptions): Matches {
  const n = groundTruths === 0 ? 0 : quality.length / groundTruths;
  const indices = new Int32Array(n);
  const best = new Float32Array(n).fill(-1);
  const bestOfTruth = new Float32Array(groundTruths);
  for (let g = 0; g < groundTruths; g += 1) {
    for (let i = 0; i < n; i += 1) {
      const value = quality[g * n + i]!;
      if (value > best[i]!) {
        best[i] = value;
        indices[i] = g;
      }
      if (value > bestOfTruth[g]!) bestOfTruth[g] = value;
    }
  }
  const thresholds = options.thresholds.map(Math.fround);
  const labels = new Int8Array(n);
  for (let i = 0; i < n; i += 1) {
    let interval = 0;
    while (interval < thresholds.length && best[i]! >= thresholds[interval]!) interval += 1;
    labels[i] = options.labels[interval]!;
  }
  if (options.allowLowQualityMatches) {
    for (let g = 0; g < groundTruths; g += 1) {
      for (let i = 0; i < n; i += 1) if (quality[g * n + i] === bestOfTruth[g]) labels[i] = 1;
    }
  }
  return { indices, labels };
}

/** {@link matchPredictions} where an image may have no ground truth: everything is then background. */
export function matchOrBackground(
  quality: Float32Array,
  groundTruths: number,
  predictions: number,
  options: MatcherOptions,
): Matches {
  if (groundTruths > 0) return matchPredictions(quality, groundTruths, options);
  return { indices: new Int32Array(predictions), labels: new Int8Array(predictions).fill(options.labels[0]!) };
}
