import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '@tensorflow/tfjs-core';
import { deriveSeed, SeededRng, seededRng, type BinaryMask } from '@u2seg/core';
import type { DetectorConfig, NormKind } from '../../src/detector/config/config.ts';
import { cutlerConfig, maskRcnnConfig, tinyConfig, u2segConfig } from '../../src/detector/config/presets.ts';
import { PanopticCascadeModel } from '../../src/detector/model.ts';
import { parameterSpecs } from '../../src/detector/parameters/parameter-specs.ts';
import { ignoredBoxes } from '../../src/detector/training/ignore-region.ts';
import type { TrainSample } from '../../src/detector/training/train-sample.ts';
import { loadTfBackend } from '../../src/tf/load-backend.ts';
import { availableBackends } from '../backends.ts';

const backends = await availableBackends();
const side = 64;

/** A network small enough for plain JavaScript. */
function smallest(base: DetectorConfig): DetectorConfig {
  const tiny = tinyConfig(base);
  return {
    ...tiny,
    resnet: { ...tiny.resnet, stemChannels: 4, res2Channels: 8, widthPerGroup: 4 },
    fpn: { ...tiny.fpn, channels: 8 },
    rpn: {
      ...tiny.rpn,
      anchorSizes: [[8], [16], [32], [64], [128]],
      preNmsTopk: { train: 50, test: 50 },
      postNmsTopk: { train: 50, test: 20 },
    },
    roi: { ...tiny.roi, batchSizePerImage: 24 },
    boxHead: { ...tiny.boxHead, fcChannels: 16 },
    maskHead: { ...tiny.maskHead, numConvs: 1, convChannels: 8 },
    ...(tiny.semantic !== undefined && { semantic: { ...tiny.semantic, numClasses: 4 } }),
  };
}

/** A bright square on a dark ground; things are class 1, the lower half is stuff 2. */
function sample(seed: number, instances = 1): TrainSample {
  const rng = seededRng(seed);
  const image = { data: new Uint8Array(side * side * 3).map(() => 40 * rng()), height: side, width: side };
  const semantic = new Uint8Array(side * side).map((_, i) => (i < (side * side) / 2 ? 1 : 2));
  const masks: BinaryMask[] = [];
  const boxes: number[] = [];
  for (let k = 0; k < instances; k += 1) {
    const [x, y] = [Math.floor(rng() * 40), Math.floor(rng() * 40)];
    const data = new Uint8Array(side * side);
    for (let dy = 0; dy < 20; dy += 1) {
      for (let dx = 0; dx < 20; dx += 1) {
        const i = (y + dy) * side + x + dx;
        data[i] = 1;
        semantic[i] = 0;
        image.data.fill(220, 3 * i, 3 * i + 3);
      }
    }
    masks.push({ data, height: side, width: side });
    boxes.push(x, y, x + 20, y + 20);
  }
  const classes = new Int32Array(instances);
  return { image, instances: { boxesXyxy: Float32Array.from(boxes), classes, masks }, semantic };
}

/** Plain gradient descent; returns the total loss of every step. */
function train(model: PanopticCascadeModel, steps: number, lr: number): number[] {
  return Array.from({ length: steps }, (_, step) => {
    const batch = [sample(2 * step), sample(2 * step + 1, 2)];
    const rng = new SeededRng(deriveSeed(7, step));
    const { total, gradients } = model.gradients(batch, { rng });
    for (const [name, variable] of model.parameters()) {
      const gradient = gradients.get(name)!;
      const moved = tf.tidy(() => {
        const norm = tf.norm(gradient);
        return tf.sub(variable, tf.mul(gradient, tf.mul(tf.minimum(tf.div(1, tf.add(norm, 1e-6)), 1), lr)));
      });
      variable.assign(moved);
      tf.dispose([moved, gradient]);
    }
    return total;
  });
}

describe.each(backends)('training on %s', (backend) => {
  beforeAll(async () => {
    await loadTfBackend(backend);
  });

  it('lowers the loss, repeats itself to the bit, and leaks no tensor', () => {
    // plain JavaScript takes seconds a step, so there it only shows that it works and repeats itself
    const [parts, steps] = backend === 'cpu' ? [1, 1] : [3, 3];
    const run = (): { losses: number[]; tensors: number[] } => {
      const model = PanopticCascadeModel.create(smallest(u2segConfig(3)), { seed: 3 });
      const tensors: number[] = [];
      const losses: number[] = [];
      for (let part = 0; part < parts; part += 1) {
        losses.push(...train(model, steps, 0.02));
        tensors.push(tf.memory().numTensors);
      }
      model.dispose();
      return { losses, tensors };
    };
    const before = tf.memory().numTensors;
    const first = run();
    expect(tf.memory().numTensors).toBe(before);
    expect(new Set(first.tensors).size, first.tensors.join()).toBe(1);
    expect(first.losses.every(Number.isFinite)).toBe(true);
    if (parts > 1) expect(first.losses.at(-1)!).toBeLessThan(first.losses[0]!);
    expect(run().losses).toEqual(first.losses);
  });

  it.each([
    ['Cascade Mask R-CNN with DropLoss', smallest(cutlerConfig())],
    ['plain Mask R-CNN', smallest(maskRcnnConfig({ dropLoss: false }))],
  ])('trains %s without a semantic branch, also on an image without instances', (_, config) => {
    const model = PanopticCascadeModel.create(config, { seed: 1 });
    const { losses, gradients, counts } = model.gradients([sample(1, 0), sample(2, 2)], { rng: new SeededRng(1) });
    expect(Object.values(losses).every(Number.isFinite)).toBe(true);
    expect(Object.keys(losses)).not.toContain('loss_sem_seg');
    expect(Object.keys(losses)).toContain(config.roi.cascade ? 'loss_cls_stage2' : 'loss_cls');
    expect(counts.foregroundRegions[0]).toBe(0);
    expect([...gradients.keys()]).toEqual([...model.parameters().keys()]);
    tf.dispose([...gradients.values()]);
    const { instances, panoptic } = model.infer(sample(3).image);
    expect(panoptic).toBeUndefined();
    expect(instances.masks).toHaveLength(instances.scores.length);
    model.dispose();
  });
});

