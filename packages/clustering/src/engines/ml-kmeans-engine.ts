import { kmeans } from 'ml-kmeans';
import { emptyNearestTwo, type ClusteringEngine, type LoadedPoints } from './engine.ts';

/**
 * One assignment step of the npm package `ml-kmeans`, in float64: slow, readable, and somebody else's code to check
 * the other engines against. For small data.
 */
export function mlKmeansEngine(): ClusteringEngine {
  return {
    name: 'ml-kmeans',
    exact: true,
    load(points, n, dim, metric): Promise<LoadedPoints> {
      const data = Array.from({ length: n }, (_, i) => Array.from(points.subarray(i * dim, (i + 1) * dim)));
      // The largest inner product is a distance too: ml-kmeans minimises, so its negative.
      const options = metric === 'l2' ? {} : { distanceFunction: negativeInnerProduct };
      return Promise.resolve({
        nearestTwo(centroids, k, rows) {
          const asked = rows === undefined ? data : Array.from(rows, (row) => data[row]!);
          const out = emptyNearestTwo(asked.length);
          // The package answers with the nearest alone.
          if (k > 1) out.secondScore.fill(NaN);
          const initialization = Array.from({ length: k }, (_, c) =>
            Array.from(centroids.subarray(c * dim, (c + 1) * dim)),
          );
          // The package wants no more clusters than points; repeating a point changes no other point's answer.
          const padded = asked.slice();
          while (padded.length < k) padded.push(asked[0]!);
          const { clusters } = kmeans(padded, k, { ...options, initialization, maxIterations: 1 });
          for (let i = 0; i < asked.length; i += 1) {
            const best = clusters[i]!;
            out.best[i] = best;
            const point = asked[i]!;
            const centroid = initialization[best]!;
            let score = 0;
            for (let j = 0; j < dim; j += 1) {
              score += (point[j]! - (metric === 'l2' ? centroid[j]! / 2 : 0)) * centroid[j]!;
            }
            out.bestScore[i] = score;
          }
          return Promise.resolve(out);
        },
        dispose: () => Promise.resolve(),
      });
    },
  };
}

function negativeInnerProduct(a: number[], b: number[]): number {
  let sum = 0;
  for (let j = 0; j < a.length; j += 1) sum -= a[j]! * b[j]!;
  return sum;
}
