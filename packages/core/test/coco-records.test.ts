import { describe, expect, it } from 'vitest';
import {
  cocoImages,
  cocoInstance,
  datasetRules,
  panopticRecord,
  rleArea,
  scoringRules,
  type CocoRules,
} from '../src/index.ts';
import { cocoCategories, cocoInstanceShape, cocoMask, cocoSegmentation, panopticSegments } from '../src/internal.ts';

const images = new Map([[5, 'image five']]);
const categories = new Map([[1, 'cat']]);
const instance = { id: 345, image_id: 5, category_id: 1, bbox: [1, 0, 2, 3], area: 4, iscrowd: 0 };
const annotation = { image_id: 5, file_name: '5.png', segments_info: [] };
const segment = { id: 7, category_id: 1, bbox: [0, 0, 2, 2], area: 3 };

const readImages = (change: object, rules: CocoRules): unknown =>
  cocoImages('f', { images: [{ id: 5, height: 3, width: 4, ...change }] }, rules)[0];
const readCategory = (change: object, rules: CocoRules, things?: boolean): unknown =>
  cocoCategories('f', { categories: [{ id: 1, name: 'cat', ...change }] }, rules, things)[0];
const readInstance = (change: object, rules: CocoRules) => {
  const record = cocoInstance('f', 0, { ...instance, ...change }, images, categories, new Set(), rules);
  return { ...record, ...cocoInstanceShape(record) };
};
const readPanoptic = (change: object, rules: CocoRules) =>
  panopticRecord('f', 0, { ...annotation, ...change }, images, new Set(), rules);
const readSegment = (change: object) =>
  panopticSegments(
    { where: 'f: annotations[0]', record: { segments_info: [{ ...segment, ...change }] } },
    categories,
  )[0]!;
const readMask = (value: unknown, rules: CocoRules) => cocoMask('f: a', value, { height: 3, width: 4 }, rules);

