import { generateScene, sceneCategories } from '@u2seg/datasets';
import { loadTfBackend, PanopticCascadeModel, type TfBackend } from '@u2seg/heads';
import { PanopticQuality } from '@u2seg/metrics';
import { predictPanoptic, tiny, tinyRecipe, trainPanoptic } from '@u2seg/self-train';
import { beforeAll, expect, it } from 'vitest';
import { inMemory, sceneExample, stuffCategories, thingCategories } from '../synthetic-examples.ts';

let backend: TfBackend;
beforeAll(async () => {
  backend = await loadTfBackend('auto');
});

it('learns two scenes by heart', async (context) => {
  context.skip(!backend.fast, 'needs the native backend; takes minutes without');
  const size = { height: 96, width: 128 };
  const scenes = [3, 4].map((seed) => generateScene(seed, size));
  const model = PanopticCascadeModel.create(tiny.network({ things: thingCategories, stuff: stuffCategories }), {
    seed: 1,
  });
  const { curve } = await trainPanoptic(model, inMemory([3, 4].map((seed) => sceneExample(seed, size))), {
    ...tinyRecipe(80),
    batchSize: 2,
    augment: { flip: 0, shortestEdge: [] },
    seed: 1,
  });
  const mean = (from: number, to: number): number =>
    curve.slice(from, to).reduce((sum, { total }) => sum + total, 0) / (to - from);
  expect(mean(70, 80)).toBeLessThan(mean(0, 10) / 2);
  const quality = new PanopticQuality(sceneCategories);
  for (const scene of scenes) {
    const { panoptic } = await predictPanoptic(model, scene.image);
    quality.update(
      { ids: scene.panoptic.ids, segments: scene.segments.map(({ id, categoryId }) => ({ id, categoryId })) },
      {
        ids: Uint32Array.from(panoptic!.ids),
        segments: panoptic!.segments.map(({ id, isThing, category }) => ({
          id,
          categoryId: isThing ? category + 1 : category + thingCategories,
        })),
      },
    );
  }
  expect(quality.compute().all.pq).toBeGreaterThan(0.5);
  model.dispose();
}, 600_000);
