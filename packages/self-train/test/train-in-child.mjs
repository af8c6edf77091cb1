// Trains a network in a process of its own, so that a test can kill it, or under mpirun: node train-in-child.mjs JOB.json
import { readFileSync } from 'node:fs';
import { loadTfBackend, PanopticCascadeModel } from '@u2seg/heads';
import { openMpi, trainPanoptic } from '@u2seg/self-train';
import { singleProcess } from '@u2seg/self-train/internal';

const { config, recipe, examples, folder, mpi, poisonedRank } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const loaded = examples.map(({ image, instances, semantic, name }) => ({
  name,
  image: { ...image, data: bytes(image.data) },
  semantic: bytes(semantic),
  instances: instances.map((one) => ({ ...one, mask: { ...one.mask, counts: Uint32Array.from(one.mask.counts) } })),
}));
await loadTfBackend('auto');
const group = mpi === true ? openMpi() : singleProcess;
const model = PanopticCascadeModel.create(config, { seed: 3 });
if (poisonedRank === group.rank) {
  const bias = model.parameters().get('sem_seg_head.predictor.bias');
  bias.assign(bias.mul(Number.NaN));
}
const data = { length: loaded.length, load: async (index) => loaded[index] };
try {
  const { curve } = await trainPanoptic(model, data, { ...recipe, folder, group });
  if (group.rank === 0) process.stdout.write(JSON.stringify(curve));
} catch (error) {
  process.stdout.write(`${group.rank}: ${error.code} ${error.message}\n`);
}
group.close();
