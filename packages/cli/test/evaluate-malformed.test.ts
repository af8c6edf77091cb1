/** What is malformed ends in an error that names file, record and field, never in a number. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { encodePngSamples, readPanopticPng, writeSyntheticDataset, type SyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-main.ts';

let root: string;
let data: SyntheticDataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-malformed-'));
  data = await writeSyntheticDataset(join(root, 'scenes'), { count: 2, seed: 5, height: 48, width: 64 });
});

/** What `JSON.parse` gives: anything. */
type Parsed = ReturnType<typeof JSON.parse>;
type Json = Record<string, Parsed>;
/** A change of the document before it is written, or of its text. */
type Change = { readonly json?: (document: Parsed) => unknown; readonly text?: (text: string) => string };

async function changed(source: string, change: Change, path: string): Promise<string> {
  const document: unknown = JSON.parse(await readFile(source, 'utf8'));
  const replaced = change.json?.(document);
  const text = JSON.stringify(Array.isArray(replaced) ? replaced : document);
  await writeFile(path, change.text?.(text) ?? text);
  return path;
}

async function complaint(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await u2seg(['evaluate', ...args]);
  expect(stdout).toBe('');
  expect(code).toBe(1);
  return stderr;
}

const newFolder = (): Promise<string> => mkdtemp(join(root, 'case-'));

describe('COCO instances ground truth', () => {
  const first = (change: (annotation: Json) => void): Change => ({
    json: ({ annotations }) => void change(annotations[0]),
  });
  it.each<[string, Change, RegExp]>([
    ['an annotation without id', first((a) => delete a['id']), /annotations\[0\]: id must be .*got nothing/u],
    [
      'an id that occurs twice',
      { json: ({ annotations: [a, b] }) => void (b.id = a.id) },
      /annotations\[1\]: id \d+ occurs twice/u,
    ],
    [
      'an image that is not listed',
      first((a) => (a['image_id'] = 99)),
      /annotations\[0\] \(id \d+\): image_id .*got 99/u,
    ],
    ['an image without id', { json: ({ images }) => delete images[1].id }, /images\[1\]: id must be/u],
    ['an image twice', { json: ({ images }) => void (images[1].id = images[0].id) }, /images: id 1 occurs twice/u],
    [
      'an image of 10^12 pixels',
      { json: ({ images }) => void (images[0].height = images[0].width = 1e6) },
      /images\[0\] \(id 1\): height x width must be below/u,
    ],
    [
      'a category that is not listed',
      first((a) => (a['category_id'] = 4711)),
      /annotations\[0\] .*: category_id .*got 4711/u,
    ],
    [
      'a category twice',
      { json: ({ categories }) => categories.push(categories[0]) },
      /categories: id \d+ occurs twice/u,
    ],
    ['no categories', { json: (document) => delete document.categories }, /categories must be a list, got nothing/u],
    ['a negative area', first((a) => (a['area'] = -1)), /annotations\[0\] .*: area must be .*at least 0, got -1/u],
    ['an area that is text', first((a) => (a['area'] = '12')), /annotations\[0\] .*: area .*got "12"/u],
    ['a box of negative width', first((a) => (a['bbox'] = [1, 1, -2, 3])), /annotations\[0\] .*: bbox .*width/u],
    ['a box of three numbers', first((a) => (a['bbox'] = [1, 1, 2])), /annotations\[0\] .*: bbox must be/u],
    ['a crowd flag of 2', first((a) => (a['iscrowd'] = 2)), /annotations\[0\] .*: iscrowd must be 0 or 1, got 2/u],
    [
      'run lengths that do not add up',
      first((a) => (a['segmentation'] = { size: [48, 64], counts: [1, 2] })),
      /annotations\[0\] .*: segmentation\.counts .*got 3/u,
    ],
    [
      'run lengths beyond 32 bits',
      first((a) => (a['segmentation'] = { size: [48, 64], counts: [0, 2 ** 40] })),
      /annotations\[0\] .*: segmentation\.counts/u,
    ],
    [
      'a negative run length',
      first((a) => (a['segmentation'] = { size: [48, 64], counts: [5000, -1928] })),
      /annotations\[0\] .*: segmentation\.counts\[1\].*got -1928/u,
    ],
    [
      'a run-length string cut short',
      first((a) => (a['segmentation'] = { size: [48, 64], counts: 'a`' })),
      /annotations\[0\] .*: segmentation\.counts/u,
    ],
    [
      'a mask of another size',
      first((a) => (a['segmentation'] = { size: [64, 48], counts: [3072] })),
      /annotations\[0\] .*: segmentation\.size must be \[48, 64\]/u,
    ],
    [
      'NaN for an area, as Python writes it',
      { ...first((a) => (a['area'] = 'X')), text: (text) => text.replace('"X"', 'NaN') },
      /annotations\[0\]: area must be a finite number, got NaN/u,
    ],
    [
      'a file cut short',
      { text: (text) => text.slice(0, text.indexOf('"annotations"') + 40) },
      /ends inside annotations\[0\]/u,
    ],
    ['a list of images', { json: ({ images }) => images }, /must be an object/u],
    ['an empty file', { text: () => '' }, /is not valid JSON/u],
  ])('%s', async (_, change, sentence) => {
    const folder = await newFolder();
    const { annotations } = JSON.parse(await readFile(data.instancesJson, 'utf8')) as { annotations: Json[] };
    const pred = join(folder, 'results.json');
    await writeFile(
      pred,
      JSON.stringify(annotations.map(({ id: _id, area: _area, ...one }) => ({ ...one, score: 0.5 }))),
    );
    const gt = await changed(data.instancesJson, change, join(folder, 'truth.json'));
    const message = await complaint('--gt', gt, '--pred', pred, '--format', 'coco-results');
    expect(message).toContain('truth.json');
    expect(message).toMatch(sentence);
  });
});

