import { readFileSync } from 'node:fs';
import { rleFromString, seededRng, SeededRng } from '@u2seg/core';
import { decodeImage, readLabelPng } from '@u2seg/datasets';
import {
  loadStateDict,
  loadTfBackend,
  PanopticCascadeModel,
  parseDetectron2Config,
  stateDict,
  type TfBackend,
  type TrainGradients,
  type TrainSample,
} from '@u2seg/heads';
import { readSafetensors } from '@u2seg/interchange';
import { golden } from '@u2seg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { assignHostValues } from '../../src/optimizer/host-parameters.ts';
import { learningRate, sgd, type TrainingExample } from '@u2seg/self-train';
import { modelParameters, trainSample } from '@u2seg/self-train/internal';

interface GoldenStep {
  readonly iter: number;
  readonly lr: number;
  readonly losses: Record<string, number>;
  readonly total: number;
  readonly n_sampled: number[];
  readonly n_fg: number[];
}

interface GoldenRun {
  readonly steps: GoldenStep[];
  readonly param_l2_after_3_steps: Record<string, number>;
  readonly bn_running_l2_after_3_steps: Record<string, number>;
}

interface GroundTruth {
  readonly height: number;
  readonly width: number;
  readonly instances: {
    class: number;
    bbox_xyxy: [number, number, number, number];
    mask: { size: [number, number]; counts: string };
  }[];
}

/** Relative distance of a loss the goldens state. */
const stated = 3e-4;
/** The same for the last stage's box loss at the third step, which rests on 14 regions. */
const lastBox = 2e-3;
/** From this step on a proposal may have changed sides. */
const unstableStep = 2;
/** Roundings of the weights tried until each loss was on the reference's side of every threshold. */
const maxRoundings = 60;
/**
 * The run whose third step roundings reach within {@link stated}. Of the short warm-up, whose second and third learning rates are 50 and 67 times as high,
 * the goldens state 3 % there; heads' test of the same name holds it.
 */
const longWarmup = 'exact_warmup';

const folder = golden('model-training');
const weights = golden('model-inference');

