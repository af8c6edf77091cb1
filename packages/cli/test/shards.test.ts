import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng, generateScene, writeSyntheticDataset } from '@u2seg/datasets';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-cli.ts';

const settings = [
  'backbone.size=64',
  'clustering.k=3',
  'semantics.steps=10',
  'semantics.clusters=4',
  'semantics.batchSize=4',
  'semantics.maxSide=64',
].flatMap((setting) => ['--set', setting]);

let root: string;
let photos: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-shards-'));
  const { imageFolder } = await writeSyntheticDataset(join(root, 'scenes'), {
    count: 40,
    seed: 6,
    height: 48,
    width: 64,
  });
  photos = imageFolder;
});

/** Hash of every table of a run, by path below `stages`. */
async function tables(run: string): Promise<Record<string, string>> {
  const files = await readdir(join(run, 'stages'), { recursive: true });
  const hashed = files
    .filter((file) => file.endsWith('.arrow'))
    .sort()
    .map(async (file) => {
      const bytes = await readFile(join(run, 'stages', file));
      return [file, createHash('sha256').update(bytes).digest('hex')] as const;
    });
  return Object.fromEntries(await Promise.all(hashed));
}

describe('u2seg pseudo-label --shard', () => {
  it('gives, in two processes at once and merged, the tables of an undivided run', { timeout: 600_000 }, async () => {
    const label = (out: string, ...more: string[]): ReturnType<typeof u2seg> =>
      u2seg(['pseudo-label', photos, '--out', join(root, out), '--workers', '1', ...settings, ...more]);
    const whole = await label('whole');
    expect(whole.code, whole.stderr).toBe(0);
    const shards = await Promise.all(['1/2', '2/2'].map((shard) => label('parts', '--shard', shard)));
    for (const { code, stderr } of shards) expect(code, stderr).toBe(0);
    const merged = await label('parts');
    expect(merged.code, merged.stderr).toBe(0);
    const found = await tables(join(root, 'parts'));
    expect(Object.keys(found).length).toBeGreaterThan(10);
    expect(found).toEqual(await tables(join(root, 'whole')));
  });
});

describe('proposals that are evidently broken', () => {
  it.each([
    ['[]', /40 of 40 photos have no proposal/u],
    [
      '[{ mask: { height, width, counts: Uint32Array.of(0, height * width) }, bboxXywh: [0, 0, width, height], area: height * width, score: 1 }]',
      /40 of 40 proposals cover their whole photo/u,
    ],
    [
      '[{ mask: { height, width, counts: Uint32Array.of(0, height * width) }, bboxXywh: [0, 0, width, height], area: height * width, score: NaN }]',
      /40 of 40 photos could not be labelled/u,
    ],
  ])('stop the run, unless they are accepted: %s', { timeout: 600_000 }, async (proposals, sentence) => {
    const folder = await mkdtemp(join(root, 'broken-'));
    const component = join(folder, 'propose.mjs');
    await writeFile(component, `export function propose({ height, width }) { return ${proposals}; }`);
    const own = [
      ...settings,
      '--set',
      'clustering.k=1',
      '--component',
      `proposals=${component}`,
      '--out',
      join(folder, 'run'),
    ];
    const { code, stderr } = await u2seg(['propose', photos, ...own]);
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
  });
});

describe('a photo that goes wrong', () => {
  it('too slow or fatal to its worker, is left out and listed, and the run goes on', { timeout: 600_000 }, async () => {
    const folder = await mkdtemp(join(root, 'wrong-'));
    for (const [i, name] of ['fine', 'slow', 'fatal', 'also fine'].entries()) {
      const { image } = generateScene(i, { height: 48, width: 60 + i });
      await writeFile(join(folder, `${name}.png`), await encodePng(image));
    }
    const component = join(root, 'propose.mjs');
    await writeFile(
      component,
      `export function propose({ width, height }) {
        if (width === 61) for (;;);
        if (width === 62) process.exit(7);
        const counts = Uint32Array.of(0, Math.floor((width * height) / 2), Math.ceil((width * height) / 2));
        return [{ mask: { height, width, counts }, bboxXywh: [0, 0, width / 2, height], area: counts[1], score: 0.5 }];
      }`,
    );
    const out = join(root, 'wrong-run');
    const own = [
      '--set',
      'proposals.secondsPerPhoto=10',
      '--set',
      'clustering.k=1',
      '--component',
      `proposals=${component}`,
    ];
    const { code, stdout, stderr } = await u2seg([
      'propose',
      folder,
      '--out',
      out,
      '--workers',
      '2',
      ...settings,
      ...own,
    ]);
    expect(code, stderr).toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/2 proposals on 2 photos|2 proposals on 4 photos/u);
    const skipped = (await readdir(join(out, 'stages', 'propose', 'skipped'))).find((file) => file.endsWith('.arrow'))!;
    const listed = (await readFile(join(out, 'stages', 'propose', 'skipped', skipped))).toString('latin1');
    expect(listed).toMatch(/slow\.png/u);
    expect(listed).toMatch(/took longer than the 10 s/u);
    expect(listed).toMatch(/fatal\.png/u);
  });
});