describe('COCO results', () => {
  const first = (change: (result: Json) => void): Change => ({ json: (results) => void change(results[0]) });
  it.each<[string, Change, RegExp]>([
    ['a result without score', first((r) => delete r['score']), /\[0\]: score must be a finite number, got nothing/u],
    [
      'NaN for a score',
      { ...first((r) => (r['score'] = 'X')), text: (text) => text.replace('"X"', 'NaN') },
      /\[0\]: score must be a finite number, got NaN/u,
    ],
    [
      'an infinite score',
      { ...first((r) => (r['score'] = 'X')), text: (text) => text.replace('"X"', '-Infinity') },
      /\[0\]: score must be a finite number, got -Infinity/u,
    ],
    ['an image that is not in the ground truth', first((r) => (r['image_id'] = 99)), /\[0\]: image_id .*got 99/u],
    ['an image given by name', first((r) => (r['image_id'] = '1')), /\[0\]: image_id .*got "1"/u],
    [
      'a category that is not in the ground truth',
      first((r) => (r['category_id'] = 4711)),
      /\[0\]: category_id .*got 4711/u,
    ],
    ['a result without category', first((r) => delete r['category_id']), /\[0\]: category_id .*got nothing/u],
    [
      'neither box nor mask',
      first((r) => (delete r['bbox'], delete r['segmentation'])),
      /\[0\]: bbox or segmentation/u,
    ],
    [
      'a box that later results lack',
      { json: (results) => delete results[1].bbox },
      /\[1\]: bbox must be .*got nothing/u,
    ],
    [
      'null in a box',
      first((r) => (r['bbox'] = [0, 0, null, 1])),
      /\[0\]: bbox\[2\] must be a finite number, got null/u,
    ],
    [
      'a mask that does not add up',
      first((r) => (r['segmentation'] = { size: [48, 64], counts: '1' })),
      /\[0\]: segmentation\.counts/u,
    ],
    [
      'a mask of another size',
      first((r) => (r['segmentation'] = { size: [9, 9], counts: [81] })),
      /\[0\]: segmentation\.size/u,
    ],
    ['an element that is no object', { json: (results) => results.push(7) }, /\[\d+\] must be an object, got 7/u],
    ['a file cut short', { text: (text) => text.slice(0, -30) }, /ends inside \[\d+\]/u],
    [
      'a comma too many',
      { text: (text) => `${text.slice(0, -1)},]` },
      /\[\d+\] is missing: there is a comma too many/u,
    ],
  ])('%s', async (what, change, sentence) => {
    const folder = await newFolder();
    const { annotations } = JSON.parse(await readFile(data.instancesJson, 'utf8')) as { annotations: Json[] };
    const whole = join(folder, 'whole.json');
    await writeFile(
      whole,
      JSON.stringify(annotations.map(({ id: _id, area: _area, ...one }) => ({ ...one, score: 0.5 }))),
    );
    const pred = await changed(whole, change, join(folder, 'results.json'));
    for (const args of [[], ['--protocol', 'majority-vote']]) {
      // a cluster need not be a category
      if (args.length > 0 && what === 'a category that is not in the ground truth') continue;
      const message = await complaint('--gt', data.instancesJson, '--pred', pred, '--format', 'coco-results', ...args);
      expect(message).toContain('results.json');
      expect(message).toMatch(args.length > 0 && /category/u.test(sentence.source) ? /\[0\]: category_id/u : sentence);
    }
  });

  it('a cluster number that can only be a mistake', async () => {
    const pred = join(await newFolder(), 'results.json');
    await writeFile(pred, JSON.stringify([{ image_id: 1, category_id: 4e9, bbox: [0, 0, 1, 1], score: 1 }]));
    expect(await complaint('--gt', data.instancesJson, '--pred', pred, '--protocol', 'majority-vote')).toMatch(
      /results\.json: \[0\]: category_id must be a cluster in \[0, 100000\), got 4000000000/u,
    );
  });
});

