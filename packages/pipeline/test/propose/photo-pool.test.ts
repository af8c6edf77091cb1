import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng, generateScene } from '@u2seg/datasets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBackbone } from '../../src/propose/open-backbone.ts';
import { PhotoPool } from '../../src/propose/photo-pool.ts';
import { pipelinePresets } from '../../src/config/presets.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-pool-'));
  for (const [name, width] of [
    ['fine', 60],
    ['slow', 61],
    ['fatal', 62],
  ] as const) {
    const { image } = generateScene(1, { height: 48, width });
    await writeFile(join(folder, `${name}.png`), await encodePng(image));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the time a photo may take', () => {
  it(
    'does not count the start of its worker, nor that of one that follows a lost one',
    { timeout: 120_000 },
    async () => {
      const component = join(folder, 'propose.mjs');
      await writeFile(
        component,
        `await new Promise((resolve) => setTimeout(resolve, 3000));
      export function propose({ width }) {
        if (width === 61) for (;;);
        if (width === 62) process.exit(7);
        return [];
      }`,
      );
      const tiny = pipelinePresets['tiny']!;
      const config = {
        ...tiny,
        backbone: { ...tiny.backbone, size: 64 },
        proposals: { ...tiny.proposals, component, secondsPerPhoto: 2.5 },
      };
      const pool = new PhotoPool(1, { folder, config }, await openBackbone(config.backbone));
      try {
        expect((await pool.label('fine.png')).proposals).toEqual([]);
        await expect(pool.label('slow.png')).rejects.toThrow(/took longer than the 2.5 s/u);
        expect((await pool.label('fine.png')).proposals).toEqual([]);
        await expect(pool.label('fatal.png')).rejects.toThrow(/stopped/u);
        expect((await pool.label('fine.png')).proposals).toEqual([]);
      } finally {
        await pool.close();
      }
    },
  );
});
