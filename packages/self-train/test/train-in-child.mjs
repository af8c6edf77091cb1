// Trains a network in a process of its own, so that a test can kill it: node train-in-child.mjs JOB.json
import { readFileSync } from 'node:fs';
import { loadTfBackend, PanopticCascadeModel } from '@u2seg/heads';
import { trainPanoptic } from '@u2seg/self-train';

const { config, recipe, examples, folder } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const loaded = examples.map(({ image, instances, semantic, name }) => ({
  name,
  image: { ...image, data: bytes(image.data) },
  semantic: bytes(semantic),
  instances: instances.map((one) => ({ ...one, mask: { ...one.mask, counts: Uint32Array.from(one.mask.counts) } })),
}));
await loadTfBackend('auto');
const model = PanopticCascadeModel.create(config, { seed: 3 });
const data = { length: loaded.length, load: async (index) => loaded[index] };
const { curve } = await trainPanoptic(model, data, { ...recipe, folder });
process.stdout.write(JSON.stringify(curve));
