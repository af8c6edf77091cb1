import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeMask } from '@u2seg/core';
import {
  checkDataset,
  type Dataset,
  datasetCatalog,
  drawLabelled,
  encodeLabelPng,
  encodePng,
  findDataset,
  labelPercentages,
  masksOfIds,
  openDataset,
  selectImages,
  writeSyntheticDataset,
} from '@u2seg/datasets';
import { dataRoot } from '@u2seg/testing';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectDatasetContract } from './dataset-contract.ts';
import { tempFolder } from './temp-folder.ts';

/** Whatever JSON.parse gives; the cases below break it on purpose. */
type Json = ReturnType<typeof JSON.parse>;

const base = tempFolder();
let photo: Uint8Array;
beforeAll(async () => {
  photo = await encodePng({ data: new Uint8Array(4 * 6 * 3).fill(99), height: 4, width: 6 });
});

function put(root: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

const newRoot = () => mkdtempSync(join(base, 'root-'));

const cocoJson = (change: (json: Json) => void = () => undefined) => {
  const json = {
    images: [
      { id: 7, file_name: 'a.jpg', height: 4, width: 6 },
      { id: 3, file_name: 'b.jpg', height: 4, width: 6 },
    ],
    categories: [{ id: 18, name: 'dog', supercategory: 'animal' }],
    annotations: [
      {
        id: 1,
        image_id: 7,
        category_id: 18,
        bbox: [1, 1, 2, 2],
        area: 4,
        iscrowd: 0,
        segmentation: [[1, 1, 3, 1, 3, 3, 1, 3]],
      },
      {
        id: 2,
        image_id: 7,
        category_id: 18,
        bbox: [0, 0, 1, 2],
        area: 2,
        iscrowd: 1,
        segmentation: { size: [4, 6], counts: [0, 2, 22] },
      },
      { id: 5, image_id: 7, category_id: 18, bbox: [0, 0, 1, 2], segmentation: { size: [4, 6], counts: '02f0' } },
      { id: 6, image_id: 7, category_id: 18, bbox: [2, 2, 1, 1], segmentation: [] },
    ],
  };
  change(json);
  return JSON.stringify(json);
};

async function openCoco(change?: (json: Json) => void): Promise<Dataset> {
  const root = newRoot();
  put(root, 'annotations/instances_val2017.json', cocoJson(change));
  mkdirSync(join(root, 'val2017'));
  return openDataset('coco-instances', root);
}

const complaint = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no complaint',
    (error: Error) => error.message.replaceAll(/"[^"]*\/([^/"]+)"/gu, '"$1"'),
  );

describe('COCO instances', () => {
  it('meets the contract and reads polygons, run lengths, strings and boxes', async () => {
    const dataset = await openCoco();
    await expectDatasetContract(() => Promise.resolve(dataset));
    expect(dataset.images.map(({ id }) => id)).toEqual(['7', '3']);
    const { segments } = await dataset.load(dataset.images[0]!);
    expect(segments.map(({ isCrowd }) => isCrowd)).toEqual([false, true, false, false]);
    expect([...segments[1]!.mask!.counts]).toEqual([0, 2, 22]);
    expect(segments[2]!.mask).toEqual(segments[1]!.mask);
    expect([segments[2]!.area, segments[3]!.area, segments[3]!.mask]).toEqual([2, 1, undefined]);
    expect((await dataset.load(dataset.images[1]!)).segments).toEqual([]);
  });

  it.each<[string, (json: Json) => void]>([
    ['no images', (json) => delete json.images],
    [
      'a text id',
      (json) => {
        json.images[0].id = '7';
      },
    ],
    [
      'two images of one id',
      (json) => {
        json.images[1].id = 7;
      },
    ],
    [
      'no height',
      (json) => {
        json.images[1].height = 0;
      },
    ],
    [
      'an unknown image',
      (json) => {
        json.annotations[1].image_id = 99;
      },
    ],
    [
      'an unknown category',
      (json) => {
        json.annotations[1].category_id = 99;
      },
    ],
    [
      'two annotations of one id',
      (json) => {
        json.annotations[1].id = 1;
      },
    ],
    [
      'a bad box',
      (json) => {
        json.annotations[0].bbox = [0, 0, -1, 2];
      },
    ],
    [
      'a box of text',
      (json) => {
        json.annotations[0].bbox = [0, 0, '1', 2];
      },
    ],
    [
      'a crowd of 2',
      (json) => {
        json.annotations[0].iscrowd = 2;
      },
    ],
    [
      'half a corner in a polygon',
      (json) => {
        json.annotations[0].segmentation = [[1, 1, 2, 2, 3]];
      },
    ],
    [
      'run lengths of another size',
      (json) => {
        json.annotations[1].segmentation.size = [6, 4];
      },
    ],
    [
      'run lengths that do not add up',
      (json) => {
        json.annotations[1].segmentation.counts = [1, 2, 3];
      },
    ],
    [
      'run lengths that add up only in 32 bits',
      (json) => {
        json.annotations[1].segmentation.counts = [0, 2 ** 32 + 24];
      },
    ],
    [
      'a string that does not add up',
      (json) => {
        json.annotations[2].segmentation.counts = '02';
      },
    ],
    [
      'a string outside the alphabet',
      (json) => {
        json.annotations[2].segmentation.counts = '0 2';
      },
    ],
  ])('complains of %s', async (_, change) => {
    const load = openCoco(change).then(async (dataset) => dataset.load(dataset.images[0]!));
    expect(await complaint(load)).toMatchSnapshot();
  });

  it('complains of text that is not JSON, and of a list at the top', async () => {
    const root = newRoot();
    mkdirSync(join(root, 'val2017'));
    put(root, 'annotations/instances_val2017.json', '{"images": [');
    expect(await complaint(openDataset('coco-instances', root))).toMatch(
      /^"instances_val2017.json": is not valid JSON: /u,
    );
    put(root, 'annotations/instances_val2017.json', '[]');
    expect(await complaint(openDataset('coco-instances', root))).toBe(
      '"instances_val2017.json" must be an object, got [].',
    );
  });
});

describe('COCO panoptic', () => {
  it('reads what the synthetic scenes wrote', async () => {
    const root = newRoot();
    await writeSyntheticDataset(root, { count: 2, height: 48, width: 64, seed: 3 });
    await expectDatasetContract(() => openDataset('panoptic-folder', root));
    const dataset = await openDataset('panoptic-folder', root);
    const { segments, height, width } = await dataset.load(dataset.images[0]!);
    expect(segments.reduce((sum, { area }) => sum + area, 0)).toBe(height * width);
    for (const { mask, area } of segments) expect(decodeMask(mask!).data.reduce((a, b) => a + b, 0)).toBe(area);
  });

  it('takes a box and an area that the JSON leaves out from the map', async () => {
    const root = newRoot();
    const { panopticJson } = await writeSyntheticDataset(root, { count: 1, height: 48, width: 64, seed: 3 });
    const segmentsOf = async () => {
      const dataset = await openDataset('panoptic-folder', root);
      return (await dataset.load(dataset.images[0]!)).segments;
    };
    const whole = await segmentsOf();
    for (const absent of [undefined, null]) {
      const json = JSON.parse(readFileSync(panopticJson, 'utf8'));
      for (const segment of json.annotations[0].segments_info) segment.bbox = segment.area = absent;
      writeFileSync(panopticJson, JSON.stringify(json));
      expect(await segmentsOf()).toEqual(whole);
    }
  });

  it('complains of segments that PNG and JSON do not share', async () => {
    const root = newRoot();
    const { panopticJson } = await writeSyntheticDataset(root, { count: 1, height: 48, width: 64, seed: 3 });
    const original = readFileSync(panopticJson, 'utf8');
    const first = async (change: (json: Json) => void) => {
      const json = JSON.parse(original);
      change(json);
      writeFileSync(panopticJson, JSON.stringify(json));
      return complaint(openDataset('panoptic-folder', root).then(async (dataset) => dataset.load(dataset.images[0]!)));
    };
    expect(await first((json) => json.annotations[0].segments_info.pop())).toMatch(
      /^"000000000001.png" holds segment \d+, which "panoptic.json": annotations\[0\] \(image 1\): segments_info lacks\.$/u,
    );
    expect(
      await first((json) => {
        json.annotations[0].segments_info[0].id = 5;
      }),
    ).toBe(
      '"panoptic.json": annotations[0] (image 1): segments_info[0]: id must be an id found in "000000000001.png", got 5.',
    );
    expect(
      await first((json) => {
        json.images[0].width = 65;
      }),
    ).toBe('"000000000001.png" has 64 x 48 pixels, its image 1 has 65 x 48.');
    expect(
      await first((json) => {
        json.annotations[0].segments_info[1].category_id = 77;
      }),
    ).toBe(
      '"panoptic.json": annotations[0] (image 1): segments_info[1]: category_id must be one of categories, got 77.',
    );
  });

  it.skipIf(dataRoot() === undefined)('reads coco-mini', async () => {
    const dataset = await openDataset('panoptic-folder', join(dataRoot()!, 'coco-mini'));
    expect(dataset.images.length).toBe(100);
    expect(dataset.categories.length).toBe(133);
    const few = selectImages(
      dataset,
      dataset.images.slice(0, 8).map(({ id }) => id),
    );
    await expectDatasetContract(() => Promise.resolve(few));
    for (const image of few.images) {
      for (const { mask, area } of (await few.load(image)).segments) {
        expect(mask!.counts.reduce((sum, count, i) => sum + (i % 2) * count, 0)).toBe(area);
      }
    }
  });

  it('splits any map into masks that cover it once', () => {
    const maps = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
      .chain(([height, width]) =>
        fc
          .uint32Array({ minLength: height * width, maxLength: height * width, max: 3 })
          .map((ids) => ({ ids, height, width })),
      );
    fc.assert(
      fc.property(maps, (map) => {
        const painted = new Uint32Array(map.ids.length).fill(99);
        for (const [id, mask] of masksOfIds(map))
          decodeMask(mask).data.forEach((on, i) => {
            if (on === 1) painted[i] = id;
          });
        expect(painted).toEqual(map.ids);
      }),
    );
  });
});

describe('other layouts', () => {
  const label = (labels: number[], wide = false) =>
    encodeLabelPng({ labels: wide ? Uint16Array.from(labels) : Uint8Array.from(labels), height: 4, width: 6 });
  const rows = (...values: number[]) => values.flatMap((value) => Array<number>(6).fill(value));

  it('Cityscapes: stuff, instances, groups and void', async () => {
    const root = newRoot();
    put(root, 'leftImg8bit/val/bonn/bonn_000001_000019_leftImg8bit.png', photo);
    put(root, 'gtFine/val/bonn/bonn_000001_000019_gtFine_instanceIds.png', await label(rows(3, 7, 26, 26001), true));
    await expectDatasetContract(() => openDataset('cityscapes', root));
    const dataset = await openDataset('cityscapes', root);
    const { segments, semantic } = await dataset.load(dataset.images[0]!);
    expect(segments.map(({ categoryId, isThing, isCrowd, area }) => [categoryId, isThing, isCrowd, area])).toEqual([
      [7, false, false, 6],
      [26, true, true, 6],
      [26, true, false, 6],
    ]);
    expect([...semantic!.labels]).toEqual(rows(255, 7, 26, 26));
    expect(dataset.categories.length).toBe(27);
    expect(dataset.categories.find(({ id }) => id === 26)!.name).toBe('car');
    put(root, 'gtFine/val/bonn/bonn_000001_000019_gtFine_instanceIds.png', await label(rows(3, 7, 26, 99), true));
    expect(await complaint(dataset.load(dataset.images[0]!))).toMatch(
      /value 99 stands for label 99, wanted 0 to 33\.$/u,
    );
  });

  const xml = (object: string) =>
    `<annotation><size><width>6</width><height>4</height><depth>3</depth></size>${object}</annotation>`;
  const dog =
    '<object><name>dog</name><difficult>1</difficult><part><name>head</name><bndbox><xmin>9</xmin></bndbox></part><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></object>';

  it('Pascal VOC: boxes and masks', async () => {
    const root = newRoot();
    put(root, 'VOC2012/ImageSets/Main/val.txt', 'x1\nx2\n');
    put(root, 'VOC2012/ImageSets/Segmentation/val.txt', 'x1\n');
    put(root, 'VOC2012/Annotations/x1.xml', xml(dog));
    put(root, 'VOC2012/Annotations/x2.xml', xml(''));
    put(root, 'VOC2012/JPEGImages/x1.jpg', photo);
    put(root, 'VOC2012/SegmentationClass/x1.png', await label(rows(0, 12, 12, 255)));
    put(root, 'VOC2012/SegmentationObject/x1.png', await label(rows(0, 1, 2, 255)));
    await expectDatasetContract(() => openDataset('voc-2012', root));
    await expectDatasetContract(() => openDataset('voc-2012-masks', root));
    const boxes = await openDataset('voc-2012', root, { split: 'val' });
    expect((await boxes.load(boxes.images[0]!)).segments).toEqual([
      { categoryId: 12, isThing: true, bboxXywh: [1, 0, 3, 4], area: 12, isCrowd: false, isDifficult: true },
    ]);
    const masks = await openDataset('voc-2012-masks', root);
    expect(
      (await masks.load(masks.images[0]!)).segments.map(({ categoryId, bboxXywh }) => [categoryId, ...bboxXywh]),
    ).toEqual([
      [12, 0, 1, 6, 1],
      [12, 0, 2, 6, 1],
    ]);
    put(root, 'VOC2012/Annotations/x1.xml', xml(dog.replace('<ymax>4</ymax>', '')));
    expect(await complaint(boxes.load(boxes.images[0]!))).toBe('"x1.xml": object[0]: bndbox: <ymax> is missing.');
    put(root, 'VOC2012/Annotations/x1.xml', xml(dog.replace('dog', 'dragon')));
    expect(await complaint(boxes.load(boxes.images[0]!))).toMatch(
      /object\[0\]: name must be one of aeroplane, .*; got "dragon"\.$/u,
    );
  });

  it('Clipart, Watercolor, Comic', async () => {
    for (const id of ['clipart', 'watercolor', 'comic']) {
      const root = newRoot();
      put(root, 'ImageSets/Main/test.txt', 'x1\n');
      put(root, 'Annotations/x1.xml', xml(dog));
      put(root, 'JPEGImages/x1.jpg', photo);
      await expectDatasetContract(() => openDataset(id, root));
    }
  });

  it('KITTI', async () => {
    const root = newRoot();
    put(root, 'training/image_2/000000.png', photo);
    put(
      root,
      'training/label_2/000000.txt',
      'Car 0.00 0 -1.57 1.5 1.0 4.5 3.0 1 1 1 1 1 1 0\nDontCare -1 -1 -10 0 0 2 2 -1 -1 -1 -1 -1 -1 -1\n',
    );
    await expectDatasetContract(() => openDataset('kitti', root));
    const dataset = await openDataset('kitti', root);
    const { segments } = await dataset.load(dataset.images[0]!);
    expect(segments.map(({ bboxXywh, isCrowd }) => [...bboxXywh, isCrowd])).toEqual([
      [1.5, 1, 3, 2, false],
      [0, 0, 2, 2, true],
    ]);
    put(root, 'training/label_2/000000.txt', 'Car 0.00 0 -1.57 1.5 1.0 nan 3.0\n');
    expect(await complaint(dataset.load(dataset.images[0]!))).toBe(
      '"000000.txt": line 1: fields 5 to 8 must be left top right bottom, got "1.5 1.0 nan 3.0".',
    );
  });

  it('OpenImages', async () => {
    const root = newRoot();
    const head =
      'ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside';
    put(root, 'class-descriptions-boxable.csv', '/m/011k07,Tortoise\n/m/0bt9lr,Dog\n');
    put(root, 'validation/ab.jpg', photo);
    put(root, 'validation-annotations-bbox.csv', `${head}\nab,xclick,/m/0bt9lr,1,0.5,1,0.25,0.75,0,0,1,0,0\n`);
    await expectDatasetContract(() => openDataset('openimages', root));
    const dataset = await openDataset('openimages', root);
    expect((await dataset.load(dataset.images[0]!)).segments).toEqual([
      { categoryId: 2, isThing: true, bboxXywh: [3, 1, 3, 2], area: 6, isCrowd: true },
    ]);
    put(root, 'validation-annotations-bbox.csv', `${head}\nab,xclick,/m/0bt9lr,1,0.5,1.5,0.25,0.75,0,0,1,0,0\n`);
    expect(await complaint(openDataset('openimages', root))).toBe(
      '"validation-annotations-bbox.csv": line 2: XMin, YMin, XMax, YMax must rise within [0, 1], got 0.5, 0.25, 1.5, 0.75.',
    );
    put(root, 'validation-annotations-bbox.csv', 'ImageID,LabelName\n');
    expect(await complaint(openDataset('openimages', root))).toContain(
      'line 1: columns XMin, YMin, XMax, YMax, IsGroupOf are missing.',
    );
  });

  it.each([
    ['no header', ''],
    ['the header of v6', 'LabelName,DisplayName\n'],
    ['the header with a byte order mark', '\uFEFFLabelName,DisplayName\r\n'],
    ['another header', 'mid,display_name\n'],
  ])('OpenImages: ids of classes do not shift for %s', async (_, head) => {
    const root = newRoot();
    const columns = 'ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf';
    put(
      root,
      'class-descriptions-boxable.csv',
      `${head}/m/011k07,Tortoise\n/m/01g317,Person\n/m/0284d,"Dairy, cheese"\n`,
    );
    put(root, 'validation/ab.jpg', photo);
    put(root, 'validation-annotations-bbox.csv', `${columns}\nab,/m/01g317,0.5,1,0.25,0.75,0\n`);
    const dataset = await openDataset('openimages', root);
    expect(dataset.categories.map(({ id, name }) => [id, name])).toEqual([
      [1, 'Tortoise'],
      [2, 'Person'],
      [3, 'Dairy, cheese'],
    ]);
    expect((await dataset.load(dataset.images[0]!)).segments[0]).toMatchObject({ categoryId: 2 });
    put(root, 'class-descriptions-boxable.csv', `${head}/m/011k07,Tortoise\n/m/01g317\n`);
    expect(await complaint(openDataset('openimages', root))).toContain(`line ${head === '' ? 2 : 3} must be`);
  });

  it('OpenImages: a corner left out is not taken for 0', async () => {
    const root = newRoot();
    const columns = 'ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf';
    put(root, 'class-descriptions-boxable.csv', 'LabelName,DisplayName\n/m/01g317,Person\n');
    put(root, 'validation/ab.jpg', photo);
    put(root, 'validation-annotations-bbox.csv', `${columns}\nab,/m/01g317,,0.5,,0.6,0\n`);
    expect(await complaint(openDataset('openimages', root))).toMatch(/line 2: XMin.*got NaN, NaN, 0\.5, 0\.6/u);
  });

  it('Pascal VOC: comments, attributes and sizes of 0', async () => {
    const root = newRoot();
    const wanted = {
      categoryId: 12,
      isThing: true,
      bboxXywh: [1, 0, 3, 4],
      area: 12,
      isCrowd: false,
      isDifficult: true,
    };
    const cases = {
      commented: xml(`<!-- ${dog.replace('dog', 'cat')} -->${dog}<!--<object><name>no class</name>-->`),
      'commented-field': xml(dog.replace('<name>dog', '<!-- <name>cat</name> --><name>dog')),
      attributes: xml(dog.replaceAll(/<(object|name|part|bndbox|difficult|xmin|ymax)>/gu, '<$1 id="1" by=\'me\'>')),
      'attribute-size': xml(dog).replace('<size>', '<size unit="px">').replace('<width>', '<width unit="px">'),
      zero: xml(dog).replace('<width>6', '<width>0').replace('<height>4', '<height>0'),
      'zero-height': xml(dog).replace('<height>4', '<height>0'),
    };
    const names = Object.keys(cases);
    put(root, 'VOC2012/ImageSets/Main/val.txt', names.join('\n'));
    for (const [name, text] of Object.entries(cases)) {
      put(root, `VOC2012/Annotations/${name}.xml`, text);
      put(root, `VOC2012/JPEGImages/${name}.jpg`, photo);
    }
    const dataset = await openDataset('voc-2012', root, { split: 'val' });
    for (const [i, name] of names.entries()) {
      const { segments, height, width } = await dataset.load(dataset.images[i]!);
      expect(segments, name).toEqual([wanted]);
      expect([height, width], name).toEqual([4, 6]);
    }
  });

  it('COCO-Stuff, all and curated to 27', async () => {
    const root = newRoot();
    put(root, 'images/val2017/a.jpg', photo);
    put(root, 'images/val2017/b.jpg', photo);
    put(root, 'annotations/val2017/a.png', await label(rows(0, 1, 2, 255)));
    put(root, 'annotations/val2017/b.png', await label(rows(0, 9, 2, 255)));
    put(root, 'curated/val2017/Coco164kFull_Stuff_Coarse_7.txt', 'a\n');
    await expectDatasetContract(() => openDataset('coco-stuff', root));
    await expect(openDataset('coco-stuff-27', root)).rejects.toMatchObject({ code: 'wrong-usage' });
    const dataset = await openDataset('coco-stuff-27', root, { relabel: Uint8Array.of(5, 6, 6) });
    expect(dataset.images.map(({ id }) => id)).toEqual(['a']);
    expect([...(await dataset.load(dataset.images[0]!)).semantic!.labels]).toEqual(rows(5, 6, 6, 255));
    const wrong = await openDataset('coco-stuff', root, { relabel: Uint8Array.of(5, 6, 6) });
    expect(await complaint(wrong.load(wrong.images[1]!))).toBe('"b.png": pixel 6 must be [0, 3) or 255, got 9.');
  });

  it('LVIS and Objects365 name their files in their own ways', async () => {
    const lvis = newRoot();
    put(
      lvis,
      'annotations/lvis_v1_val.json',
      cocoJson((json) => {
        for (const image of json.images) {
          image.coco_url = `http://host/train2017/${image.file_name}`;
          delete image.file_name;
        }
      }),
    );
    for (const folder of ['train2017', 'val2017']) mkdirSync(join(lvis, folder));
    expect((await openDataset('lvis', lvis)).images[0]!.path).toBe(join(lvis, 'train2017/a.jpg'));
    const objects = newRoot();
    put(
      objects,
      'annotations/zhiyuan_objv2_val.json',
      cocoJson((json) => {
        json.images[0].file_name = 'images/v1/patch8/x.jpg';
      }),
    );
    mkdirSync(join(objects, 'val'));
    expect((await openDataset('objects365', objects)).images[0]!.path).toBe(join(objects, 'val/patch8/x.jpg'));
  });

  it('ImageNet and a folder of photos', async () => {
    const root = newRoot();
    put(root, 'train/n02/b.JPEG', photo);
    put(root, 'train/n01/a.JPEG', photo);
    await expectDatasetContract(() => openDataset('imagenet', root));
    await expectDatasetContract(() => openDataset('photos', root));
    expect((await openDataset('imagenet', root)).categories.map(({ name }) => name)).toEqual(['n01', 'n02']);
  });
});

describe('catalogue', () => {
  it('names every data set once, with licence, citation and layout', () => {
    expect(new Set(datasetCatalog.map(({ id }) => id)).size).toBe(datasetCatalog.length);
    for (const spec of datasetCatalog) {
      expect(
        [spec.title, spec.licence, spec.citation, spec.homepage, spec.splits[0], spec.layout[0]].every(Boolean),
      ).toBe(true);
    }
    expect(datasetCatalog.map(({ id }) => id)).toMatchSnapshot();
  });

  it('says in one sentence what is missing, for every data set', async () => {
    const root = newRoot();
    for (const spec of datasetCatalog.filter(({ id }) => id !== 'photos')) {
      const { ok, missing, message } = await checkDataset(spec, root);
      expect([ok, missing.length]).toEqual([false, spec.layout.length]);
      expect(message).toMatch(/^[^\n]+ is incomplete: [^\n]+ missing under [^\n]+; wanted layout: [^\n]+\.$/u);
      await expect(openDataset(spec.id, root)).rejects.toMatchObject({ code: 'not-found', message });
    }
    expect((await checkDataset(findDataset('photos'), root)).ok).toBe(true);
    expect(
      (await checkDataset(findDataset('coco-panoptic'), root, 'train')).message.replace(root, '…'),
    ).toMatchInlineSnapshot(
      `"COCO 2017 panoptic is incomplete: annotations/panoptic_train2017.json, annotations/panoptic_train2017/, train2017/ are missing under "…"; wanted layout: annotations/panoptic_train2017.json, annotations/panoptic_train2017/, train2017/ (from cocodataset.org)."`,
    );
  });

  it('knows its names and splits', async () => {
    await expect(openDataset('cocoo', base)).rejects.toThrow('no data set is called "cocoo"; known: coco-instances, ');
    await expect(openDataset('kitti', base, { split: 'val' })).rejects.toThrow(
      'kitti: split must be one of training; got "val".',
    );
  });
});

describe('drawLabelled', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => String(i * 37));

  it('draws the share asked for; larger shares contain smaller ones', () => {
    let smaller: string[] = [];
    for (const percent of labelPercentages) {
      const drawn = drawLabelled(ids, percent);
      expect(drawn.length).toBe(percent * 10);
      expect(smaller.every((id) => drawn.includes(id))).toBe(true);
      smaller = drawn;
    }
  });

  it('depends on the seed and not on the order', () => {
    expect(drawLabelled([...ids].reverse(), 5)).toEqual(drawLabelled(ids, 5));
    expect(drawLabelled(ids, 5, 1)).not.toEqual(drawLabelled(ids, 5, 2));
    expect(drawLabelled(ids, 1).slice(0, 4)).toMatchInlineSnapshot(`
      [
        "1184",
        "20646",
        "27158",
        "2812",
      ]
    `);
  });

  it('gives one image of a few, none of none, and refuses doubles and nonsense', () => {
    expect(drawLabelled(['a', 'b'], 1).length).toBe(1);
    expect(drawLabelled([], 10)).toEqual([]);
    expect(() => drawLabelled(['a', 'a'], 10)).toThrow('drawLabelled: id "a" occurs twice.');
    expect(() => drawLabelled(ids, 0)).toThrow('percent must be in');
  });
});
