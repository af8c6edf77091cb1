import { encodeMask, rleToString } from '@u2seg/core';
import {
  evaluateCoco,
  readClusterMapping,
  readCocoGroundTruth,
  readCocoResults,
  readPanopticJson,
} from '@u2seg/metrics';
import { describe, expect, it } from 'vitest';

const images = [{ id: 5, height: 3, width: 4, file_name: '5.jpg' }];
const categories = [{ id: 1, name: 'cat' }];
const annotation = { id: 345, image_id: 5, category_id: 1, bbox: [0, 0, 2, 2], area: 4, iscrowd: 0 };
const gtWith = (change: object): string =>
  JSON.stringify({ images, categories, annotations: [{ ...annotation, ...change }] });
const readGt = (text: string) => readCocoGroundTruth('gt.json', text);
const good = {
  size: [3, 4],
  counts: rleToString(encodeMask({ data: new Uint8Array(12).fill(1), height: 3, width: 4 })),
};

describe('readCocoGroundTruth', () => {
  it('reads polygons, run lengths and strings', () => {
    for (const segmentation of [[[0, 0, 4, 0, 4, 3, 0, 3]], { size: [3, 4], counts: [0, 12] }, good]) {
      expect(readGt(gtWith({ segmentation })).annotations.runs().areas[0]).toBe(12);
    }
  });

  it('takes bytes, and an empty list', () => {
    const gt = readCocoGroundTruth('gt.json', Buffer.from(JSON.stringify({ images, categories, annotations: [] })));
    expect(gt.annotations.length).toBe(0);
  });

  it.each([
    ['unknown image', { image_id: 6 }],
    ['missing category', { category_id: undefined }],
    ['box of three numbers', { bbox: [0, 0, 1] }],
    ['box without a number', { bbox: [0, 0, null, 1] }],
    ['negative width', { bbox: [0, 0, -1, 1] }],
    ['negative area', { area: -1 }],
    ['crowd of two', { iscrowd: 2 }],
    ['missing id', { id: undefined }],
  ])('names file, record and field: %s', (_, change) => {
    let message = '';
    try {
      readGt(gtWith(change));
    } catch (error) {
      message = (error as Error).message;
    }
    const field = Object.keys(change)[0]!;
    expect(message).toMatch(new RegExp(`^gt\\.json: annotations\\[0\\].*: ${field}`, 'u'));
  });

  it('pins a few messages', () => {
    expect(() => readGt(gtWith({ image_id: 6 }))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0] (id 345): image_id must be one of images, got 6.]`,
    );
    expect(() => readGt(gtWith({ area: 'x' }).replace('"x"', 'NaN'))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0]: area must be a finite number, got NaN, which Python writes and JSON does not have.]`,
    );
    expect(() =>
      readGt(JSON.stringify({ images, categories, annotations: [annotation, annotation] })),
    ).toThrowErrorMatchingInlineSnapshot(`[U2SegError: gt.json: annotations[1]: id 345 occurs twice.]`);
    expect(() =>
      readGt(JSON.stringify({ images: [...images, ...images], categories, annotations: [] })),
    ).toThrowErrorMatchingInlineSnapshot(`[U2SegError: gt.json: images: id 5 occurs twice.]`);
  });

  it('finds bad masks when masks are wanted', () => {
    const runs = (segmentation: unknown) => () => readGt(gtWith({ segmentation })).annotations.runs();
    expect(runs({ ...good, size: [4, 3] })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0] (id 345): segmentation.size must be [3, 4], the size of its image, got [4,3].]`,
    );
    expect(runs({ size: [3, 4], counts: [0, 13] })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0] (id 345): segmentation.counts must be lengths that add up to 3 x 4 pixels, got 13.]`,
    );
    expect(runs({ size: [3, 4], counts: '1' })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0] (id 345): segmentation.counts: counts must add up to 3 x 4 = 12 pixels, got 1.]`,
    );
    expect(runs([[0, 0, 1]])).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: gt.json: annotations[0] (id 345): segmentation[0] must be x, y of at least three corners, got [0,0,1].]`,
    );
  });

  it.each([[undefined], [null], [[]], [[[]]], [[[0, 0, 1, 1]]], [{ size: [3, 4], counts: [] }]])(
    'lists %j as no mask, which is not an empty mask',
    (segmentation) => {
      const runs = readGt(gtWith({ segmentation })).annotations.runs();
      expect([runs.length, runs.absent]).toEqual([1, [0]]);
    },
  );

  it('takes the area of the mask, or of the box, where none is stated, and says so', () => {
    const box = readGt(gtWith({ area: undefined, segmentation: undefined }));
    const mask = readGt(gtWith({ area: null, bbox: [0, 0, 1, 1], segmentation: good }));
    const [, , width, height] = annotation.bbox;
    expect([box.annotations.area[0], mask.annotations.area[0]]).toEqual([width! * height!, 12]);
    for (const { notes } of [box, mask])
      expect(notes).toEqual([expect.stringContaining('1 of 1 annotations state no area')]);
  });
});

