import { assertInRange, type PatchFeatures } from '@u2seg/core';
import { componentAt } from '../grid-mask.ts';
import { affinityBits, cosineSimilarities } from './affinity-graph.ts';
import { lanczos, secondEigenvector, type SecondEigenvector } from './second-eigenvector.ts';

export interface TokenCutOptions {
  /** Threshold on cosine similarity, in [-1, 1]; with `affinity: 'cosine'` in [0, 1]. */
  readonly tau?: number;
  /** `binary`: 1 above tau; `cosine`: the similarity itself from tau on. `floor` elsewhere. */
  readonly affinity?: 'binary' | 'cosine';
  /** Weight of a pair without an edge. */
  readonly floor?: number;
}

/** TokenCut's settings for object discovery (arXiv:2202.11539). */
export const tokenCutDefaults: Required<TokenCutOptions> = { tau: 0.2, affinity: 'binary', floor: 1e-5 };

/** The one object TokenCut finds. */
export interface TokenCutResult {
  readonly eigen: SecondEigenvector;
  /** [gridH, gridW], 1 on the side of the peak. */
  readonly foreground: Uint8Array;
  /** Patch where |v| peaks. */
  readonly seed: number;
  /** [gridH, gridW]: the part of the foreground 4-connected to the seed. */
  readonly mask: Uint8Array;
}

/**
 * TokenCut: a single normalized cut whose foreground is the side that holds the peak of |v|.
 *
 * With `affinity: 'cosine'` the whole [N, N] float32 matrix is held (52 MB at N = 3,600).
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range` or `bad-format`
 */
export function tokenCut(features: PatchFeatures, options: TokenCutOptions = {}): TokenCutResult {
  const { tau, affinity, floor } = { ...tokenCutDefaults, ...options };
  const { gridH, gridW } = features;
  // Negative weights would make degrees, and with them the cut, meaningless.
  assertInRange('tokenCut: tau', tau, affinity === 'cosine' ? 0 : -1, 1);
  const eigen =
    affinity === 'binary'
      ? secondEigenvector(affinityBits(features, tau), { floor })
      : cosineEigenvector(cosineSimilarities(features), gridH * gridW, tau, floor);
  const { vector } = eigen;
  let seed = 0;
  let sum = 0;
  for (let i = 0; i < vector.length; i += 1) {
    sum += vector[i]!;
    if (Math.abs(vector[i]!) > Math.abs(vector[seed]!)) seed = i;
  }
  const mean = sum / vector.length;
  const seedAbove = vector[seed]! > mean;
  const foreground = Uint8Array.from(vector, (value) => (value > mean === seedAbove ? 1 : 0));
  return { eigen, foreground, seed, mask: componentAt(foreground, gridH, gridW, seed) };
}

function cosineEigenvector(cosines: Float32Array, size: number, tau: number, floor: number): SecondEigenvector {
  const threshold = Math.fround(tau);
  const weights = cosines;
  for (let i = 0; i < weights.length; i += 1) if (weights[i]! < threshold) weights[i] = floor;
  const degrees = new Float64Array(size);
  for (let i = 0; i < size; i += 1) {
    let sum = 0;
    for (let j = 0; j < size; j += 1) sum += weights[i * size + j]!;
    degrees[i] = sum;
  }
  return lanczos({
    size,
    degrees,
    multiply(x, y) {
      for (let i = 0; i < size; i += 1) {
        const row = i * size;
        let s0 = 0;
        let s1 = 0;
        let j = 0;
        for (; j + 1 < size; j += 2) {
          s0 += weights[row + j]! * x[j]!;
          s1 += weights[row + j + 1]! * x[j + 1]!;
        }
        if (j < size) s0 += weights[row + j]! * x[j]!;
        y[i] = s0 + s1;
      }
    },
  });
}
