import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertLength, SeededRng, deriveSeed, U2SegError, type Rng } from '@u2seg/core';
import { toFloat32, type NamedTensor } from '@u2seg/interchange';
import { relu } from '../tf/activation.ts';

export interface StegoHeadOptions {
  /** D, the width of the backbone's features. */
  readonly featureDim: number;
  /** C, the width of the code; 70 in STEGO. */
  readonly codeDim?: number;
  /** `linear`: one 1x1 convolution; `nonlinear`: plus a second branch of two with a ReLU between. */
  readonly projection?: 'linear' | 'nonlinear';
  readonly seed?: number;
}

/** STEGO's released configuration. */
export const stegoHeadDefaults: Required<Omit<StegoHeadOptions, 'featureDim'>> = {
  codeDim: 70,
  projection: 'nonlinear',
  seed: 0,
};

/** Share of feature channels that training drops, each kept one scaled by 1 / (1 - rate). */
export const stegoDropoutRate = 0.1;

/** [B, 1, D] channel masks of one batch of images, drawn independently for the three places STEGO drops channels. */
export interface StegoDropout {
  readonly linear: tf.Tensor3D;
  readonly nonlinear: tf.Tensor3D;
  readonly features: tf.Tensor3D;
}

/** Draws the masks of {@link StegoDropout}: 0, or 1 / 0.9. The receiver disposes them. */
export function drawStegoDropout(batch: number, featureDim: number, rng: Rng): StegoDropout {
  const mask = (): tf.Tensor3D =>
    tf.tensor3d(
      Float32Array.from({ length: batch * featureDim }, () =>
        rng() < stegoDropoutRate ? 0 : 1 / (1 - stegoDropoutRate),
      ),
      [batch, 1, featureDim],
    );
  return { linear: mask(), nonlinear: mask(), features: mask() };
}

/**
 * STEGO's projection head: backbone features -> code, cell by cell.
 *
 * Weights carry the names and the [out, in, 1, 1] shapes of the released checkpoints outside, and live as [in, out]
 * matrices inside.
 */
export class StegoHead {
  readonly featureDim: number;
  readonly codeDim: number;
  readonly projection: 'linear' | 'nonlinear';
  readonly #layers = new Map<string, { weight: tf.Variable<tf.Rank.R2>; bias: tf.Variable<tf.Rank.R1> }>();

  constructor(options: StegoHeadOptions) {
    const { featureDim, codeDim, projection, seed } = { ...stegoHeadDefaults, ...options };
    assertInteger('StegoHead: featureDim', featureDim, 1);
    assertInteger('StegoHead: codeDim', codeDim, 1);
    this.featureDim = featureDim;
    this.codeDim = codeDim;
    this.projection = projection;
    this.#add('cluster1.0', featureDim, codeDim, seed);
    if (projection === 'nonlinear') {
      this.#add('cluster2.0', featureDim, featureDim, seed);
      this.#add('cluster2.2', featureDim, codeDim, seed);
    }
  }

  /** Trainable variables, in a fixed order, by name. */
  variables(): Map<string, tf.Variable> {
    const found = new Map<string, tf.Variable>();
    for (const [name, { weight, bias }] of this.#layers) {
      found.set(`${name}.weight`, weight);
      found.set(`${name}.bias`, bias);
    }
    return found;
  }

  /**
   * [B, N, D] -> [B, N, C].
   *
   * @param dropout - channel masks while training; nothing is dropped without them
   */
  code(features: tf.Tensor3D, dropout?: StegoDropout): tf.Tensor3D {
    const [batch, cells, dim] = features.shape;
    if (dim !== this.featureDim) {
      throw new U2SegError(
        'shape-mismatch',
        `StegoHead.code: features must be [B, N, ${this.featureDim}], got [${features.shape.join(', ')}].`,
      );
    }
    const flat = (masked: tf.Tensor3D): tf.Tensor2D => tf.reshape(masked, [batch * cells, dim]);
    const straight = flat(dropout === undefined ? features : tf.mul(features, dropout.linear));
    let code = this.#apply('cluster1.0', straight);
    if (this.projection === 'nonlinear') {
      const bent = flat(dropout === undefined ? features : tf.mul(features, dropout.nonlinear));
      code = tf.add(code, this.#apply('cluster2.2', relu(this.#apply('cluster2.0', bent))));
    }
    return tf.reshape(code, [batch, cells, this.codeDim]);
  }

  /** Weights as in STEGO's checkpoints: `cluster1.0.weight` [C, D, 1, 1] and so on. */
  state(): NamedTensor[] {
    const tensors: NamedTensor[] = [];
    for (const [name, { weight, bias }] of this.#layers) {
      const [inputs, outputs] = weight.shape;
      const turned = tf.tidy(() => tf.transpose(weight).dataSync() as Float32Array);
      tensors.push(
        { name: `${name}.weight`, dtype: 'float32', shape: [outputs, inputs, 1, 1], data: turned.slice() },
        { name: `${name}.bias`, dtype: 'float32', shape: [outputs], data: (bias.dataSync() as Float32Array).slice() },
      );
    }
    return tensors;
  }

  /**
   * Takes weights by the names of {@link StegoHead.state}; a prefix such as `net.` is ignored.
   *
   * @throws U2SegError `not-found` if one is missing, `shape-mismatch` if one has another size
   */
  loadState(tensors: Iterable<NamedTensor>): void {
    const given = [...tensors];
    const find = (name: string): Float32Array => {
      const tensor = given.find((entry) => entry.name === name || entry.name.endsWith(`.${name}`));
      if (tensor === undefined) {
        throw new U2SegError(
          'not-found',
          `StegoHead.loadState: wanted ${name}, got ${given.map((t) => t.name).join(', ')}.`,
        );
      }
      return toFloat32(tensor, `StegoHead.loadState: ${tensor.name}`).slice();
    };
    for (const [name, { weight, bias }] of this.#layers) {
      const [inputs, outputs] = weight.shape;
      const values = find(`${name}.weight`);
      assertLength(`StegoHead.loadState: ${name}.weight`, values.length, [outputs, inputs]);
      const offsets = find(`${name}.bias`);
      assertLength(`StegoHead.loadState: ${name}.bias`, offsets.length, [outputs]);
      tf.tidy(() => {
        weight.assign(tf.transpose(tf.tensor2d(values, [outputs, inputs])) as tf.Tensor2D);
        bias.assign(tf.tensor1d(offsets));
      });
    }
  }

  dispose(): void {
    for (const { weight, bias } of this.#layers.values()) {
      weight.dispose();
      bias.dispose();
    }
    this.#layers.clear();
  }

  #apply(name: string, x: tf.Tensor2D): tf.Tensor2D {
    const { weight, bias } = this.#layers.get(name)!;
    return tf.add(tf.matMul(x, weight), bias);
  }

  /** torch's default for a convolution: uniform within 1 / sqrt(fan in), bias included. */
  #add(name: string, inputs: number, outputs: number, seed: number): void {
    const rng = new SeededRng(deriveSeed(seed, 'stego head', name));
    const bound = 1 / Math.sqrt(inputs);
    const draw = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => (rng.next() * 2 - 1) * bound);
    this.#layers.set(name, {
      weight: tf.tidy(() => tf.variable(tf.tensor2d(draw(inputs * outputs), [inputs, outputs]))),
      bias: tf.tidy(() => tf.variable(tf.tensor1d(draw(outputs)))),
    });
  }
}