describe('readCocoResults', () => {
  const gt = readGt(gtWith({ segmentation: good }));
  const detection = { image_id: 5, category_id: 1, score: 0.5, segmentation: good };

  it('scores a perfect mask without a box', () => {
    const dt = readCocoResults('dt.json', JSON.stringify([detection]), gt);
    expect([...dt.bboxXywh]).toEqual([0, 0, 4, 3]);
    expect(evaluateCoco(gt, dt, { iouType: 'segm' }).stats.ap).toBeCloseTo(1, 14);
    expect(readCocoResults('dt.json', '[]', gt).length).toBe(0);
  });

  it('leaves unknown categories out only when told to', () => {
    const text = JSON.stringify([{ ...detection, category_id: 9 }, detection]);
    expect(() => readCocoResults('dt.json', text, gt)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: dt.json: [0]: category_id must be one of the ground truth's categories, got 9.]`,
    );
    expect(readCocoResults('dt.json', text, gt, { unknownCategory: 'drop' }).length).toBe(1);
  });

  it('names record and field', () => {
    const read = (change: object) => () =>
      readCocoResults('dt.json', JSON.stringify([{ ...detection, ...change }]), gt);
    expect(read({ score: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: dt.json: [0]: score must be a finite number, got null.]`,
    );
    expect(read({ segmentation: { ...good, size: [3, 5] } })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: dt.json: [0]: segmentation.size must be [3, 4], the size of its image, got [3,5].]`,
    );
    expect(read({ segmentation: undefined })).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: dt.json: [0]: bbox or segmentation must be given, got nothing.]`,
    );
    expect(() => readCocoResults('dt.json', '{}', gt)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: dt.json: must be a list of detections, or a COCO set whose annotations have scores.]`,
    );
  });
});

describe('readPanopticJson', () => {
  const text = (segments: readonly object[], more: object = {}): string =>
    JSON.stringify({
      categories: [{ id: 1, name: 'cat', isthing: 1 }],
      annotations: [{ image_id: 5, file_name: '5.png', segments_info: segments }],
      ...more,
    });
  const read = (source: string) => () => readPanopticJson('pan.json', source);

  it('reads segments, and pools categories that repeat an id', () => {
    const twice = [
      { id: 301, name: 'banner', isthing: 0 },
      { id: 301, name: 'blanket', isthing: 0 },
    ];
    const data = readPanopticJson('pan.json', text([{ id: 7, category_id: 301, area: 3 }], { categories: twice }));
    expect(data.categories).toHaveLength(1);
    expect(data.annotations[0]!.segments).toEqual([{ id: 7, categoryId: 301, isCrowd: false, area: 3 }]);
  });

  it('names record and field', () => {
    expect(
      read(
        text([
          { id: 1, category_id: 1 },
          { id: 1, category_id: 1 },
        ]),
      ),
    ).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: annotations[0] (image 5): segments_info[1]: id 1 occurs twice in this image.]`,
    );
    expect(read(text([{ id: 0, category_id: 1 }]))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: annotations[0] (image 5): segments_info[0]: id must be a whole number of at least 1, got 0.]`,
    );
    expect(read(text([{ id: 1, category_id: 3 }]))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: annotations[0] (image 5): segments_info[0]: category_id must be one of categories, got 3.]`,
    );
    expect(read(text([{ id: 1, category_id: 1, area: '1' }]))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: annotations[0] (image 5): segments_info[0]: area must be a finite number of at least 0, got "1".]`,
    );
    expect(read(text([], { images: [{ id: 6, height: 1, width: 1 }] }))).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: annotations[0] (image 5): image_id must be one of images, got 5.]`,
    );
    expect(read('{}')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: pan.json: categories must be a list, got nothing.]`,
    );
  });
});

describe('readClusterMapping', () => {
  it('says what is wrong', () => {
    expect(() => readClusterMapping('mapping.json', '{"format": "other"}')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: mapping.json: the file: format must be "u2seg-cluster-mapping", got "other".]`,
    );
    expect(() =>
      readClusterMapping('mapping.json', '{"format": "u2seg-cluster-mapping", "version": 2}'),
    ).toThrowErrorMatchingInlineSnapshot(`[U2SegError: mapping.json: version must be 1, got 2.]`);
  });

  const good = {
    format: 'u2seg-cluster-mapping',
    version: 1,
    protocol: 'majority-vote',
    evidence: 'instances',
    thresholds: { minScore: 0.6, minIou: 0.7 },
    classNames: ['cat', 'dog'],
    classOfCluster: [1, -1, 0],
    votes: 7,
    agreeing: 5,
    fittedOn: { dataset: 'coco/val2017', images: 2, sha256: 'ab' },
  };

  it('reads what it wrote', () => {
    expect(readClusterMapping('m.json', JSON.stringify(good))).toEqual(good);
  });

  it.each([
    ['protocol', { protocol: 'hungarian' }, /the file: protocol must be one of/u],
    ['evidence', { evidence: 'boxes' }, /the file: evidence must be one of/u],
    ['a threshold', { thresholds: { minIou: 'high' } }, /thresholds: minIou must be a finite number, got "high"/u],
    ['no thresholds', { thresholds: undefined }, /thresholds must be an object, got nothing/u],
    ['a class name', { classNames: ['cat', 7] }, /the file: classNames\[1\] must be a string, got 7/u],
    ['a class', { classOfCluster: [0, 2] }, /classOfCluster\[1\] must be a class in \[0, 2\) or -1, got 2/u],
    ['no classes', { classOfCluster: undefined }, /classOfCluster must be a list, got nothing/u],
    ['votes', { votes: -1 }, /the file: votes must be a finite number of at least 0, got -1/u],
    ['the hash', { fittedOn: { ...good.fittedOn, sha256: 7 } }, /fittedOn: sha256 must be a string, got 7/u],
    ['images', { fittedOn: { ...good.fittedOn, images: 1.5 } }, /fittedOn: images must be a whole number/u],
  ])('names the field: %s', (_, change, sentence) => {
    expect(() => readClusterMapping('m.json', JSON.stringify({ ...good, ...change }))).toThrow(sentence);
    expect(() => readClusterMapping('m.json', JSON.stringify({ ...good, ...change }))).toThrow(/^m\.json: /u);
  });
});
