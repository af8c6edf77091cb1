import { ClusteredSemanticEvaluator, SemanticConfusion, UnsupervisedSemantics } from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const classNames = ['sky', 'grass', 'water'];
const options = { classNames, numClusters: 4, dataset: 'toy/val' };

describe('ClusteredSemanticEvaluator', () => {
  it('gives 1 to a renumbered ground truth under every matching, ignored pixels aside', () => {
    const evaluator = new ClusteredSemanticEvaluator(options);
    evaluator.update('a', Uint8Array.of(2, 2, 0, 0, 1, 3), Uint8Array.of(0, 0, 1, 1, 2, 255));
    for (const { protocol, semantic, mapping, fittedOnScoredData } of evaluator.compute()) {
      expect([protocol, semantic.miou, semantic.pixelAccuracy, fittedOnScoredData]).toEqual([protocol, 1, 1, true]);
      expect(mapping.classOfCluster.slice(0, 3)).toEqual([1, 2, 0]);
    }
  });

  it('leaves a cluster too many void one to one, and shares a class many to one', () => {
    const evaluator = new ClusteredSemanticEvaluator(options);
    evaluator.update('a', Uint8Array.of(0, 0, 0, 1, 2, 3), Uint8Array.of(0, 0, 0, 0, 1, 2));
    const of = (protocol: string) => evaluator.compute().find((result) => result.protocol === protocol)!;
    expect(of('hungarian-one-to-one').mapping.classOfCluster).toEqual([0, -1, 1, 2]);
    expect(of('hungarian-one-to-one').semantic.pixelAccuracy).toBeCloseTo(5 / 6, 12);
    expect(of('hungarian-many-to-one').semantic.pixelAccuracy).toBe(1);
  });

  it('applies a mapping fitted on another split and ranks images from the worst', () => {
    const train = new ClusteredSemanticEvaluator({ ...options, dataset: 'toy/train' });
    train.update('t', Uint8Array.of(0, 1, 2, 2), Uint8Array.of(0, 1, 2, 2));
    const val = new ClusteredSemanticEvaluator(options);
    val.update('good', Uint8Array.of(0, 1, 2), Uint8Array.of(0, 1, 2));
    val.update('bad', Uint8Array.of(2, 2, 2), Uint8Array.of(0, 1, 2));
    const [result] = val.compute(train.fit().slice(1, 2));
    expect(result).toMatchObject({ fittedOnScoredData: false, protocol: 'hungarian-one-to-one' });
    expect(result!.images.map(({ name }) => name)).toEqual(['bad', 'good']);
  });

  it('agrees with STEGO’s evaluation one to one, and with the confusion of the mapped maps', () => {
    const image = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 30, maxLength: 60 });
    fc.assert(
      fc.property(fc.array(image, { minLength: 1, maxLength: 4 }), (images) => {
        const own = new ClusteredSemanticEvaluator({ ...options, numClusters: 3 });
        const stego = new UnsupervisedSemantics({ numClasses: 3 });
        const maps = images.map((pixels) => ({
          prediction: Uint8Array.from(pixels, ([p]) => p),
          gt: Uint8Array.from(pixels, ([, g]) => g),
        }));
        maps.forEach(({ prediction, gt }, i) => {
          own.update(`${i}`, prediction, gt);
          stego.update(prediction, gt);
        });
        const result = own.compute().find(({ protocol }) => protocol === 'hungarian-one-to-one')!;
        expect(result.semantic.pixelAccuracy).toBeCloseTo(stego.compute().accuracy, 12);
        const confusion = new SemanticConfusion(classNames);
        for (const { prediction, gt } of maps) {
          const mapped = prediction.map((k) =>
            result.mapping.classOfCluster[k]! < 0 ? 3 : result.mapping.classOfCluster[k]!,
          );
          confusion.update(mapped, gt, 1, gt.length);
        }
        expect(result.semantic.miou).toBeCloseTo(confusion.compute().miou, 12);
      }),
    );
  });

  it('names the image and the label that does not exist', () => {
    const evaluator = new ClusteredSemanticEvaluator(options);
    expect(() => evaluator.update('a.png', Uint8Array.of(4), Uint8Array.of(0))).toThrow(/a\.png: predicted label/u);
    expect(() => evaluator.update('a.png', Uint8Array.of(0), Uint8Array.of(3))).toThrow(/a\.png: ground-truth label/u);
    expect(() => evaluator.update('a.png', Uint8Array.of(0, 1), Uint8Array.of(0))).toThrow(/a\.png: gt/u);
    const other = new ClusteredSemanticEvaluator({ ...options, numClusters: 9 });
    expect(() => other.compute(evaluator.fit())).toThrow(/must be of 9 clusters/u);
  });
});
