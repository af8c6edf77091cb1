import { coco133, cocoStuff27, panopticCategories, u2segSemantic16 } from '@u2seg/metrics';
import { describe, expect, it } from 'vitest';
import type { PhotoTruth } from '../../src/evaluate/ground-truth.ts';
import { scoredCategories, semanticClassesOf } from '../../src/evaluate/scored-classes.ts';
import { SemanticScorer } from '../../src/evaluate/semantic-scores.ts';

const coco = panopticCategories(coco133);
const idOf = (name: string): number => coco133.classes.find((entry) => entry.name === name)!.id;

describe('class lists of a ground truth', () => {
  it('put COCO into STEGO’s 27 classes and U2Seg’s 16', () => {
    const [stego, u2seg] = semanticClassesOf(coco);
    expect([stego!.name, stego!.matching, stego!.classNames.length]).toEqual([
      'coco-stuff-27',
      'hungarian-one-to-one',
      27,
    ]);
    const nameOf = (name: string): string => cocoStuff27.classes[stego!.classOf(idOf(name))]!.name;
    expect(['banana', 'fruit', 'chair', 'table-merged', 'person', 'sky-other-merged'].map(nameOf)).toEqual([
      'food-things',
      'food-stuff',
      'furniture-things',
      'furniture-stuff',
      'person',
      'sky',
    ]);
    expect(new Set(coco.map(({ id }) => stego!.classOf(id))).size).toBe(27);
    expect([u2seg!.name, u2seg!.matching]).toEqual(['u2seg-16', 'majority-vote']);
    expect(u2seg!.classOf(idOf('person'))).toBe(0);
    expect(u2segSemantic16.classes[u2seg!.classOf(idOf('river'))]!.name).toBe('water');
    expect(new Set(coco.map(({ id }) => u2seg!.classOf(id))).size).toBe(16);
    expect(stego!.classOf(12345)).toBe(-1);
  });

  it('average COCO over 95 classes where asked, and take other categories as they are', () => {
    const { name, categories, idOf: scored } = scoredCategories(coco, 'u2seg');
    expect([name, categories.length, categories.filter(({ isThing }) => isThing).length]).toEqual([
      'u2seg-95: 80 things, 15 stuff super-categories',
      95,
      80,
    ]);
    expect(scored(idOf('river'))).toBe(scored(idOf('sea')));
    expect(scored(idOf('person'))).toBe(1);
    expect(categories.map(({ id }) => id)).toContain(scored(idOf('river')));
    expect(scoredCategories(coco, 'given').categories).toBe(coco);
    const own = [{ id: 7, name: 'road', isThing: false }];
    expect(scoredCategories(own, 'u2seg')).toMatchObject({ name: 'the 1 of the file', categories: own });
    expect(semanticClassesOf(own).map(({ matching, classOf }) => [matching, classOf(7), classOf(8)])).toEqual([
      ['hungarian-one-to-one', 0, -1],
      ['majority-vote', 0, -1],
    ]);
  });
});

/** Four pixels: segments 1 and 2 of two categories, one pixel of none. */
const truth: PhotoTruth = {
  map: { ids: Uint32Array.of(1, 1, 2, 0), height: 1, width: 4 } as PhotoTruth['map'],
  annotation: { imageId: 1, fileName: 'a.png', segments: [] },
  masks: new Map(),
  fileCategories: new Map([
    [1, 7],
    [2, 8],
  ]),
};
const two = semanticClassesOf([
  { id: 7, name: 'road', isThing: false },
  { id: 8, name: 'sky', isThing: false },
]);

describe('SemanticScorer', () => {
  it('matches what is worked out by hand', () => {
    const scorer = new SemanticScorer(two, 3, 'toy');
    // road: cluster 2 twice; sky: cluster 0; the pixel of no class does not count
    scorer.update('a', Int32Array.of(2, 2, 0, 1), truth);
    for (const { miou, pixelAccuracy, photos } of scorer.compute())
      expect([miou, pixelAccuracy, photos]).toEqual([1, 1, 1]);
    // and once more with sky wrong: road 4 of 5 pixels of cluster 2, sky 1 of 2
    scorer.update('b', Int32Array.of(2, 2, 2, 1), truth);
    const [oneToOne] = scorer.compute();
    expect(oneToOne).toMatchObject({ matching: 'hungarian-one-to-one', numClasses: 2, fittedOn: 'the photos scored' });
    expect(oneToOne!.pixelAccuracy).toBeCloseTo(5 / 6, 12);
    expect(oneToOne!.miou).toBeCloseTo((4 / 5 + 1 / 2) / 2, 12);
  });

  it('counts pixels without a cluster against their class in the vote', () => {
    const scorer = new SemanticScorer(two, 2, 'toy');
    scorer.update('a', Int32Array.of(0, -1, 1, 1), truth);
    const vote = scorer.compute().find(({ matching }) => matching === 'majority-vote')!;
    expect(vote.pixelAccuracy).toBeLessThan(1);
  });

  it('refuses more classes than a byte can tell apart', () => {
    const many = semanticClassesOf(
      Array.from({ length: 300 }, (_, i) => ({ id: 1000 + i, name: `c${i}`, isThing: false })),
    );
    expect(() => new SemanticScorer(many, 2, 'toy')).toThrow(/300 classes/u);
  });
});
