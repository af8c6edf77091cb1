import * as tf from '@tensorflow/tfjs-core';
import { assertImage, assertInteger, assertLength, U2SegError, type RgbImage } from '@u2seg/core';
import { convLayer, type ForwardPass } from '../detector/network/layers.ts';
import { convSpecs, msra, normal, type ParameterSpec } from '../detector/parameters/layer-specs.ts';
import { ParameterStore } from '../detector/parameters/parameter-store.ts';
import { PreparedWeights } from '../detector/parameters/prepared-weights.ts';
import { RunningStatistics } from '../detector/parameters/running-statistics.ts';
import type { BatchStatistics } from '../tf/batch-norm.ts';
import { sigmoidCrossEntropySum } from '../tf/loss-terms.ts';
import { resizeBilinear } from '../tf/resize.ts';
import { valueAndGradients } from '../tf/value-and-gradients.ts';
import { withinScope } from '../tf/within-scope.ts';

export interface ContourNetworkConfig {
  /** Channels at strides 2, 4, 8, ...; at least one. */
  readonly channels: readonly number[];
}

/** 0.44 million parameters that see about 200 pixels around each. */
export const contourNetworkDefaults: ContourNetworkConfig = { channels: [24, 32, 48, 64, 96] };

/** Images with the contours in them. */
export interface ContourBatch {
  readonly size: number;
  /** Both multiples of the network's {@link ContourNetwork.divisor}. */
  readonly height: number;
  readonly width: number;
  /** [B, H, W, 3] colours, 0 to 1; augmentation may leave the range. */
  readonly images: Float32Array;
  /** [B, H, W] probability that a contour runs here. */
  readonly contours: Float32Array;
}

/** Colours are shifted and scaled by these on their way in. */
const [colourMean, colourDeviation] = [0.45, 0.25];

/**
 * A small U-Net (arXiv:1505.04597) that says at every pixel how likely one thing ends and another begins there.
 *
 * Convolutions of stride 2 down, bilinear doubling and the maps of the way down on the way up; it answers at stride 2, four values a
 * cell for the four pixels of it.
 */
export class ContourNetwork {
  readonly config: ContourNetworkConfig;
  readonly store: ParameterStore;
  readonly #running: RunningStatistics;
  readonly #prepared = new PreparedWeights();

  private constructor(config: ContourNetworkConfig, store: ParameterStore) {
    this.config = config;
    this.store = store;
    this.#running = new RunningStatistics(store);
  }

  /**
   * A network with fresh parameters; same seed, same parameters.
   *
   * @throws U2SegError `out-of-range` without channels
   */
  static create(config: ContourNetworkConfig, options: { readonly seed: number }): ContourNetwork {
    assertInteger('ContourNetwork: channels.length', config.channels.length, 1);
    for (const count of config.channels) assertInteger('ContourNetwork: channels', count, 1);
    return new ContourNetwork(config, ParameterStore.create(contourSpecs(config), options.seed));
  }

  /** What sides are multiples of. */
  get divisor(): number {
    return 2 ** this.config.channels.length;
  }

  /** Trainable variables by name. */
  parameters(): Map<string, tf.Variable> {
    return this.store.trainable();
  }

  /** Running statistics and counters by name. */
  buffers(): Map<string, tf.Variable> {
    return this.store.buffers();
  }

