import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTfBackend, PanopticCascadeModel, type TfBackend } from '@u2seg/heads';
import { readCurve, trainPanoptic, type TrainPanopticOptions } from '@u2seg/self-train';
import { listCheckpoints } from '@u2seg/self-train/internal';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeJob } from '../job-file.ts';
import { inMemory, smallestConfig, smallestRecipe, smallestScenes } from '../synthetic-examples.ts';

const child = fileURLToPath(new URL('../train-in-child.mjs', import.meta.url));
const built = existsSync(fileURLToPath(new URL('../../dist/index.js', import.meta.url)));
const examples = smallestScenes(4);
const recipe: TrainPanopticOptions = {
  ...smallestRecipe,
  iterations: 8,
  optimizer: { kind: 'adamw' },
  schedule: { ...smallestRecipe.schedule, baseLr: 0.001, steps: [6] },
  checkpointEvery: 2,
};

let folder: string;
let backend: TfBackend;
beforeAll(async () => {
  backend = await loadTfBackend('auto');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-kill-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function ended(process: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    process.once('error', reject);
    process.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

describe('a killed training run', () => {
  it('takes the steps an undisturbed one takes, to the last bit', async (context) => {
    context.skip(!built, 'the package is not built; the child process runs what is built');
    context.skip(!backend.fast, 'needs the native backend; takes minutes without');
    const job = await writeJob(folder, recipe, examples);
    const run = join(folder, 'run');
    const first = spawn(process.execPath, [child, job], { stdio: 'ignore' });
    const over = ended(first);
    while (first.exitCode === null && (await readCurve(join(run, 'curve.jsonl'))).length < 3) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    first.kill('SIGKILL');
    expect(await over).toEqual({ code: null, signal: 'SIGKILL' });
    expect((await listCheckpoints(join(run, 'checkpoints')))[0]!.iteration).toBeLessThan(recipe.iterations);

    const second = spawn(process.execPath, [child, job], { stdio: 'ignore' });
    expect(await ended(second)).toEqual({ code: 0, signal: null });

    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const undisturbed = await trainPanoptic(model, inMemory(examples), { ...recipe, folder: join(folder, 'other') });
    undisturbed.ema!.dispose();
    expect(await readCurve(join(run, 'curve.jsonl'))).toEqual(undisturbed.curve);
    const last = (await listCheckpoints(join(run, 'checkpoints')))[0]!;
    const other = (await listCheckpoints(join(folder, 'other', 'checkpoints')))[0]!;
    expect(last.iteration).toBe(recipe.iterations);
    expect((await readFile(last.path)).equals(await readFile(other.path))).toBe(true);
    model.dispose();
  }, 600_000);
});