describe('COCO records', () => {
  it.each([
    ['scored', scoringRules],
    ['a data set', datasetRules],
  ])('give their values, where the file is %s', (_, rules) => {
    expect(readImages({}, rules)).toMatchObject({ where: 'f: images[0] (id 5)', id: 5, height: 3, width: 4 });
    expect(readCategory({}, rules)).toMatchObject({ id: 1, name: 'cat', supercategory: '', isThing: true });
    expect(readCategory({}, rules, false)).toMatchObject({ isThing: false });
    expect(readCategory({ isthing: 0, supercategory: 'animal' }, rules)).toMatchObject({
      isThing: false,
      supercategory: 'animal',
    });
    expect(readInstance({}, rules)).toMatchObject({
      where: 'f: annotations[0] (id 345)',
      id: 345,
      image: 'image five',
      category: 'cat',
      bboxXywh: [1, 0, 2, 3],
      area: 4,
      isCrowd: false,
    });
    expect(readInstance({ iscrowd: 1 }, rules).isCrowd).toBe(true);
    expect(readPanoptic({}, rules)).toMatchObject({
      imageId: 5,
      fileName: '5.png',
      where: 'f: annotations[0] (image 5)',
    });
    expect(readSegment({ iscrowd: 1 })).toMatchObject({ id: 7, category: 'cat', area: 3, isCrowd: true });
  });

  /** What each rule lets pass: field, how to read it, and what `scoringRules` and `datasetRules` make of it. */
  it.each<[keyof CocoRules, (rules: CocoRules) => unknown]>([
    ['negativeIds', (rules) => readImages({ id: -1 }, rules)],
    ['unnamed', (rules) => readCategory({ name: undefined }, rules)],
    ['unnamed', (rules) => readPanoptic({ file_name: '' }, rules)],
    ['hugeImages', (rules) => readImages({ height: 65536, width: 65536 }, rules)],
    ['longSizes', (rules) => readMask({ size: [3, 4, 1], counts: [12] }, rules)],
    ...[undefined, null, 0, -1].flatMap((side): [keyof CocoRules, (rules: CocoRules) => unknown][] => [
      ['unsized', (rules) => readImages({ height: side }, rules)],
      ['unsized', (rules) => readImages({ height: side, width: side }, rules)],
    ]),
  ])('pass only where the rule %s says so', (rule, read) => {
    for (const rules of [scoringRules, datasetRules]) {
      for (const allowed of [true, false]) {
        const call = (): unknown => read({ ...rules, [rule]: allowed });
        if (allowed) expect(call).not.toThrow();
        else expect(call).toThrow(/^f: /u);
      }
    }
    expect(scoringRules[rule]).not.toBe(datasetRules[rule]);
  });

  it('have a box and an area in a panoptic segment where the file states them', () => {
    expect(readSegment({ bbox: undefined, area: null })).not.toHaveProperty('area');
    expect(readSegment({ bbox: null })).not.toHaveProperty('bboxXywh');
    expect(readSegment({ area: 2.5 })).toMatchObject({ area: 2.5, bboxXywh: [0, 0, 2, 2] });
    expect(() => readSegment({ area: '2' })).toThrow(
      'f: annotations[0]: segments_info[0]: area must be a finite number of at least 0, got "2".',
    );
    expect(() => readSegment({ bbox: [0, 0, 1] })).toThrow('bbox must be [x, y, width, height], got [0,0,1]');
  });

  it('take the box for an area that is missing', () => {
    for (const area of [undefined, null]) {
      expect(readInstance({ area }, datasetRules)).toMatchObject({ area: 6, areaStated: false });
    }
    expect(readInstance({}, scoringRules)).toMatchObject({ area: 4, areaStated: true });
  });

  it('have flags as numbers or as true and false', () => {
    for (const [value, flag] of [
      [0, false],
      [1, true],
      [false, false],
      [true, true],
    ] as const) {
      expect(readInstance({ iscrowd: value }, scoringRules).isCrowd).toBe(flag);
      expect(readSegment({ iscrowd: value }).isCrowd).toBe(flag);
      expect(readCategory({ isthing: value }, datasetRules)).toMatchObject({ isThing: flag });
    }
  });

  it.each<[string, object, string]>([
    ['id', { id: '345' }, 'f: annotations[0]: id must be a whole number'],
    ['image', { image_id: 6 }, 'f: annotations[0] (id 345): image_id must be one of images, got 6.'],
    ['category', { category_id: '1' }, 'f: annotations[0] (id 345): category_id must be one of categories, got "1".'],
    ['box', { bbox: [0, 0, 1] }, 'f: annotations[0] (id 345): bbox must be [x, y, width, height], got [0,0,1].'],
    ['number', { bbox: [0, null, 1, 1] }, 'f: annotations[0] (id 345): bbox[1] must be a finite number, got null.'],
    ['width', { bbox: [0, 0, -1, 1] }, 'f: annotations[0] (id 345): bbox must be of width and height 0 or more'],
    ['area', { area: -1 }, 'f: annotations[0] (id 345): area must be a finite number of at least 0, got -1.'],
    ['flag', { iscrowd: 2 }, 'f: annotations[0] (id 345): iscrowd must be 0 or 1, got 2.'],
  ])('name the field that is wrong: %s', (_, change, sentence) => {
    for (const rules of [scoringRules, datasetRules]) expect(() => readInstance(change, rules)).toThrow(sentence);
  });

  it('occur once', () => {
    const seen = new Set([345]);
    expect(() => cocoInstance('f', 2, instance, images, categories, seen, scoringRules)).toThrow(
      expect.objectContaining({ code: 'conflict', message: 'f: annotations[2]: id 345 occurs twice.' }),
    );
    expect(() => panopticRecord('f', 2, annotation, images, new Set([5]), scoringRules)).toThrow(
      expect.objectContaining({ code: 'conflict', message: 'f: annotations[2]: image 5 is annotated twice.' }),
    );
    const twice = { where: 'f', record: { segments_info: [segment, segment] } };
    expect(() => panopticSegments(twice, categories)).toThrow(
      expect.objectContaining({ code: 'conflict', message: 'f: segments_info[1]: id 7 occurs twice in this image.' }),
    );
  });

  it('may be of any image where the file lists none', () => {
    expect(panopticRecord('f', 0, { ...annotation, image_id: 9 }, undefined, new Set(), scoringRules).imageId).toBe(9);
    expect(() => readPanoptic({ image_id: 9 }, scoringRules)).toThrow(
      '(image 9): image_id must be one of images, got 9.',
    );
  });
});