describe('normalizations', () => {
  const base = smallest(cutlerConfig({ dropLoss: false }));
  const withNorm = (norm: NormKind, freezeAt = 0): DetectorConfig => ({
    ...base,
    resnet: { ...base.resnet, norm, freezeAt },
    fpn: { ...base.fpn, norm },
  });
  /** Losses, what was trained, and which running statistics moved in one step. */
  const step = (config: DetectorConfig): { total: number; trained: string[]; moved: string[] } => {
    const model = PanopticCascadeModel.create(config, { seed: 1 });
    const before = new Map([...model.buffers()].map(([name, variable]) => [name, variable.dataSync().slice()]));
    const { total, gradients } = model.gradients([sample(1, 2), sample(2, 1)], { rng: new SeededRng(1) });
    tf.dispose([...gradients.values()]);
    const moved = [...model.buffers()].flatMap(([name, variable]) =>
      variable.dataSync().some((value, i) => value !== before.get(name)![i]) ? [name] : [],
    );
    const trained = [...gradients.keys()];
    model.dispose();
    return { total, trained, moved };
  };
  beforeAll(async () => {
    await loadTfBackend(backends.at(-1)!);
  });

  it('are the same for BN and SyncBN on one process, and move the running statistics', () => {
    const [plain, sync] = [step(withNorm('BN')), step(withNorm('SyncBN'))];
    expect(plain).toEqual(sync);
    expect(plain.moved).toContain('backbone.bottom_up.res3.0.conv2.norm.running_var');
    expect(plain.moved).toContain('backbone.fpn_output2.norm.num_batches_tracked');
    expect(plain.trained).toContain('backbone.fpn_lateral3.norm.bias');
  });

  it('stay as they are when frozen', () => {
    const { total, trained, moved } = step(withNorm('FrozenBN'));
    expect(Number.isFinite(total)).toBe(true);
    expect(moved).toEqual([]);
    expect(trained.filter((name) => name.includes('norm'))).toEqual([]);
    expect(trained).toContain('backbone.bottom_up.stem.conv1.weight');
  });

  it('freeze with their stages, statistics too', () => {
    const { trained, moved } = step(withNorm('SyncBN', 2));
    const frozen = /bottom_up\.(?:stem|res2)/u;
    expect([...trained, ...moved].filter((name) => frozen.test(name))).toEqual([]);
    expect(moved).toContain('backbone.bottom_up.res3.0.conv1.norm.running_mean');
    // detectron2 counts no batches where statistics are frozen
    const names = parameterSpecs(withNorm('SyncBN', 2)).map(({ name }) => name);
    expect(names.filter((name) => frozen.test(name) && name.endsWith('num_batches_tracked'))).toEqual([]);
  });

  it('need no more than a bias where there is none', () => {
    const { total, trained, moved } = step(withNorm(''));
    expect(Number.isFinite(total)).toBe(true);
    expect(moved).toEqual([]);
    expect(trained).toContain('backbone.bottom_up.res4.0.conv3.bias');
  });
});

describe('training interface', () => {
  beforeAll(async () => {
    await loadTfBackend('cpu');
  });

  it('says which part of a sample does not fit', () => {
    const model = PanopticCascadeModel.create(smallest(u2segConfig(3)), { seed: 3 });
    const { semantic: _semantic, ...without } = sample(1);
    const options = { rng: new SeededRng(0) };
    expect(() => model.gradients([without], options)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: forwardTrain: sample 0: the network has a semantic branch, but the sample has no semantic labels.]`,
    );
    const bad = { ...sample(1), semantic: new Uint8Array(3) };
    expect(() => model.gradients([bad], options)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: forwardTrain: sample 0: semantic must be [64, 64] (4096 values), got 3 values.]`,
    );
    model.dispose();
  });

  it('leaves background inside the ignored region out of both samples', () => {
    const model = PanopticCascadeModel.create(smallest(cutlerConfig({ dropLoss: false })), { seed: 3 });
    const everything = { data: new Uint8Array(side * side).fill(1), height: side, width: side };
    const ignoring = { ...sample(4), ignore: everything };
    const { counts, gradients } = model.gradients([ignoring], { rng: new SeededRng(0) });
    tf.dispose([...gradients.values()]);
    // what is left is foreground, and boxes that reach out of the image
    expect(counts.sampledRegions[0]).toBe(counts.foregroundRegions[0]);
    const { counts: all, gradients: others } = model.gradients([sample(4)], { rng: new SeededRng(0) });
    tf.dispose([...others.values()]);
    expect(all.sampledRegions[0]).toBeGreaterThan(counts.sampledRegions[0]!);
    const half = { data: everything.data.map((_, i) => (i % side < side / 2 ? 1 : 0)), height: side, width: side };
    const boxes = Float32Array.of(0, 0, 32, 64, 0, 0, 64, 64, 40, 0, 64, 10, 20, 0, 60, 10);
    expect([...ignoredBoxes(boxes, half)]).toEqual([1, 1, 0, 0]);
    model.dispose();
  });
});
