import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, U2SegError, type OnProgress } from '@u2seg/core';
import type { StegoFeatureSource } from './feature-source.ts';

/** Photos compared with all others at once. */
const rowsPerBlock = 256;
/** Of those, so many at a time: with the rows, 8 MB of similarities. */
const nearestNeighborsColumns = 8192;

/**
 * [count, D] one descriptor per photo: the mean of its patch features, scaled to length one, as STEGO precomputes.
 *
 * @throws U2SegError `shape-mismatch` if a photo's features have another width, `out-of-range` if one is not finite
 */
export async function globalDescriptors(source: StegoFeatureSource, onProgress?: OnProgress): Promise<Float32Array> {
  const { count, dim } = source;
  const out = new Float32Array(count * dim);
  const mean = new Float64Array(dim);
  for (let index = 0; index < count; index += 1) {
    const features = await source.read(index);
    if (features.dim !== dim) {
      throw new U2SegError(
        'shape-mismatch',
        `trainStego: features of photo ${index} must be ${dim} wide, got ${features.dim}.`,
      );
    }
    mean.fill(0);
    const cells = features.gridH * features.gridW;
    for (let cell = 0, at = 0; cell < cells; cell += 1) {
      for (let j = 0; j < dim; j += 1, at += 1) mean[j]! += features.data[at]!;
    }
    let squares = 0;
    for (const value of mean) squares += value * value;
    if (!Number.isFinite(squares)) {
      throw new U2SegError(
        'out-of-range',
        `trainStego: features of photo ${index} must be finite, got NaN or infinity.`,
      );
    }
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let j = 0; j < dim; j += 1) out[index * dim + j] = mean[j]! * scale;
    onProgress?.({ stage: 'stego-neighbors', done: index + 1, total: count, unit: 'photos' });
  }
  return out;
}

/**
 * The nearest other photos of every photo by inner product of their descriptors; ties by the lower index.
 *
 * O(count^2 D) on the current TensorFlow.js backend, in blocks.
 *
 * @param descriptors - [count, D]
 * @param columnsPerBlock - photos compared with at a time; bounds memory, changes nothing else
 * @returns [count, neighbors'], nearest first; neighbors' is at most count - 1, and 1 (the photo itself) for a single photo
 */
export async function nearestNeighbors(
  descriptors: Float32Array,
  count: number,
  dim: number,
  neighbors: number,
  columnsPerBlock: number = nearestNeighborsColumns,
): Promise<{ readonly indices: Int32Array; readonly neighbors: number }> {
  assertInteger('nearestNeighbors: count', count, 1);
  assertInteger('nearestNeighbors: neighbors', neighbors, 1);
  if (count === 1) return { indices: Int32Array.of(0), neighbors: 1 };
  const kept = Math.min(neighbors, count - 1);
  const indices = new Int32Array(count * kept);
  const all = tf.tensor2d(descriptors, [count, dim]);
  try {
    for (let from = 0; from < count; from += rowsPerBlock) {
      const rows = Math.min(rowsPerBlock, count - from);
      const best = Array.from({ length: rows }, () => new Largest(kept));
      for (let start = 0; start < count; start += columnsPerBlock) {
        const columns = Math.min(columnsPerBlock, count - start);
        const block = tf.tidy(() => {
          const others = columns === count ? all : tf.slice(all, [start, 0], [columns, dim]);
          return tf.matMul(tf.slice(all, [from, 0], [rows, dim]), others, false, true);
        });
        const similarities = (await block.data()) as Float32Array;
        block.dispose();
        for (let r = 0; r < rows; r += 1) {
          best[r]!.add(similarities.subarray(r * columns, (r + 1) * columns), start, from + r);
        }
      }
      for (let r = 0; r < rows; r += 1) indices.set(best[r]!.indices, (from + r) * kept);
    }
  } finally {
    all.dispose();
  }
  return { indices, neighbors: kept };
}

/** The `count` largest of values that come in parts, largest first, ties by the lower index. */
class Largest {
  readonly indices: number[] = [];
  readonly #values: number[] = [];
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  /** @param values - of the indices from `start` on; index `skip` is left out */
  add(values: Float32Array, start: number, skip: number): void {
    const [indices, best] = [this.indices, this.#values];
    for (let i = 0; i < values.length; i += 1) {
      if (start + i === skip) continue;
      const value = values[i]!;
      if (best.length === this.#count && value <= best.at(-1)!) continue;
      let at = best.length;
      while (at > 0 && best[at - 1]! < value) at -= 1;
      best.splice(at, 0, value);
      indices.splice(at, 0, start + i);
      if (best.length > this.#count) {
        best.pop();
        indices.pop();
      }
    }
  }
}
