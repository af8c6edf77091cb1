import { chmod, cp, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeJpeg, encodePng, generateScene, writeSyntheticDataset } from '@u2seg/datasets';
import { imagesTable, PartitionedTable, proposalsTable, skippedTable } from '@u2seg/interchange';
import { boundByPermissions } from '@u2seg/testing';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-cli.ts';

const { image } = generateScene(3, { height: 64, width: 96 });
const quick = ['--set', 'backbone.size=64', '--workers', '1'];
let jpeg: Uint8Array;
let root: string;

beforeAll(async () => {
  jpeg = await encodeJpeg(image);
  root = await mkdtemp(join(tmpdir(), 'u2seg-bad-'));
});

/** A folder of files by name. */
async function photos(name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), content);
  }
  return folder;
}

async function inputsHash(run: string, stage: string): Promise<string> {
  return (JSON.parse(await readFile(join(run, 'stages', stage, 'stage.json'), 'utf8')) as { inputsHash: string })
    .inputsHash;
}

describe('photos that cannot be used', () => {
  it('are listed with their reason, and the run goes on with the others', async () => {
    const rgb = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
    const folder = await photos('mixed', {
      'good.jpg': jpeg,
      'with space.jpg': jpeg,
      'emoji 🦊.jpg': jpeg,
      'new\nline.jpg': jpeg,
      'stem.jpg': jpeg,
      'stem.png': await encodePng(image),
      'sub/deep.jpg': jpeg,
      'grey.png': await rgb.clone().greyscale().png().toBuffer(),
      'cmyk.jpg': await rgb.clone().toColourspace('cmyk').jpeg().toBuffer(),
      'sixteen.png': await rgb.clone().toColourspace('rgb16').png().toBuffer(),
      'alpha.png': await rgb.clone().ensureAlpha(0.5).png().toBuffer(),
      'rotated.jpg': await rgb.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
      'one.png': await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
      'empty.jpg': new Uint8Array(0),
      'truncated.jpg': jpeg.slice(0, jpeg.length / 2),
      'corrupt.jpg': Uint8Array.from(jpeg, (byte, i) => (i > 200 && i % 7 === 0 ? 255 - byte : byte)),
      'broken\nline.jpg': 'not a photo either',
      'text.jpg': 'not a photo at all',
      'huge.png': await sharp({
        create: { width: 20_000, height: 20_000, channels: 3, background: 'red' },
        limitInputPixels: false,
      })
        .png({ compressionLevel: 1 })
        .toBuffer(),
      'notes.txt': 'no photo by name',
    });
    await symlink(folder, join(folder, 'sub', 'loop'));
    await symlink(join(folder, 'gone'), join(folder, 'dangling.jpg'));
    const out = join(root, 'mixed-run');
    const result = await u2seg(['propose', folder, '--out', out, ...quick]);
    expect(result.code, result.stderr).toBe(0);
    const hash = await inputsHash(out, 'images');
    const rows = await new PartitionedTable(join(out, 'stages/images/images'), imagesTable, hash).read(0);
    const skipped = await new PartitionedTable(join(out, 'stages/images/skipped'), skippedTable, hash).read(0);
    const used = rows.map(({ image_id: id }) => id);
    for (const name of [
      'good.jpg',
      'with space.jpg',
      'emoji 🦊.jpg',
      'new\nline.jpg',
      'stem.jpg',
      'stem.png',
      'sub/deep.jpg',
      'grey.png',
      'cmyk.jpg',
      'sixteen.png',
      'alpha.png',
      'rotated.jpg',
      'one.png',
    ]) {
      expect(used).toContain(name);
    }
    expect(rows.find(({ image_id: id }) => id === 'rotated.jpg')).toMatchObject({ height: 96, width: 64 });
    const reasons = new Map(skipped.map(({ path, reason }) => [path, reason]));
    for (const name of [
      'empty.jpg',
      'truncated.jpg',
      'corrupt.jpg',
      'text.jpg',
      'huge.png',
      'dangling.jpg',
      'sub/loop',
    ]) {
      expect(reasons.get(name), name).toMatch(/\w/u);
      expect(result.stderr).toContain(name);
    }
    // a name may not break the log's lines
    expect(reasons.has('broken\nline.jpg')).toBe(true);
    expect(result.stderr).toMatch(/^warning: "broken\\nline\.jpg" is left out: /mu);
    expect(reasons.get('huge.png')).toMatch(/400 MP.*limit/u);
    // a photo the size of a dot has nothing to cut, and that is no error
    const proposals = new PartitionedTable(
      join(out, 'stages/propose/proposals'),
      proposalsTable,
      await inputsHash(out, 'propose'),
    );
    expect((await proposals.read(0)).length).toBeGreaterThan(0);
  }, 600_000);

  it('end the run when none is left, with the first reason', async () => {
    const folder = await photos('broken', { 'a.jpg': 'x', 'b.png': '' });
    const { code, stderr } = await u2seg(['fit', folder, '--out', join(root, 'broken-run')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/none of 2 photos can be used; a\.jpg: /u);
  });
});

describe('folders that cannot be used', () => {
  it.each([
    ['absent', async () => join(root, 'nowhere'), /nowhere/u],
    ['empty', async () => photos('empty', {}), /no photo in .*empty/u],
    ['a file', async () => join(await photos('file', { 'a.jpg': 'x' }), 'a.jpg'), /wanted a folder/u],
  ] as const)('%s: a sentence and exit code 1 or 2', async (_, make, sentence) => {
    const { code, stderr } = await u2seg(['fit', await make(), '--out', join(root, 'never')]);
    expect([1, 2]).toContain(code);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/ at .*\.js:\d+/u);
  });

  const bound = boundByPermissions();
  it.skipIf(bound === undefined)(
    'unreadable or read-only (needs a user whom permissions bind: none, or setpriv for root)',
    async () => {
      const folder = await photos('locked', { 'a.jpg': jpeg, 'b.jpg': jpeg, 'sub/c.jpg': jpeg });
      const run = (...args: string[]): ReturnType<typeof u2seg> => u2seg(args, { before: bound! });
      // one photo and one folder inside: listed, and the run goes on with the others
      await chmod(join(folder, 'b.jpg'), 0o000);
      await chmod(join(folder, 'sub'), 0o000);
      const some = await run('propose', folder, '--out', join(root, 'locked-run'), ...quick);
      expect(some.code, some.stderr).toBe(0);
      expect(some.stderr).toMatch(/b\.jpg is left out: .*permission denied/u);
      expect(some.stderr).toMatch(/sub is left out: the folder cannot be read: permission denied/u);
      expect(some.stderr).toMatch(/1 photos, 2 left out/u);
      // the folder itself
      await chmod(folder, 0o000);
      const none = await run('fit', folder, '--out', join(root, 'never'));
      await chmod(folder, 0o755);
      expect(none).toMatchObject({ code: 1 });
      expect(none.stderr).toMatch(/^u2seg: .*cannot read the folder .*locked": permission denied\.\n$/u);
      // an output that may not be made, and one that may not be gone on with
      const readOnly = await photos('read-only', {});
      await chmod(readOnly, 0o555);
      const unmade = await run('propose', folder, '--out', join(readOnly, 'run'), ...quick);
      expect(unmade).toMatchObject({ code: 1 });
      expect(unmade.stderr).toMatch(/^u2seg: .*read-only\/run: the folder cannot be made: permission denied\.\n$/u);
      const started = join(root, 'locked-run');
      await chmod(started, 0o555);
      const stopped = await run('propose', folder, '--out', started, ...quick);
      await chmod(started, 0o755);
      expect(stopped).toMatchObject({ code: 1 });
      expect(stopped.stderr).toMatch(/^u2seg: .*locked-run: cannot be written: permission denied\.\n$/u);
    },
    120_000,
  );

  it('an output below a file', async () => {
    const folder = await photos('fine', { 'a.jpg': jpeg });
    const { code, stderr } = await u2seg(['propose', folder, '--out', join(folder, 'a.jpg', 'run')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/a\.jpg\/run: the folder cannot be made/u);
  });

  it('an output folder of another run or another configuration, whose files stay as they are', async () => {
    const folder = await photos('first', { 'a.jpg': jpeg });
    const other = await photos('second', { 'a.jpg': jpeg });
    const out = join(root, 'first-run');
    expect((await u2seg(['propose', folder, '--out', out, ...quick])).code).toBe(0);
    const before = await readdir(out, { recursive: true });
    const conflict = await u2seg(['propose', folder, '--out', out, ...quick, '--k', '3']);
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toMatch(/clustering\.k: \d+ there, 3 here/u);
    const another = await u2seg(['propose', other, '--out', out, ...quick]);
    expect(another.code).toBe(1);
    expect(another.stderr).toMatch(/holds a run on .*first/u);
    expect(await readdir(out, { recursive: true })).toEqual(before);
  });
});

describe('ground truth that cannot be used', () => {
  it('is found out before the work begins', async () => {
    const { imageFolder, panopticJson } = await writeSyntheticDataset(join(root, 'scenes'), {
      count: 2,
      seed: 1,
      height: 64,
      width: 96,
    });
    const other = await photos('not annotated', { 'other.jpg': jpeg });
    const dataset = JSON.parse(await readFile(panopticJson, 'utf8')) as { annotations: { file_name: string }[] };
    dataset.annotations[1]!.file_name = 'gone.png';
    await cp(join(panopticJson, '..', 'panoptic'), join(root, 'scenes', 'half'), { recursive: true });
    const half = join(root, 'scenes', 'half.json');
    await writeFile(half, JSON.stringify(dataset));
    for (const [name, args, sentence] of [
      [
        'absent',
        [imageFolder, '--gt', join(root, 'no.json')],
        /no\.json: the ground truth cannot be read: no such file/u,
      ],
      [
        'no JSON',
        [imageFolder, '--gt', join(imageFolder, '..', 'synthetic.json')],
        /synthetic\.json: categories must be a list/u,
      ],
      ['of other photos', [other, '--gt', panopticJson], /none of its 2 annotated images is among the 1 photos/u],
      ['without a PNG', [imageFolder, '--gt', half], /gone\.png": no such file/u],
      [
        'of photos that are shrunk',
        [imageFolder, '--gt', panopticJson, '--set', 'photos.maxSide=48'],
        /has 96 x 64 pixels, photo .* 48 x 32; .*--set photos\.maxSide=0/u,
      ],
    ] as const) {
      const out = join(root, `gt ${name}`);
      const { code, stderr } = await u2seg(['fit', ...args, '--out', out, ...quick]);
      expect(code, name).toBe(1);
      expect(stderr).toMatch(sentence);
      expect(await readdir(join(out, 'stages')), name).toEqual(['images']);
    }
  }, 600_000);
});

describe('wrong use', () => {
  it.each([
    [['fit'], /missing required argument/u],
    [['fti', 'x'], /unknown command 'fti'.*fit/su],
    [['fit', 'x', '--otu', 'y'], /unknown option '--otu'.*--out/su],
    [['fit', 'x', '--set', 'train.iteratons=3'], /train\.iteratons\. Did you mean train\.iterations\?/u],
    [['fit', 'x', '--seed', 'minus one'], /whole number/u],
    [['fit', 'x', '--preset', 'medium'], /tiny, paper/u],
    [['fit', 'x', '--component', 'stego=./a.mjs'], /slot/u],
    [['pseudo-label', 'x', '--shard', '3/2'], /--shard wants i\/n/u],
    [['predict', 'x'], /--model/u],
  ])('%j: exit code 2 and a hint', async (args, sentence) => {
    const { code, stderr } = await u2seg(args);
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
  });

  it('tells programs in JSON', async () => {
    const { code, stdout } = await u2seg(['fit', join(root, 'nowhere'), '--out', join(root, 'never'), '--json']);
    expect(code).toBe(1);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; code?: string });
    expect(events.at(-1)).toMatchObject({ event: 'error', code: 'not-found' });
  });

  it('names weights that cannot be had, their address and the flag that takes a copy', async () => {
    const folder = await photos('weights', { 'a.jpg': jpeg });
    const { code, stderr } = await u2seg([
      'propose',
      folder,
      '--out',
      join(root, 'weights-run'),
      '--backbone',
      'dino-vits16',
      '--weights',
      join(root, 'no.pth'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('no.pth');
  });
});
