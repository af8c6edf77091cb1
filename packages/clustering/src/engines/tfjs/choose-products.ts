import { U2SegError } from '@u2seg/core';
import { Bfloat16Products } from './bfloat16-products.ts';
import { FloatProducts, type ScoreProducts } from './score-products.ts';
import { loadBlock, type PointSet } from './tfjs-block.ts';
import { take, type TfModule } from './tfjs-module.ts';

/** Points `auto` is tried on, each way twice; with fewer in all it is not worth trying. */
export const trialRows = 1024;

/**
 * The products to compute with: those asked for, or with `auto` the faster ones.
 *
 * @param middle - [D] the centre the points are moved to
 * @param centred - [K, D] centroids to try with
 * @param bias - [K]
 * @throws U2SegError `unavailable` if bfloat16 is asked for and the backend is not TensorFlow itself
 */
export async function chooseProducts(
  tf: TfModule,
  set: PointSet,
  middle: Float32Array,
  precision: 'auto' | 'float32' | 'bfloat16',
  centred: Float32Array,
  bias: Float64Array,
): Promise<ScoreProducts<unknown>> {
  const float = new FloatProducts(tf, set.dim) as ScoreProducts<unknown>;
  if (precision === 'float32') return float;
  const short = Bfloat16Products.on(tf, set.dim) as ScoreProducts<unknown> | undefined;
  if (precision === 'bfloat16') {
    if (short !== undefined) return short;
    throw new U2SegError(
      'unavailable',
      'tfjsEngine: precision bfloat16 needs the backend of tfjs-node or tfjs-node-gpu, got another; auto and float32 run on all.',
    );
  }
  if (short === undefined) return float;
  return (await isFaster(tf, set, middle, short, float, centred, bias)) ? short : float;
}

/**
 * Whether `short` computes the scores of some points faster than `float`; false where it cannot compute them at all.
 *
 * @param centred - [K, D]
 * @param bias - [K]
 */
async function isFaster(
  tf: TfModule,
  set: PointSet,
  middle: Float32Array,
  short: ScoreProducts<unknown>,
  float: ScoreProducts<unknown>,
  centred: Float32Array,
  bias: Float64Array,
): Promise<boolean> {
  if (set.n < trialRows) return false;
  const time = async (products: ScoreProducts<unknown>): Promise<number> => {
    const { held } = await loadBlock(tf, set, middle, products, 0, trialRows);
    products.setCentroids(centred, bias, bias.length);
    let best = Infinity;
    for (let run = 0; run < 2; run += 1) {
      const start = performance.now();
      const scores = products.scores(held);
      const largest = tf.max(scores, 1, false);
      scores.dispose();
      await take(largest);
      best = Math.min(best, performance.now() - start);
    }
    products.release(held);
    products.dispose();
    return best;
  };
  try {
    return (await time(short)) < (await time(float));
  } catch {
    // A backend whose TensorFlow has no such kernel: float32 is what there is.
    return false;
  }
}
