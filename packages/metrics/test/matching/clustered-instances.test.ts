import {
  ClusteredInstanceEvaluator,
  detectionsFrom,
  evaluateCoco,
  groundTruthFrom,
  type ClusteredInstanceImage,
} from '@u2seg/metrics';
import { encodeMask, type BboxXywh, type Rle } from '@u2seg/core';
import { describe, expect, it } from 'vitest';

const categories = [
  { id: 3, name: 'cat' },
  { id: 7, name: 'dog' },
];
const image = (id: number) => ({ id, height: 20, width: 30, fileName: `${id}.jpg` });
const left: BboxXywh = [1, 1, 8, 8];
const right: BboxXywh = [15, 2, 10, 12];
const options = { categories, numClusters: 4, dataset: 'toy/val' };

function box([x, y, w, h]: BboxXywh): Rle {
  const data = new Uint8Array(20 * 30);
  for (let r = y; r < y + h; r += 1) data.fill(1, r * 30 + x, r * 30 + x + w);
  return encodeMask({ data, height: 20, width: 30 });
}

/** A cat on the left in cluster 2, a dog on the right in cluster 0; cluster 1 never overlaps anything. */
const scene = (id: number, masks = true): ClusteredInstanceImage => ({
  image: image(id),
  gt: [
    { categoryId: 3, bboxXywh: left, ...(masks ? { mask: box(left) } : {}) },
    { categoryId: 7, bboxXywh: right, ...(masks ? { mask: box(right) } : {}) },
  ],
  detections: [
    { clusterId: 2, score: 0.9, bboxXywh: left, ...(masks ? { mask: box(left) } : {}) },
    { clusterId: 0, score: 0.8, bboxXywh: right, ...(masks ? { mask: box(right) } : {}) },
    { clusterId: 1, score: 0.99, bboxXywh: [0, 15, 3, 3], ...(masks ? { mask: box([0, 15, 3, 3]) } : {}) },
  ],
});

describe('ClusteredInstanceEvaluator', () => {
  it('names clusters by votes, drops the unnamed and scores the rest as COCO does', () => {
    const evaluator = new ClusteredInstanceEvaluator(options);
    evaluator.update(scene(1));
    evaluator.update(scene(2));
    const [vote, hungarian] = evaluator.compute();
    expect(vote!.mapping.classOfCluster).toEqual([1, -1, 0, -1]);
    expect(hungarian!.mapping.classOfCluster).toEqual([1, -1, 0, -1]);
    expect(vote).toMatchObject({ protocol: 'majority-vote', matchedClusters: 2, fittedOnScoredData: true });
    expect(vote!.bbox.stats.ap).toBeCloseTo(1, 12);
    expect(vote!.segm!.stats.ap).toBeCloseTo(1, 12);
  });

  it('counts only votes of sure detections, so a threshold above every score names nothing', () => {
    const evaluator = new ClusteredInstanceEvaluator({ ...options, votes: { minScore: 0.85 } });
    evaluator.update(scene(1));
    const [vote] = evaluator.compute();
    expect(vote!.mapping.classOfCluster).toEqual([-1, -1, 0, -1]);
    expect(vote!.bbox.stats.ap).toBeCloseTo(0.5, 12);
  });

  it('gives what evaluateCoco gives for the named detections', () => {
    const evaluator = new ClusteredInstanceEvaluator({ ...options, votes: { minScore: 0, minIou: 0.3 } });
    const wrong = { ...scene(1), detections: [...scene(1).detections, { ...scene(1).detections[0]!, clusterId: 0 }] };
    evaluator.update(wrong);
    const [vote] = evaluator.compute();
    const classOf = vote!.mapping.classOfCluster;
    const gt = groundTruthFrom(
      [image(1)],
      categories,
      wrong.gt.map((one) => ({ ...one, imageId: 1 })),
    );
    const dt = detectionsFrom(
      gt,
      wrong.detections
        .filter(({ clusterId }) => classOf[clusterId]! >= 0)
        .map(({ clusterId, ...one }) => ({ ...one, imageId: 1, categoryId: categories[classOf[clusterId]!]!.id })),
    );
    expect(vote!.bbox.stats).toEqual(evaluateCoco(gt, dt, { iouType: 'bbox' }).stats);
    expect(vote!.segm!.stats).toEqual(evaluateCoco(gt, dt, { iouType: 'segm' }).stats);
  });

  it('applies a mapping fitted on another split and says so', () => {
    const train = new ClusteredInstanceEvaluator({ ...options, dataset: 'toy/train' });
    train.update(scene(5));
    const val = new ClusteredInstanceEvaluator(options);
    val.update(scene(1));
    expect(val.compute(train.fit())[0]).toMatchObject({ fittedOnScoredData: false, matchedClusters: 2 });
    const other = new ClusteredInstanceEvaluator({ ...options, numClusters: 5 });
    expect(() => other.compute(train.fit())).toThrow(/must be of 5 clusters/u);
  });

  it('scores boxes alone where there are no masks, and takes images without anything', () => {
    const evaluator = new ClusteredInstanceEvaluator(options);
    evaluator.update(scene(1, false));
    evaluator.update({ image: image(2), gt: [], detections: [] });
    const [vote] = evaluator.compute();
    expect(vote!.segm).toBeUndefined();
    expect(vote!.bbox.images).toBe(2);
  });

  it('refuses clusters, categories and scores that are none', () => {
    const evaluator = new ClusteredInstanceEvaluator(options);
    const [first] = scene(1).detections;
    expect(() => evaluator.update({ ...scene(1), detections: [{ ...first!, clusterId: 4 }] })).toThrow(
      /1\.jpg: detection 0: clusterId/u,
    );
    expect(() => evaluator.update({ ...scene(1), detections: [{ ...first!, score: NaN }] })).toThrow(/got NaN/u);
    expect(() => evaluator.update({ ...scene(1), gt: [{ categoryId: 4, bboxXywh: left }] })).toThrow(
      /categoryId 4 is unknown/u,
    );
  });
});