describe('COCO panoptic JSON + PNG', () => {
  /** The data set once more in a folder of its own, its JSON changed; then its PNGs. */
  async function panoptic(change: Change, png?: (folder: string, file: string) => Promise<void>): Promise<string> {
    const folder = await newFolder();
    const pngs = join(folder, 'panoptic');
    await mkdir(pngs);
    const files = (await readdir(data.panopticFolder)).sort();
    for (const file of files) await copyFile(join(data.panopticFolder, file), join(pngs, file));
    await png?.(pngs, files[0]!);
    return changed(data.panopticJson, change, join(folder, 'panoptic.json'));
  }
  const first = (change: (annotation: Json) => void): Change => ({
    json: ({ annotations }) => void change(annotations[0]),
  });
  const segment = (change: (segment: Json) => void): Change => first((a) => change(a['segments_info'][0]));

  const changes: [string, Change, RegExp][] = [
    ['a segment without id', segment((s) => delete s['id']), /annotations\[0\] .*segments_info\[0\]: id must be/u],
    ['segment id 0, which is void', segment((s) => (s['id'] = 0)), /segments_info\[0\]: id must be .*got 0/u],
    [
      'a segment id that occurs twice',
      first((a) => (a['segments_info'][1].id = a['segments_info'][0].id)),
      /segments_info\[1\]: id \d+ occurs twice/u,
    ],
    [
      'a segment that is not listed',
      first((a) => a['segments_info'].pop()),
      /000000000001\.png.*segment \d+ is in the map and not in the list/u,
    ],
    [
      'a listed segment without pixels',
      first((a) => a['segments_info'].push({ ...a['segments_info'][0], id: 4711 })),
      /000000000001\.png.*segment 4711 is in the list of segments and not in the map/u,
    ],
    [
      'a category that is not listed',
      segment((s) => (s['category_id'] = 4711)),
      /segments_info\[0\]: category_id .*got 4711/u,
    ],
    ['a negative area', segment((s) => (s['area'] = -4)), /segments_info\[0\]: area must be .*got -4/u],
    ['a crowd flag of 2', segment((s) => (s['iscrowd'] = 2)), /segments_info\[0\]: iscrowd must be 0 or 1, got 2/u],
    [
      'an image annotated twice',
      { json: ({ annotations: [a, b] }) => void (b.image_id = a.image_id) },
      /annotations\[1\]: image 1 is annotated twice/u,
    ],
    ['an image that is not listed', first((a) => (a['image_id'] = 99)), /annotations\[0\] .*: image_id .*got 99/u],
    ['an annotation without file name', first((a) => delete a['file_name']), /annotations\[0\] .*: file_name must be/u],
    ['a PNG that is not there', first((a) => (a['file_name'] = 'none.png')), /none\.png/u],
    ['no segments_info', first((a) => delete a['segments_info']), /annotations\[0\] .*: segments_info must be a list/u],
    [
      'isthing that is no flag',
      { json: ({ categories }) => void (categories[0].isthing = 'yes') },
      /categories\[0\] .*: isthing must be 0 or 1, got "yes"/u,
    ],
    [
      'a file cut short',
      { text: (text) => text.slice(0, text.indexOf('"annotations"') + 40) },
      /ends inside annotations\[0\]/u,
    ],
  ];
  describe.each(['--gt', '--pred'] as const)('%s', (side) => {
    it.each(changes)('%s', async (what, change, sentence) => {
      const broken = await panoptic(change);
      const other = side === '--gt' ? '--pred' : '--gt';
      for (const protocol of ['classes', 'all']) {
        // the prediction's own list of categories is not looked at where categories are those of the ground truth
        if (protocol === 'classes' && side === '--pred' && what.startsWith('isthing')) continue;
        const message = await complaint(
          side,
          broken,
          other,
          data.panopticJson,
          '--format',
          'panoptic',
          '--protocol',
          protocol,
        );
        expect(message).toMatch(/panoptic\.json|000000000001\.png|none\.png/u);
        expect(message).toMatch(sentence);
      }
    });
  });

  it.each<[string, (folder: string, file: string) => Promise<void>, RegExp]>([
    [
      '16 bits',
      async (folder, file) =>
        writeFile(
          join(folder, file),
          await encodePngSamples({ height: 48, width: 64, channels: 3, samples: new Uint16Array(3 * 48 * 64) }),
        ),
      /wanted RGB with 8 bits, got/u,
    ],
    [
      'one channel',
      async (folder, file) =>
        writeFile(
          join(folder, file),
          await encodePngSamples({ height: 48, width: 64, channels: 1, samples: new Uint8Array(48 * 64) }),
        ),
      /wanted RGB with 8 bits, got/u,
    ],
    [
      'another size',
      async (folder, file) =>
        writeFile(
          join(folder, file),
          await encodePngSamples({ height: 64, width: 48, channels: 3, samples: new Uint8Array(3 * 48 * 64) }),
        ),
      /has 48 x 64 pixels/u,
    ],
    [
      'a PNG cut short',
      async (folder, file) => writeFile(join(folder, file), (await readFile(join(folder, file))).subarray(0, 200)),
      /cut off/u,
    ],
    ['a photo', async (folder, file) => writeFile(join(folder, file), 'JFIF'), /is not a PNG file/u],
    [
      'colours that are no ids',
      async (folder, file) => {
        const { ids } = await readPanopticPng(join(folder, file));
        const samples = Uint8Array.from({ length: 3 * ids.length }, (_, i) => (i * 7) % 256);
        await writeFile(join(folder, file), await encodePngSamples({ height: 48, width: 64, channels: 3, samples }));
      },
      /segment \d+ is in the map and not in the list/u,
    ],
  ])('a PNG of %s', async (_, png, sentence) => {
    const broken = await panoptic({}, png);
    for (const [gt, pred] of [
      [broken, data.panopticJson],
      [data.panopticJson, broken],
    ] as const) {
      const message = await complaint('--gt', gt, '--pred', pred, '--protocol', 'classes');
      expect(message).toContain('000000000001.png');
      expect(message).toMatch(sentence);
    }
  });

  it('says where segments of the ground truth overlapped when its map was drawn', async () => {
    const gt = await panoptic(segment((s) => (s['area'] += 5)));
    for (const protocol of ['classes', 'all']) {
      const { code, stdout } = await u2seg([
        'evaluate',
        '--gt',
        gt,
        '--pred',
        data.panopticJson,
        '--protocol',
        protocol,
        '--json',
      ]);
      expect(code).toBe(0);
      const { notes } = JSON.parse(stdout) as { notes: readonly string[] };
      expect(notes).toEqual([expect.stringMatching(/1 of \d+ segments state another area than they have in the map/u)]);
    }
  });

  it('reads a palette as its colours, and pairs by id where the prediction names no images', async () => {
    const pred = await panoptic({ json: (document) => delete document.images }, async (folder, file) => {
      const { ids, height, width } = await readPanopticPng(join(folder, file));
      const distinct = [...new Set(ids)];
      const palette = Uint8Array.from(distinct.flatMap((id) => [id & 255, (id >> 8) & 255, id >> 16]));
      const samples = Uint8Array.from(ids, (id) => distinct.indexOf(id));
      await writeFile(join(folder, file), await encodePngSamples({ height, width, channels: 1, samples, palette }));
    });
    const { code, stdout, stderr } = await u2seg([
      'evaluate',
      '--gt',
      data.panopticJson,
      '--pred',
      pred,
      '--protocol',
      'classes',
      '--json',
    ]);
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as { panoptic: { all: { pq: number } } }).panoptic.all.pq).toBe(1);
  });

  it('does not score, and says so, predictions for images without ground truth', async () => {
    const gt = await panoptic({ json: ({ annotations, images }) => (annotations.pop(), images.pop(), undefined) });
    const { code, stdout } = await u2seg([
      'evaluate',
      '--gt',
      gt,
      '--pred',
      data.panopticJson,
      '--protocol',
      'classes',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/not scored: 000000000002\.jpg/u);
    expect(basename(gt)).toBe('panoptic.json');
  });
});

describe('nothing to score', () => {
  it('is no number, not 0', async () => {
    const folder = await newFolder();
    const [gt, pred] = [join(folder, 'truth.json'), join(folder, 'results.json')];
    const { images, categories } = JSON.parse(await readFile(data.instancesJson, 'utf8')) as Json;
    await writeFile(gt, JSON.stringify({ images, categories, annotations: [] }));
    await writeFile(pred, '[]');
    const { code, stdout } = await u2seg(['evaluate', '--gt', gt, '--pred', pred, '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Json)['classAware'].bbox.ap).toBeNull();
    const text = await u2seg(['evaluate', '--gt', gt, '--pred', pred]);
    expect(text.stdout).not.toMatch(/\b0\.00/u);
  });
});
