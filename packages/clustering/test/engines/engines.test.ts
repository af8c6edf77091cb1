import {
  assignPoints,
  faissEngine,
  kMeans,
  mlKmeansEngine,
  onnxruntimeEngine,
  tfjsEngine,
  typedArraysEngine,
  wasmEngine,
  type ClusteringEngine,
  type FaissModule,
} from '@u2seg/clustering';
import { seededRng, type HostTensor, type TensorSession } from '@u2seg/core';
import { describe, expect, it } from 'vitest';

/** An engine by name, or undefined where its optional part is not installed. */
const engines: Record<string, () => Promise<ClusteringEngine | undefined>> = {
  wasm: async () => wasmEngine({ threads: 0 }),
  'wasm on 2 threads': async () => wasmEngine({ threads: 2, minWorkForThreads: 0 }),
  'ml-kmeans': async () => mlKmeansEngine(),
  'tfjs on cpu': async () => {
    const tf = await optional('@tensorflow/tfjs-core');
    if (tf === undefined || (await optional('@tensorflow/tfjs-backend-cpu')) === undefined) return undefined;
    await (tf as unknown as { setBackend(name: string): Promise<boolean> }).setBackend('cpu');
    return tfjsEngine(tf, { rowsPerProduct: 64 });
  },
  onnxruntime: async () => {
    const ort = (await optional('onnxruntime-node')) as unknown as OnnxRuntime | undefined;
    return ort === undefined
      ? undefined
      : onnxruntimeEngine((model) => openSession(ort, model), { rowsPerProduct: 64 });
  },
  'faiss adapter on a brute-force index': () => faissEngine(bruteForceFaiss),
  'faiss-node': () => faissEngine().catch(() => undefined),
};

describe.each(Object.entries(engines))('engine contract: %s', async (_, open) => {
  const engine = await open();
  const dim = 7;
  const n = 210;
  const rng = seededRng(11);
  // Few distinct values, so that exact ties are common.
  const points = Float32Array.from({ length: n * dim }, () => Math.round(rng() * 3) - 1);

  it.skipIf(engine === undefined).each(['l2', 'spherical'] as const)(
    'assigns as the baseline does, ties included (%s)',
    async (metric) => {
      const options = { dim, k: 13, metric, seed: 1, maxIterations: 8 };
      const expected = await kMeans(points, { ...options, engine: typedArraysEngine() });
      const result = await kMeans(points, { ...options, engine: engine! });
      expect(result.assignments).toEqual(expected.assignments);
      expect(result.centroids).toEqual(expected.centroids);
      expect(result.inertia).toEqual(expected.inertia);
      expect(result.engine).toBe(engine!.name);
    },
  );

  it.skipIf(engine === undefined)('copes with one cluster, one point, and duplicate centroids', async () => {
    const one = await kMeans(points, { dim, k: 1, engine: engine! });
    expect(one.counts[0]).toBe(n);
    const single = await kMeans(points.slice(0, dim), { dim, k: 1, engine: engine! });
    expect(single.finalInertia).toBe(0);
    const twins = Float32Array.of(1, 0, 1, 0, 5, 5);
    const { assignments } = await assignPoints(Float32Array.of(1, 1, 4, 5), twins, { dim: 2, k: 3, engine: engine! });
    expect([...assignments]).toEqual([0, 2]);
  });
});

describe('faissEngine', () => {
  it('says what is missing where faiss-node does not load', async () => {
    const outcome = await faissEngine().then(
      () => 'loaded',
      (error: { code: string }) => error.code,
    );
    expect(['loaded', 'unavailable']).toContain(outcome);
  });
});

async function optional(name: string): Promise<object | undefined> {
  try {
    const module = (await import(/* @vite-ignore */ name)) as { default?: object };
    return module.default ?? module;
  } catch {
    return undefined;
  }
}

interface OnnxRuntime {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
    ): Promise<{ run(feeds: object): Promise<Record<string, { data: unknown; dims: number[] }>> }>;
  };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => object;
}

async function openSession(ort: OnnxRuntime, model: Uint8Array): Promise<TensorSession> {
  const session = await ort.InferenceSession.create(model);
  return {
    inputNames: ['points', 'centroids', 'bias'],
    outputNames: ['scores'],
    async run(feeds) {
      const tensors = Object.entries(feeds).map(([name, t]) => [name, new ort.Tensor(t.type, t.data, t.shape)]);
      const { scores } = await session.run(Object.fromEntries(tensors) as object);
      return { scores: { data: scores!.data as HostTensor['data'], shape: scores!.dims, type: 'float32' } };
    },
    dispose: () => Promise.resolve(),
  };
}

class BruteForceIndex {
  readonly #dim: number;
  readonly #values: number[] = [];

  constructor(dim: number) {
    this.#dim = dim;
  }

  add(values: number[]): void {
    this.#values.push(...values);
  }

  /** Nearest first, in the float32 faiss works in. */
  rank(query: number[], k: number, distance: (a: number, b: number) => number, sign: number) {
    const labels: number[] = [];
    const distances: number[] = [];
    for (let q = 0; q < query.length; q += this.#dim) {
      const all = Array.from({ length: this.#values.length / this.#dim }, (_, c) => {
        let sum = 0;
        for (let j = 0; j < this.#dim; j += 1) sum += distance(query[q + j]!, this.#values[c * this.#dim + j]!);
        return { c, sum: Math.fround(sum) };
      }).sort((a, b) => sign * (a.sum - b.sum));
      labels.push(...all.slice(0, k).map(({ c }) => c));
      distances.push(...all.slice(0, k).map(({ sum }) => sum));
    }
    return { labels, distances };
  }
}

const bruteForceFaiss: FaissModule = {
  IndexFlatL2: class extends BruteForceIndex {
    search(query: number[], k: number) {
      return this.rank(query, k, (a, b) => (a - b) ** 2, 1);
    }
  },
  IndexFlatIP: class extends BruteForceIndex {
    search(query: number[], k: number) {
      return this.rank(query, k, (a, b) => a * b, -1);
    }
  },
};
