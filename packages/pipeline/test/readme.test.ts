import { copyFile, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as pipeline from '@u2seg/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scenesIn, smallNetwork } from './small-run.ts';

const readme = fileURLToPath(new URL('../../../README.md', import.meta.url));

let scenes: Awaited<ReturnType<typeof scenesIn>>;
beforeAll(async () => void (scenes = await scenesIn('readme')));
afterAll(() => rm(scenes.root, { recursive: true, force: true }));

/** The first block of TypeScript that imports from the package, as lines. */
async function example(): Promise<string[]> {
  const text = await readFile(readme, 'utf8');
  const blocks = [...text.matchAll(/```ts\n(.*?)```/gsu)].map(([, code]) => code!);
  const found = blocks.find((code) => code.includes("from '@u2seg/pipeline'"));
  expect(found, 'README.md has a block of code that imports @u2seg/pipeline').toBeDefined();
  return found!.trim().split('\n');
}

it('runs the ten lines of the root README on scenes', async () => {
  const lines = await example();
  expect(lines.length).toBeLessThanOrEqual(10);
  await symlink(scenes.imageFolder, join(scenes.root, 'photos'));
  await mkdir(join(scenes.root, 'others'));
  const [photo] = await readdir(scenes.imageFolder);
  await copyFile(join(scenes.imageFolder, photo!), join(scenes.root, 'others', 'one.png'));
  const body = lines.filter((line) => !line.startsWith('import ')).join('\n');
  const printed: unknown[][] = [];
  // The example as it stands, but for a smaller network and folders of the test's own.
  const inFolder = (path: string): string => join(scenes.root, path);
  const names = {
    fitFolder: (options: pipeline.FitOptions) =>
      pipeline.fitFolder({
        ...options,
        photos: inFolder(options.photos),
        out: inFolder(options.out),
        config: smallNetwork,
        workers: 1,
      }),
    predictFolder: (options: pipeline.PredictFolderOptions) =>
      pipeline.predictFolder({
        ...options,
        photos: inFolder(options.photos),
        out: inFolder(options.out),
        model: inFolder(options.model),
      }),
    console: { log: (...values: unknown[]) => void printed.push(values) },
  };
  const AsyncFunction = (async () => undefined).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
  expect(printed[0]).toEqual([expect.objectContaining({ photos: 5 }), inFolder('runs/photos/report.html')]);
  expect(printed[1]![0]).toMatch(/^\d+ instances on 1 photos, in .*runs\/others\/predictions$/u);
});
