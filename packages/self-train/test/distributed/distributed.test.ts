import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { loadTfBackend, PanopticCascadeModel, type TfBackend } from '@u2seg/heads';
import { readSafetensors } from '@u2seg/interchange';
import { openMpi, trainPanoptic, type GradientReducer, type TrainPanopticOptions } from '@u2seg/self-train';
import { listCheckpoints } from '@u2seg/self-train/internal';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { assertAlike, reduceStep, SharedStatistics } from '../../src/distributed/reduce-step.ts';
import { writeJob } from '../job-file.ts';
import { inMemory, smallestConfig, smallestRecipe, smallestScenes } from '../synthetic-examples.ts';

let backend: TfBackend;
beforeAll(async () => {
  backend = await loadTfBackend('auto');
});

/**
 * Runs what every process of a group does, one after the other, twice: the first time to learn what each would send, the second
 * with the sums.
 */
function inTurn<T>(size: number, work: (group: GradientReducer) => T): T[] {
  const sent: number[][][] = [];
  const as = (rank: number, reduce: (values: Float32Array | Float64Array, call: number) => void): T => {
    let call = 0;
    return work({ rank, size, allReduceSum: (values) => reduce(values, call++), close: () => {} });
  };
  for (let rank = 0; rank < size; rank += 1) {
    const calls: number[][] = [];
    sent.push(calls);
    try {
      as(rank, (values) => void calls.push([...values]));
    } catch {
      // a check that needs the sums
    }
  }
  return sent.map((_, rank) =>
    as(rank, (values, call) =>
      values.set(Array.from(values, (_value, i) => sent.reduce((sum, calls) => sum + calls[call]![i]!, 0))),
    ),
  );
}

describe('a step of two processes', () => {
  it('sums gradients and losses', () => {
    const results = inTurn(2, (group) => {
      const gradient = tf.tensor1d(group.rank === 0 ? [1, 2] : [10, 20]);
      const { gradients, losses, total } = reduceStep(
        { gradients: { w: gradient }, losses: { a: group.rank + 1 }, total: 5 },
        group,
      );
      return [[...gradients['w']!.dataSync()], losses['a'], total];
    });
    expect(results).toEqual([
      [[11, 22], 3, 10],
      [[11, 22], 3, 10],
    ]);
  });

  it('gives both the statistics of one process that saw all parts, worked by hand', () => {
    const results = inTurn(2, (group) => {
      const mean = tf.variable(tf.tensor1d([100]), false);
      const frozen = tf.variable(tf.tensor1d([7]), false);
      const counter = tf.variable(tf.scalar(4, 'int32'), false);
      const statistics = new SharedStatistics(
        [
          { name: 'a.running_mean', variable: mean },
          { name: 'a.running_var', variable: tf.variable(tf.tensor1d([1]), false) },
          { name: 'a.num_batches_tracked', variable: counter },
          { name: 'b.running_mean', variable: frozen },
        ],
        0.1,
        group,
      );
      statistics.begin();
      // batch means 10 and 20: one process would get 0.9 * (0.9 * 100 + 0.1 * 10) + 0.1 * 20
      mean.assign(tf.tensor1d([90 + (group.rank === 0 ? 1 : 2)]));
      counter.assign(tf.scalar(5, 'int32'));
      statistics.share(1);
      return [mean.dataSync()[0]!, counter.dataSync()[0]!, frozen.dataSync()[0]!];
    });
    for (const result of results) expect(result).toBeAllClose([83.9, 6, 7], { rtol: 1e-6 });
  });

  it('does not begin when they differ', () => {
    expect(() => inTurn(3, (group) => assertAlike(group, 'seed 1'))).not.toThrow();
    expect(() => inTurn(3, (group) => assertAlike(group, `seed ${group.rank === 2 ? 2 : 1}`))).toThrow(
      'settings or checkpoints differ',
    );
  });
});

it('names what MPI needs where it is missing', () => {
  expect(() => openMpi({ library: 'libmpi-that-is-not-there.so' })).toThrow(
    "openMpi: needs the package koffi and OpenMPI's libmpi-that-is-not-there.so",
  );
});

/** Why processes cannot be started here; undefined where they can. */
function missing(): string | undefined {
  try {
    execFileSync('mpirun', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'mpirun is not installed';
  }
  return existsSync(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))
    ? undefined
    : 'the package is not built; the processes run what is built';
}

describe('processes started by mpirun', () => {
  const child = fileURLToPath(new URL('../train-in-child.mjs', import.meta.url));
  const examples = smallestScenes(4);
  const recipe: TrainPanopticOptions = {
    ...smallestRecipe,
    iterations: 3,
    batchSize: 4,
    microBatches: 2,
    schedule: { ...smallestRecipe.schedule, steps: [2], warmupIterations: 1 },
  };
  const unavailable = missing();
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'u2seg-mpi-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const mpirun = async (job: string): Promise<string> => {
    // unbound: TensorFlow sums in another order on one core than on all
    const args = [
      '--allow-run-as-root',
      '--oversubscribe',
      '--bind-to',
      'none',
      '-n',
      '2',
      process.execPath,
      child,
      job,
    ];
    return (await promisify(execFile)('mpirun', args)).stdout;
  };

  it('end with the network that one process gets from as many micro-batches', async (context) => {
    context.skip(unavailable !== undefined, unavailable);
    context.skip(!backend.fast, 'needs the native backend; takes minutes without');
    const curve: unknown = JSON.parse(await mpirun(await writeJob(folder, recipe, examples, { mpi: true })));
    const model = PanopticCascadeModel.create(smallestConfig(), { seed: 3 });
    const alone = await trainPanoptic(model, inMemory(examples), { ...recipe, folder: join(folder, 'alone') });
    alone.ema!.dispose();
    model.dispose();
    expect(curve).toEqual(alone.curve);
    const read = async (run: string): Promise<ReturnType<typeof readSafetensors>> => {
      const [newest] = await listCheckpoints(join(folder, run, 'checkpoints'));
      return readSafetensors(new Uint8Array(await readFile(newest!.path)));
    };
    const [shared, single] = [await read('run'), await read('alone')];
    expect(shared.metadata).toEqual(single.metadata);
    for (const [i, { name, data }] of single.tensors.entries()) {
      const got = shared.tensors[i]!;
      expect(got.name).toBe(name);
      // two float32 sums in either order are the same; the statistics are put together in another way
      if (name.includes('running_'))
        expect(got.data, name).toBeAllClose(data as Float32Array, { rtol: 1e-5, atol: 1e-7 });
      else
        expect(
          Buffer.from(got.data.buffer, got.data.byteOffset, got.data.byteLength).equals(
            Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          ),
          name,
        ).toBe(true);
    }
  }, 180_000);

  it('all stop when one has a loss that is no number', async (context) => {
    context.skip(unavailable !== undefined, unavailable);
    context.skip(!backend.fast, 'needs the native backend; takes minutes without');
    const said = await mpirun(await writeJob(folder, recipe, examples, { mpi: true, poisonedRank: 1 }));
    expect(said).toMatch(/0: not-converged .*another process than 0 of 2 has failed/u);
    expect(said).toMatch(/1: not-converged .*iteration 1 on \[scene \d, scene \d\]: loss_sem_seg is NaN/u);
  }, 180_000);
});
