import { encodeMask, rleArea, rleBbox, type Segment } from '@u2seg/core';
import { loadTfBackend, PanopticCascadeModel } from '@u2seg/heads';
import {
  nextLabels,
  predictPanoptic,
  predictViews,
  selfTrain,
  type PanopticPrediction,
  type TrainingExample,
} from '@u2seg/self-train';
import { joinInstances, voteSemantic } from '@u2seg/self-train/internal';
import { resizePillow } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { inMemory, smallestConfig, smallestScenes } from '../synthetic-examples.ts';

/** Segment of one row of pixels, `#` set. */
function segment(row: string, clusterId: number, score: number): Segment {
  const mask = encodeMask({ data: Uint8Array.from(row, (c) => (c === '#' ? 1 : 0)), height: 1, width: row.length });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score, clusterId };
}

describe('joinInstances', () => {
  it('joins what views agree on and lowers what one view sees alone', () => {
    const joined = joinInstances(
      [[segment('####..', 1, 0.9), segment('....##', 2, 0.5)], [segment('.###..', 1, 0.7)]],
      0.5,
    );
    expect(joined.map(({ clusterId, score }) => [clusterId, score])).toEqual([
      [1, (0.9 + 0.7) / 2],
      [2, 0.25],
    ]);
    // The first pixel has 0.9 of 1.6.
    expect(joined[0]!.area).toBe(4);
  });

  it('keeps clusters, and instances of one view, apart', () => {
    expect(joinInstances([[segment('##', 1, 0.5)], [segment('##', 2, 0.5)]], 0.5)).toHaveLength(2);
    expect(joinInstances([[segment('##', 1, 0.5), segment('##', 1, 0.4)]], 0.5)).toHaveLength(2);
    expect(joinInstances([[], []], 0.5)).toEqual([]);
  });
});

describe('voteSemantic', () => {
  it('takes the most frequent label, the earlier view among equals', () => {
    const views = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 4, 4), Uint8Array.of(2, 5, 4)];
    expect([...voteSemantic(views)]).toEqual([1, 2, 4]);
  });
});

describe('nextLabels', () => {
  const example: TrainingExample = {
    image: { data: new Uint8Array(18), height: 1, width: 6 },
    instances: [segment('##....', 1, 1), segment('....##', 3, 1)],
    semantic: Uint8Array.of(0, 0, 5, 5, 0, 0),
  };
  const prediction: PanopticPrediction = {
    height: 1,
    width: 6,
    instances: [segment('###...', 2, 0.7), segment('...#..', 2, 0.69)],
    semantic: Uint8Array.of(0, 0, 0, 7, 0, 8),
  };

  it('believes from the threshold on and keeps the old labels nothing overlaps', () => {
    const next = nextLabels(example, prediction);
    expect(next.instances.map(({ clusterId }) => clusterId)).toEqual([2, 3]);
    expect([...next.semantic!]).toEqual([0, 0, 0, 7, 0, 0]);
    expect([...nextLabels(example, prediction, { stuff: 'previous' }).semantic!]).toEqual([0, 0, 0, 5, 0, 0]);
  });

  it('keeps everything when the network says nothing', () => {
    const silent = { ...prediction, instances: [] };
    expect(nextLabels(example, silent, { stuff: 'previous' })).toEqual(example);
  });

  it('takes the best predictions only', () => {
    const next = nextLabels(example, prediction, { minScore: 0, maxPredictions: 1 });
    expect(next.instances.map(({ clusterId }) => clusterId)).toEqual([2, 3]);
  });
});

describe('with a network', () => {
  beforeAll(async () => {
    await loadTfBackend('auto');
  });

  it('predicts in the pixels of the photo, whatever size the network sees', async () => {
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const { image } = smallestScenes(2)[1]!;
    const resize = (photo: typeof image, height: number, width: number): typeof image =>
      resizePillow(photo, height, width, 'bilinear');
    const plain = await predictPanoptic(model, image, { shortestEdge: 96, resize });
    const views = await predictViews(model, image, { shortestEdges: [64, 96], resize });
    for (const { height, width, semantic, panoptic, instances } of [plain, views]) {
      expect([height, width, semantic!.length, panoptic!.ids.length]).toEqual([64, 96, 64 * 96, 64 * 96]);
      for (const one of instances) expect([one.mask.height, one.mask.width]).toEqual([64, 96]);
      expect(instances.every((one, i) => i === 0 || one.score <= instances[i - 1]!.score)).toBe(true);
    }
    await expect(predictViews(model, image, { shortestEdges: [], resize })).rejects.toThrow('at least one length');
    model.dispose();
  }, 600_000);

  it('labels the photos and learns from them, round after round', async () => {
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const data = inMemory(smallestScenes(2));
    const training = {
      iterations: 1,
      batchSize: 2,
      optimizer: { kind: 'sgd' },
      schedule: { baseLr: 0.001, steps: [], gamma: 1, warmupIterations: 0, warmupFactor: 1 },
      emaDecay: 0.5,
      seed: 1,
    } as const;
    const rounds = [
      { labels: { minScore: 0.7 }, training },
      { labels: { minScore: 0.65 }, training },
    ];
    const results = await selfTrain(model, data, { rounds, predict: predictPanoptic });
    expect(
      results.map(({ round, labelsBefore, training: { finished } }) => [round, labelsBefore > 0, finished]),
    ).toEqual([
      [1, true, true],
      [2, true, true],
    ]);
    expect(results[0]!.training.ema).toBeUndefined();
    results[1]!.training.ema!.dispose();
    model.dispose();
  }, 600_000);
});
