import type { TensorSession } from '@u2seg/core';
import { gatherRows } from '../points.ts';
import { TopTwoKernel } from './assign-kernel.ts';
import { emptyNearestTwo, scoreBias, type ClusteringEngine, type LoadedPoints } from './engine.ts';
import { scoreModel } from './onnx-model.ts';

export interface OnnxruntimeEngineOptions {
  /** Points per matrix product; its scores take 4 * K bytes a point. */
  readonly rowsPerProduct?: number;
}

export const onnxruntimeEngineDefaults: Required<OnnxruntimeEngineOptions> = { rowsPerProduct: 4096 };

/**
 * Matrix products on onnxruntime, the two best found by our SIMD kernel.
 *
 * @param createSession - loads an ONNX model, for example `createOnnxSession` of `@u2seg/backbone`
 */
export function onnxruntimeEngine(
  createSession: (model: Uint8Array) => Promise<TensorSession>,
  options: OnnxruntimeEngineOptions = {},
): ClusteringEngine {
  const { rowsPerProduct } = { ...onnxruntimeEngineDefaults, ...options };
  return {
    name: 'onnxruntime',
    exact: false,
    async load(points, n, dim, metric): Promise<LoadedPoints> {
      const session = await createSession(scoreModel(dim));
      const kernel = new TopTwoKernel();
      return {
        async nearestTwo(centroids, k, chosen) {
          const count = chosen?.length ?? n;
          const out = emptyNearestTwo(count);
          const bias = scoreBias(centroids, k, dim, metric);
          const fixed = {
            centroids: { data: centroids, shape: [k, dim], type: 'float32' },
            bias: { data: bias, shape: [k], type: 'float32' },
          } as const;
          for (let from = 0; from < count; from += rowsPerProduct) {
            const rows = Math.min(rowsPerProduct, count - from);
            const data =
              chosen === undefined
                ? points.subarray(from * dim, (from + rows) * dim)
                : gatherRows(points, chosen.subarray(from, from + rows), dim);
            const { scores } = await session.run({ ...fixed, points: { data, shape: [rows, dim], type: 'float32' } });
            kernel.run(scores!.data as Float32Array, rows, k, out, from);
          }
          return out;
        },
        dispose: () => session.dispose(),
      };
    },
  };
}
