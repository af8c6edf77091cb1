/**
 * What learned contours give the regions of coco-mini, next to the colour edges they were learned from.
 *
 *   u2seg contours ../shared/data/coco-mini/images --out runs/contours-1 --seed 1 --set train.iterations=1
 *   node experiments/dist/learned-contours.js runs/contours-1 [more runs]
 *
 * Result: `experiments/learned-contours/summary.json`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findContours, openContours, type ContourSource } from '@u2seg/pipeline/internal';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { proposeObjects } from '@u2seg/maskcut';
import { cutPhotos, HalvedScores, type HalvedNumbers } from './coco-mini-photos.ts';
import { isMain } from './is-main.ts';

/** Of photos, to see what other photos would have said. */
const draws = 1000;

interface Row {
  readonly contours: string;
  /** Seed and steps of the contour network. */
  readonly seed?: number;
  readonly iterations?: number;
  readonly scores: HalvedNumbers;
  /** Over the regions by colour, photos drawn again a thousand times. */
  readonly overColour?: ReturnType<HalvedScores['over']>;
}

interface Trained {
  readonly seed: number;
  readonly iterations: number;
  readonly source: ContourSource;
}

/** @throws U2SegError `not-found` for a run that trained no contours */
async function openRun(folder: string): Promise<Trained> {
  const contours = await findContours(folder);
  if (contours === undefined) {
    throw new U2SegError('not-found', `${folder}: wanted a run with trained contours (u2seg contours).`);
  }
  const { config } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as {
    readonly config: { readonly seed: number };
  };
  const { iterations } = contours.summary;
  return { seed: config.seed, iterations, source: await openContours(contours.path, 'auto') };
}

async function run(data: string, runs: readonly Trained[], say: (line: string) => void): Promise<Row[]> {
  const colour = new HalvedScores();
  const learned = runs.map(() => new HalvedScores());
  for await (const { i, truth, image, features, cuts } of cutPhotos(data, say)) {
    colour.update(i, truth, proposeObjects(image, features, { cuts }));
    for (const [k, { source }] of runs.entries()) {
      learned[k]!.update(i, truth, proposeObjects(image, features, { cuts, contours: source.find(image) }));
    }
  }
  return [
    { contours: 'colour', scores: colour.compute({ bySize: true }) },
    ...runs.map(({ seed, iterations }, k) => ({
      contours: 'learned',
      seed,
      iterations,
      scores: learned[k]!.compute({ bySize: true }),
      overColour: learned[k]!.over(colour, draws, 0),
    })),
  ];
}

if (isMain(import.meta.url)) {
  const data = process.env['U2SEG_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
  const runs: Trained[] = [];
  for (const folder of process.argv.slice(2)) runs.push(await openRun(folder));
  const rows = await run(data, runs, (line) => process.stdout.write(`${line}\n`));
  const summary = {
    question: 'What do contours learned from scenes made of the proposals give the regions of coco-mini?',
    protocol:
      'COCO mask AP and AR@100 in percent, class-agnostic, things of 100 photos, 100 regions each; halves by position',
    rows,
  };
  const path = fileURLToPath(new URL('../learned-contours/summary.json', import.meta.url));
  await writeFileAtomic(path, `${JSON.stringify(summary, undefined, 2)}\n`);
  for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
}
