import type { BoxArray } from './box-array.ts';

const round = Math.fround;

/** Factors of (dx, dy, dw, dh). */
export type DeltaWeights = readonly [number, number, number, number];

/** Largest dw and dh that are exponentiated: log(1000 / 16). */
export const deltaClamp: number = Math.log(1000 / 16);

/**
 * Deltas that move `source` boxes onto `target` boxes (R-CNN's parametrization): shifts of the centre in units of the
 * source's sides, and logarithms of the ratio of sides, each times its weight.
 *
 * [N, 4], [N, 4] -> [N, 4]; the sides of `source` must be positive.
 */
export function boxDeltas(source: BoxArray, target: BoxArray, weights: DeltaWeights): Float32Array {
  const [weightX, weightY, weightW, weightH] = weights;
  const deltas = new Float32Array(source.length);
  for (let i = 0; i < source.length; i += 4) {
    const sourceW = round(source[i + 2]! - source[i]!);
    const sourceH = round(source[i + 3]! - source[i + 1]!);
    const targetW = round(target[i + 2]! - target[i]!);
    const targetH = round(target[i + 3]! - target[i + 1]!);
    const shiftX = round(target[i]! + round(0.5 * targetW)) - round(source[i]! + round(0.5 * sourceW));
    const shiftY = round(target[i + 1]! + round(0.5 * targetH)) - round(source[i + 1]! + round(0.5 * sourceH));
    deltas[i] = round(weightX * round(shiftX)) / sourceW;
    deltas[i + 1] = round(weightY * round(shiftY)) / sourceH;
    deltas[i + 2] = weightW * round(Math.log(round(targetW / sourceW)));
    deltas[i + 3] = weightH * round(Math.log(round(targetH / sourceH)));
  }
  return deltas;
}

/**
 * Applies deltas to boxes; the inverse of {@link boxDeltas} up to the clamp of dw and dh.
 *
 * [N, 4 k] deltas, [N, 4] boxes -> [N, 4 k]; k > 1 is class-specific regression.
 */
export function applyDeltas(deltas: Float32Array, boxes: BoxArray, weights: DeltaWeights): Float32Array {
  const n = boxes.length / 4;
  const perBox = n === 0 ? 0 : deltas.length / n;
  const [weightX, weightY, weightW, weightH] = weights;
  const clamp = round(deltaClamp);
  const result = new Float32Array(deltas.length);
  for (let i = 0; i < n; i += 1) {
    const width = round(boxes[4 * i + 2]! - boxes[4 * i]!);
    const height = round(boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    const centreX = round(boxes[4 * i]! + round(0.5 * width));
    const centreY = round(boxes[4 * i + 1]! + round(0.5 * height));
    for (let k = i * perBox; k < (i + 1) * perBox; k += 4) {
      const dx = round(deltas[k]! / weightX);
      const dy = round(deltas[k + 1]! / weightY);
      const dw = Math.min(round(deltas[k + 2]! / weightW), clamp);
      const dh = Math.min(round(deltas[k + 3]! / weightH), clamp);
      const x = round(round(dx * width) + centreX);
      const y = round(round(dy * height) + centreY);
      const halfW = round(0.5 * round(round(Math.exp(dw)) * width));
      const halfH = round(0.5 * round(round(Math.exp(dh)) * height));
      result[k] = x - halfW;
      result[k + 1] = y - halfH;
      result[k + 2] = x + halfW;
      result[k + 3] = y + halfH;
    }
  }
  return result;
}
