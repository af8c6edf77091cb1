import { U2SegError } from '@u2seg/core';
import { emptyNearestTwo, type ClusteringEngine, type LoadedPoints, type Metric } from './engine.ts';

interface FlatIndex {
  add(values: number[]): void;
  search(values: number[], k: number): { readonly distances: number[]; readonly labels: number[] };
}

/** The part of the `faiss-node` module the engine uses; pass a module of your own to test or to replace it. */
export interface FaissModule {
  readonly IndexFlatL2: new (dim: number) => FlatIndex;
  readonly IndexFlatIP: new (dim: number) => FlatIndex;
}

/** Points searched per call; faiss-node takes plain arrays, 8 bytes a value. */
const rowsPerSearch = 2048;

/**
 * The flat index of the optional npm package `faiss-node`.
 *
 * @throws U2SegError `unavailable` if the package or its native part is not installed
 */
export async function faissEngine(faiss?: FaissModule): Promise<ClusteringEngine> {
  const module = faiss ?? (await importFaiss());
  return {
    name: 'faiss',
    exact: false,
    load(points, n, dim, metric): Promise<LoadedPoints> {
      return Promise.resolve({
        nearestTwo(centroids, k, rows) {
          const index = metric === 'l2' ? new module.IndexFlatL2(dim) : new module.IndexFlatIP(dim);
          index.add(Array.from(centroids));
          const count = rows?.length ?? n;
          const out = emptyNearestTwo(count);
          const width = Math.min(2, k);
          for (let from = 0; from < count; from += rowsPerSearch) {
            const size = Math.min(rowsPerSearch, count - from);
            const query: number[] = [];
            for (let i = 0; i < size; i += 1) {
              const at = (rows?.[from + i] ?? from + i) * dim;
              for (let j = 0; j < dim; j += 1) query.push(points[at + j]!);
            }
            const { labels, distances } = index.search(query, width);
            for (let i = 0; i < size; i += 1) {
              const squared = metric === 'l2' ? squaredNorm(query, i * dim, dim) : 0;
              out.best[from + i] = labels[i * width]!;
              out.bestScore[from + i] = scoreOf(distances[i * width]!, squared, metric);
              if (width < 2) continue;
              out.second[from + i] = labels[i * width + 1]!;
              out.secondScore[from + i] = scoreOf(distances[i * width + 1]!, squared, metric);
            }
          }
          return Promise.resolve(out);
        },
        dispose: () => Promise.resolve(),
      });
    },
  };
}

function scoreOf(distance: number, squaredNorm: number, metric: Metric): number {
  return metric === 'l2' ? (squaredNorm - distance) / 2 : distance;
}

function squaredNorm(values: readonly number[], from: number, dim: number): number {
  let sum = 0;
  for (let j = from; j < from + dim; j += 1) sum += values[j]! * values[j]!;
  return sum;
}

async function importFaiss(): Promise<FaissModule> {
  // Not a literal, so that neither the compiler nor a bundler asks for a package that may be absent.
  const name = 'faiss-node';
  try {
    const loaded = (await import(name)) as FaissModule & { readonly default?: FaissModule };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new U2SegError(
      'unavailable',
      'faissEngine: the optional package faiss-node must be installed with its native part (npm install faiss-node), got none that loads. The engines wasm, tfjs and onnxruntime give the same result.',
      { cause },
    );
  }
}
