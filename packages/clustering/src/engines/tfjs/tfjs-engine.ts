import type { ClusteringEngine } from '../engine.ts';
import type { TfModule } from './tfjs-module.ts';
import { TfjsPoints, type TfjsEngineOptions } from './tfjs-points.ts';

export const tfjsEngineDefaults: Required<TfjsEngineOptions> = { rowsPerProduct: 4096, precision: 'float32' };

/**
 * TensorFlow.js on whatever backend is current: native CPU, GPU, wasm.
 *
 * The backend computes all scores, of points and centroids moved to the points' centre (which costs no precision where all lie far from the
 * origin), and marks those within its own error of the best; the few that remain are decided here in float64. So reduced-precision products
 * (bfloat16, tf32) change the time and not the assignment.
 */
export function tfjsEngine(tf: unknown, options: TfjsEngineOptions = {}): ClusteringEngine {
  // What `auto` has found out once holds for the next points too, such as the batches of a large set.
  const settings: { -readonly [K in keyof TfjsEngineOptions]-?: NonNullable<TfjsEngineOptions[K]> } = {
    ...tfjsEngineDefaults,
    ...options,
  };
  return {
    name: 'tfjs',
    exact: true,
    load: (points, n, dim, metric, squaredNorms) =>
      Promise.resolve(
        new TfjsPoints(tf as TfModule, { points, n, dim, metric, squaredNorms }, settings, (chosen) => {
          settings.precision = chosen;
        }),
      ),
  };
}