describe.skipIf(folder === undefined || weights === undefined)('golden model-training', () => {
  if (folder === undefined || weights === undefined) return;
  const text = readFileSync(folder.file('config.yaml'), 'utf8');
  const runs = folder.json<Record<string, GoldenRun>>('losses_and_norms.json');
  const tensors = folder.tensors('tensors.safetensors');
  const truth = folder.json<GroundTruth[]>('ground_truth.json');
  const solver = folder.json<{
    config: {
      BASE_LR: number;
      STEPS: number[];
      GAMMA: number;
      WARMUP_FACTOR: number;
      WARMUP_ITERS: number;
      MOMENTUM: number;
      WEIGHT_DECAY: number;
    };
  }>('lr_schedule.json').config;
  let backend: TfBackend;
  beforeAll(async () => {
    backend = await loadTfBackend('auto');
  });

  const config = parseDetectron2Config(text);

  /** The goldens' batch, as this package makes it of photos and labels. */
  async function goldenBatch(): Promise<TrainSample[]> {
    const examples: TrainingExample[] = await Promise.all(
      truth.map(async ({ instances }, i) => ({
        image: await decodeImage(folder!.file(`img${i}.png`)),
        instances: instances.map(({ class: clusterId, bbox_xyxy: [x0, y0, x1, y1], mask }) => ({
          mask: rleFromString(...mask.size, mask.counts),
          bboxXywh: [x0, y0, x1 - x0, y1 - y0] as const,
          area: 0,
          score: 1,
          clusterId,
        })),
        semantic: (await readLabelPng(folder!.file(`img${i}_semseg.png`))).labels as Uint8Array,
      })),
    );
    return examples.map(trainSample);
  }

  /** Steps of this package's optimizer and schedule, before each update; the optimizer is gone after the last. */
  function* steps(
    model: PanopticCascadeModel,
    name: string,
    batch: readonly TrainSample[],
  ): Generator<{ readonly s: number; readonly got: TrainGradients }> {
    const optimizer = sgd(modelParameters(model), { momentum: solver.MOMENTUM, weightDecay: solver.WEIGHT_DECAY });
    const schedule = {
      baseLr: solver.BASE_LR,
      steps: solver.STEPS,
      gamma: solver.GAMMA,
      warmupFactor: solver.WARMUP_FACTOR,
      warmupIterations: Number(/(\d+)$/u.exec(name)?.[1] ?? solver.WARMUP_ITERS),
    };
    try {
      for (const [s, step] of runs[name]!.steps.entries()) {
        const lr = learningRate(schedule, step.iter);
        expect(lr).toBeCloseTo(step.lr, 15);
        const anchorLabels = batch.map((_, i) => tensors.get(`${name}.step${s}.rpn_labels.img${i}`)!.data as Int8Array);
        const got = model.gradients(batch, { rng: new SeededRng(0), anchorLabels });
        optimizer.step(Object.fromEntries(got.gradients), lr);
        got.gradients.forEach((gradient) => gradient.dispose());
        yield { s, got };
      }
    } finally {
      optimizer.dispose();
    }
  }

  function freshModel(): PanopticCascadeModel {
    const model = PanopticCascadeModel.create(config, { seed: 0 });
    const { tensors } = readSafetensors(readFileSync(weights!.file('model_init.safetensors')));
    loadStateDict(model, new Map(tensors.map((tensor) => [tensor.name, tensor])));
    return model;
  }

  it.for(Object.keys(runs))('three steps of %s', { timeout: 600_000 }, async (name, context) => {
    context.skip(!backend.fast, 'needs the native backend');
    const run = runs[name]!;
    const batch = await goldenBatch();
    const model = freshModel();
    const compare = (key: string, tolerance: number): void => {
      const state = stateDict(model);
      const before = weights.tensors('model_init.safetensors');
      for (const [tensor, wanted] of tensors) {
        if (!tensor.startsWith(`${name}.${key}.`)) continue;
        const parameter = tensor.slice(`${name}.${key}.`.length);
        const start = before.get(parameter)!.data as Float32Array;
        const got = state.get(parameter)!.data as Float32Array;
        // The update itself must agree, not only the parameter, which hardly moves.
        const moved = Math.hypot(...(wanted.data as Float32Array).map((value, p) => value - start[p]!));
        const off = Math.hypot(...got.map((value, p) => value - (wanted.data[p] as number)));
        expect(off, `${tensor}: update is off by ${off / moved}`).toBeLessThan(tolerance * moved + 1e-6);
      }
    };
    let everLoose = false;
    for (const { s, got } of steps(model, name, batch)) {
      const step = run.steps[s]!;
      // A proposal near a threshold of the suppression may flip with the order of float32 sums, and does at the third step, which
      // the counts need not show (see the test of the same name in heads). So one run is compared loosely there: a box loss of
      // the third stage, which has a handful of foreground boxes, was off by 10 %, the total by 0.33 %. The next test is not loose.
      const counts = [...got.counts.sampledRegions, ...got.counts.foregroundRegions];
      const loose = s >= unstableStep || counts.join() !== [...step.n_sampled, ...step.n_fg].join();
      everLoose ||= loose;
      for (const [loss, wanted] of Object.entries(step.losses)) {
        expect(Math.abs(got.losses[loss]! / wanted - 1), `step ${s} ${loss}`).toBeLessThan(loose ? 0.15 : stated);
      }
      expect(Math.abs(got.total / step.total - 1), `step ${s}`).toBeLessThan(loose ? 5e-3 : stated);
      if (s === 0) compare('param_after_step1', 0.02);
    }
    // Measured after a flip: the largest step of the schedule off by 12 % in one scale of 16 values, the others by 1 %.
    compare('param_after_3_steps', everLoose ? 0.25 : 0.02);
    const state = stateDict(model);
    const norm = (parameter: string): number => Math.hypot(...(state.get(parameter)!.data as Float32Array));
    const tolerance = everLoose ? 5e-3 : 1e-5;
    for (const [parameter, wanted] of Object.entries(run.param_l2_after_3_steps)) {
      expect(Math.abs(norm(parameter) - wanted), parameter).toBeLessThan(tolerance * wanted + 1e-7);
    }
    for (const [buffer, wanted] of Object.entries(run.bn_running_l2_after_3_steps)) {
      expect(Math.abs(norm(buffer) - wanted), buffer).toBeLessThan((everLoose ? 5e-3 : 1e-3) * wanted + 1e-7);
    }
    model.dispose();
  });

  it('roundings of the weights reach every loss of the third step', { timeout: 600_000 }, async (context) => {
    context.skip(!backend.fast, 'needs the native backend');
    const batch = await goldenBatch();
    const { losses, total } = runs[longWarmup]!.steps[unstableStep]!;
    const missing = new Map([...Object.entries(losses), ['total', total] as const]);
    for (let attempt = 0; attempt < maxRoundings && missing.size > 0; attempt += 1) {
      const model = freshModel();
      if (attempt > 0) roundWeights(model, attempt);
      for (const { s, got } of steps(model, longWarmup, batch)) {
        if (s !== unstableStep) continue;
        for (const [loss, wanted] of missing) {
          const off = Math.abs((loss === 'total' ? got.total : got.losses[loss]!) / wanted - 1);
          if (off <= (loss === 'loss_box_reg_stage2' ? lastBox : stated)) missing.delete(loss);
        }
      }
      model.dispose();
    }
    expect([...missing.keys()], `losses no rounding of ${maxRoundings} reaches`).toEqual([]);
  });
});

/** Multiplies every weight by 1 + u, |u| at most the rounding of a float32. */
function roundWeights(model: PanopticCascadeModel, seed: number): void {
  const rng = seededRng(seed);
  for (const { variable } of modelParameters(model)) {
    const values = (variable.dataSync() as Float32Array).map((value) => value * (1 + 1e-7 * (2 * rng() - 1)));
    assignHostValues(variable, values);
  }
}
