import { emptyNearestTwo, scoreBias, type ClusteringEngine, type LoadedPoints } from './engine.ts';

/** Readable baseline: plain float64 loops over typed arrays, one thread, nothing to build. */
export function typedArraysEngine(): ClusteringEngine {
  return {
    name: 'typed-arrays',
    exact: false,
    load(points, n, dim, metric): Promise<LoadedPoints> {
      return Promise.resolve({
        nearestTwo(centroids, k) {
          const bias = scoreBias(centroids, k, dim, metric);
          const out = emptyNearestTwo(n);
          for (let i = 0; i < n; i += 1) {
            const at = i * dim;
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
          }
          return Promise.resolve(out);
        },
        dispose: () => Promise.resolve(),
      });
    },
  };
}