describe('COCO segmentation', () => {
  it('is polygons, run lengths or the compressed string', () => {
    for (const value of [
      [[0, 0, 4, 0, 4, 3, 0, 3]],
      { size: [3, 4], counts: [0, 12] },
      { size: [3, 4], counts: '0<' },
    ]) {
      expect(rleArea(readMask(value, scoringRules)!)).toBe(12);
    }
    const size = { height: 3, width: 4 };
    expect(cocoSegmentation('f', { size: [3, 4], counts: 'anything' }, size, scoringRules)).toEqual({
      form: 'text',
      text: 'anything',
      ...size,
    });
  });

  it.each([undefined, null, [], [[]], [[0, 0, 1, 1]], { size: [3, 4], counts: '' }, { size: [3, 4], counts: [] }])(
    'may be none: %j',
    (value) => {
      for (const rules of [scoringRules, datasetRules]) expect(readMask(value, rules)).toBeUndefined();
    },
  );

  it('counts a line beside a polygon for nothing', () => {
    const polygon = [0, 0, 4, 0, 4, 3, 0, 3];
    expect(rleArea(readMask([[0, 0, 1, 1], polygon, []], scoringRules)!)).toBe(12);
  });

  it('has its own size where its image has none; polygons then have no mask', () => {
    const read = (value: unknown) => cocoMask('f: a', value, { height: 0, width: 0 }, scoringRules);
    expect(read({ size: [3, 4], counts: [0, 12] })).toMatchObject({ height: 3, width: 4 });
    expect(read({ size: [3, 4], counts: '0<' })).toMatchObject({ height: 3, width: 4 });
    expect(read([[0, 0, 4, 0, 4, 3, 0, 3]])).toBeUndefined();
    for (const size of [undefined, [3], [0, 4], [1e6, 1e6]]) {
      expect(() => read({ size, counts: [12] })).toThrow('f: a: segmentation.size must be [height, width] of fewer');
    }
    expect(() => read({ size: [3, 4], counts: [13] })).toThrow('lengths that add up to 3 x 4 pixels, got 13');
  });

  it.each<[string, unknown, string]>([
    ['a text', 'none', 'segmentation must be polygons or { size, counts }, got "none".'],
    ['half a line', [[0, 0, 1]], 'segmentation[0] must be x, y of at least three corners, got [0,0,1].'],
    ['half a corner', [[0, 0, 1, 1, 2, 2, 3]], 'segmentation[0] must be x, y of at least three corners'],
    ['a text corner', [[0, 0, 1, 1, 2, '2']], 'segmentation[0] must be made of finite numbers, got "2".'],
    [
      'another size',
      { size: [4, 3], counts: [12] },
      'segmentation.size must be [3, 4], the size of its image, got [4,3].',
    ],
    ['no size', { counts: [12] }, 'segmentation.size must be [3, 4], the size of its image, got nothing.'],
    ['no counts', { size: [3, 4] }, 'segmentation.counts must be a string or a list, got nothing.'],
    [
      'a negative count',
      { size: [3, 4], counts: [13, -1] },
      'segmentation.counts[1] must be a whole number of at least 0, got -1.',
    ],
    [
      'too few pixels',
      { size: [3, 4], counts: [1, 2] },
      'segmentation.counts must be lengths that add up to 3 x 4 pixels, got 3.',
    ],
    [
      'pixels beyond 32 bits',
      { size: [3, 4], counts: [0, 2 ** 32 + 12] },
      'segmentation.counts must be lengths that add up',
    ],
    ['a string cut short', { size: [3, 4], counts: 'a`' }, 'segmentation.counts: '],
    ['a string of too few', { size: [3, 4], counts: '02' }, 'segmentation.counts: '],
  ])('says what is wrong: %s', (_, value, sentence) => {
    for (const rules of [scoringRules, datasetRules]) expect(() => readMask(value, rules)).toThrow(`f: a: ${sentence}`);
  });
});