  /**
   * Mean binary cross entropy of a batch and its gradient with respect to every parameter, which the caller disposes; the batch's
   * statistics enter the running ones.
   *
   * @throws U2SegError `shape-mismatch` for a batch that does not fit
   */
  gradients(batch: ContourBatch): { readonly loss: number; readonly gradients: Map<string, tf.Tensor> } {
    this.#assertBatch(batch);
    this.#prepared.dispose();
    const { size, height, width } = batch;
    const collected = new Map<string, BatchStatistics>();
    const pass: ForwardPass = {
      parameters: this.store,
      training: true,
      onStatistics: (layer, statistics) => this.#running.collect(collected, layer, statistics),
    };
    try {
      const parameters = this.parameters();
      const { value, gradients: found } = valueAndGradients(() => {
        const images = tf.tensor4d(batch.images, [size, height, width, 3]);
        const targets = cellsOf(batch.contours, size, height, width);
        const sum = sigmoidCrossEntropySum(this.#logits(pass, images), targets);
        return tf.div(sum, targets.length) as tf.Scalar;
      }, [...parameters.values()]);
      const loss = value.dataSync()[0]!;
      value.dispose();
      this.#running.update(collected);
      return { loss, gradients: new Map([...parameters].map(([name, { name: id }]) => [name, found.get(id)!])) };
    } finally {
      this.#running.discard(collected);
    }
  }

  /**
   * Contours of a photo, the mean of what the network says of it and of its mirror image.
   *
   * @returns [H, W] probabilities
   * @throws U2SegError `shape-mismatch` if the image's data does not fit its size
   */
  predict(image: RgbImage): Float32Array {
    assertImage('ContourNetwork.predict: image', image);
    const { height, width } = image;
    const [tall, wide] = [height, width].map((side) => Math.ceil(side / this.divisor) * this.divisor) as [
      number,
      number,
    ];
    const images = new Float32Array(2 * tall * wide * 3);
    for (let y = 0; y < tall; y += 1) {
      const row = Math.min(y, height - 1) * width;
      for (let x = 0; x < wide; x += 1) {
        const from = 3 * (row + Math.min(x, width - 1));
        const [to, mirrored] = [3 * (y * wide + x), 3 * ((tall + y) * wide + wide - 1 - x)];
        for (let c = 0; c < 3; c += 1) images[to + c] = images[mirrored + c] = image.data[from + c]! / 255;
      }
    }
    const cells = withinScope(() => {
      const pass: ForwardPass = {
        parameters: this.store,
        training: false,
        prepared: this.#prepared,
        onStatistics: () => {},
      };
      return tf.sigmoid(this.#logits(pass, tf.tensor4d(images, [2, tall, wide, 3]))).dataSync() as Float32Array;
    });
    const at = (b: number, y: number, x: number): number => cells[cellIndex(b * tall + y, x, wide)]!;
    const contours = new Float32Array(height * width);
    for (let y = 0, i = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, i += 1) contours[i] = (at(0, y, x) + at(1, y, wide - 1 - x)) / 2;
    }
    return contours;
  }

  dispose(): void {
    this.#prepared.dispose();
    this.store.dispose();
  }

  /** [B, H, W, 3] -> [B, H / 2, W / 2, 4] */
  #logits(pass: ForwardPass, images: tf.Tensor4D): tf.Tensor4D {
    const layer = { norm: 'BN', padding: 1, activation: 'relu' } as const;
    const { channels } = this.config;
    const maps: tf.Tensor4D[] = [];
    let x = tf.div(tf.sub(images, colourMean), colourDeviation) as tf.Tensor4D;
    for (const k of channels.keys()) {
      x = convLayer(pass, { ...layer, name: `down${k}.0`, stride: 2, constantInput: k === 0 }, x);
      x = convLayer(pass, { ...layer, name: `down${k}.1`, stride: 1 }, x);
      maps.push(x);
    }
    for (let k = channels.length - 2; k >= 0; k -= 1) {
      const skip = maps[k]!;
      const joined = tf.concat([resizeBilinear(x, skip.shape[1], skip.shape[2]), skip], 3);
      x = convLayer(pass, { ...layer, name: `up${k}`, stride: 1 }, joined);
    }
    const predictor = { name: 'predictor', norm: '', stride: 1, padding: 0, activation: 'linear' } as const;
    return convLayer(pass, predictor, x);
  }

  #assertBatch({ size, height, width, images, contours }: ContourBatch): void {
    if (height % this.divisor !== 0 || width % this.divisor !== 0) {
      throw new U2SegError(
        'shape-mismatch',
        `ContourNetwork.gradients: sides must be multiples of ${this.divisor}, got ${height} x ${width}.`,
      );
    }
    assertLength('ContourNetwork.gradients: images', images.length, [size, height, width, 3]);
    assertLength('ContourNetwork.gradients: contours', contours.length, [size, height, width]);
  }
}

function contourSpecs({ channels }: ContourNetworkConfig): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  channels.forEach((out, k) => {
    specs.push(...convSpecs(`down${k}.0`, [out, channels[k - 1] ?? 3, 3, 3], 'BN', msra(out * 9)));
    specs.push(...convSpecs(`down${k}.1`, [out, out, 3, 3], 'BN', msra(out * 9)));
  });
  for (let k = channels.length - 2; k >= 0; k -= 1) {
    const out = channels[k]!;
    specs.push(...convSpecs(`up${k}`, [out, out + channels[k + 1]!, 3, 3], 'BN', msra(out * 9)));
  }
  return [...specs, ...convSpecs('predictor', [4, channels[0]!, 1, 1], '', normal(0.01))];
}

/** Place of a pixel of [H, W] in [H / 2, W / 2, 4]; images may lie below each other, for H is even. */
function cellIndex(y: number, x: number, width: number): number {
  return ((y >> 1) * (width >> 1) + (x >> 1)) * 4 + 2 * (y & 1) + (x & 1);
}

/** [B, H, W] -> [B, H / 2, W / 2, 4] */
function cellsOf(map: Float32Array, size: number, height: number, width: number): Float32Array {
  const cells = new Float32Array(map.length);
  for (let b = 0, i = 0; b < size; b += 1) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, i += 1) {
        cells[cellIndex(b * height + y, x, width)] = map[i]!;
      }
    }
  }
  return cells;
}
