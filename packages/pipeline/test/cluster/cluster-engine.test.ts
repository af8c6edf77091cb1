import { expect, it } from 'vitest';
import { openClusteringEngine } from '../../src/cluster/cluster-engine.ts';

it(
  'auto needs nothing for little work, and takes TensorFlow for much where it is installed',
  { timeout: 60_000 },
  async () => {
    expect(await openClusteringEngine('auto', 1e9)).toBeUndefined();
    const engine = await openClusteringEngine('auto', 1e12);
    expect([undefined, 'tfjs']).toContain(engine?.name);
  },
);

it('opens every engine by its name, or says what is missing', { timeout: 60_000 }, async () => {
  for (const name of ['wasm', 'typed-arrays', 'ml-kmeans', 'onnxruntime', 'tensorflow', 'faiss'] as const) {
    const opened = await openClusteringEngine(name).then(
      (engine) => engine?.name,
      (error: { code: string }) => error.code,
    );
    expect([name, { tensorflow: 'tfjs' }[name as string], 'unavailable']).toContain(opened);
  }
});
