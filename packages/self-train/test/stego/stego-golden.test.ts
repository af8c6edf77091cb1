import { loadTfBackend } from '@u2seg/heads';
import { segmentStego, StegoModel } from '@u2seg/self-train';
import { golden } from '@u2seg/testing';
import { expect, it } from 'vitest';

const folder = golden('stego');

it.skipIf(folder === undefined)('golden STEGO: the cluster map at image size', async () => {
  await loadTfBackend('cpu');
  const tensors = folder!.tensors('probes.safetensors');
  const [batch, codeDim, gridH, gridW] = tensors.get('code')!.shape as [number, number, number, number];
  const [, height, width] = tensors.get('label_i32')!.shape as [number, number, number];
  const [clusters] = tensors.get('clusters')!.shape as [number];
  // The file holds codes, so the head passes its input through.
  const model = new StegoModel({ featureDim: codeDim, codeDim, projection: 'linear', clusters, classes: 0 });
  const identity = Float32Array.from({ length: codeDim * codeDim }, (_, i) => (i % (codeDim + 1) === 0 ? 1 : 0));
  model.head.loadState([
    { name: 'cluster1.0.weight', dtype: 'float32', shape: [codeDim, codeDim, 1, 1], data: identity },
    { name: 'cluster1.0.bias', dtype: 'float32', shape: [codeDim], data: new Float32Array(codeDim) },
  ]);
  model.clusterProbe.assign(tensors.get('clusters')!.data as Float32Array);
  const code = tensors.get('code')!.data as Float32Array;
  const cells = gridH * gridW;
  const expected = tensors.get('eval_cluster_pred_u8')!.data as Uint8Array;
  for (let b = 0; b < batch; b += 1) {
    const data = new Float32Array(cells * codeDim);
    for (let j = 0; j < codeDim; j += 1) {
      for (let cell = 0; cell < cells; cell += 1) data[cell * codeDim + j] = code[(b * codeDim + j) * cells + cell]!;
    }
    const features = { data, gridH, gridW, dim: codeDim, patchSize: 8 };
    const { labels } = await segmentStego(model, features, { height, width });
    expect([...labels]).toEqual([...expected.subarray(b * height * width, (b + 1) * height * width)]);
  }
  model.dispose();
});
