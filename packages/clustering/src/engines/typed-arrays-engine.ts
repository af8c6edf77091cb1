import { squaredNorm } from '../points.ts';
import { type ClusteringEngine, type LoadedPoints } from './engine.ts';

/** Readable baseline: plain float64 loops over typed arrays, one thread, nothing to build. */
export function typedArraysEngine(): ClusteringEngine {
  return {
    name: 'typed-arrays',
    exact: false,
    load(points, n, dim, metric, squaredNorms): Promise<LoadedPoints> {
      return Promise.resolve({
        nearestTwo(centroids, k, rows) {
          const bias = new Float64Array(k);
          if (metric === 'l2') for (let c = 0; c < k; c += 1) bias[c] = -squaredNorm(centroids, c * dim, dim) / 2;
          const count = rows?.length ?? n;
          const out = {
            best: new Int32Array(count),
            bestScore: new Float64Array(count),
            second: new Int32Array(count),
            secondScore: new Float64Array(count),
            error: new Float64Array(count),
          };
          const longest = Math.max(
            1e-300,
            ...Array.from(bias, (_, c) => Math.sqrt(squaredNorm(centroids, c * dim, dim))),
          );
          const unit = (dim + 4) * 2 ** -52 * longest;
          for (let i = 0; i < count; i += 1) {
            const at = (rows?.[i] ?? i) * dim;
            let best = -1;
            let second = -1;
            let bestScore = -Infinity;
            let secondScore = -Infinity;
            for (let c = 0; c < k; c += 1) {
              let score = bias[c]!;
              for (let j = 0, p = c * dim; j < dim; j += 1, p += 1) score += points[at + j]! * centroids[p]!;
              if (best < 0 || score > bestScore) {
                second = best;
                secondScore = bestScore;
                best = c;
                bestScore = score;
              } else if (second < 0 || score > secondScore) {
                second = c;
                secondScore = score;
              }
            }
            out.best[i] = best;
            out.bestScore[i] = bestScore;
            out.second[i] = second;
            out.secondScore[i] = secondScore;
            out.error[i] = unit * (Math.sqrt(squaredNorms[rows?.[i] ?? i]!) + longest);
          }
          return Promise.resolve(out);
        },
        dispose: () => Promise.resolve(),
      });
    },
  };
}
