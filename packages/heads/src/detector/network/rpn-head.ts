import * as tf from '@tensorflow/tfjs-core';
import { relu } from '../../tf/activation.ts';
import { toFloat32 } from '../../tf/bfloat16.ts';
import { gatherRows } from '../../tf/gather-rows.ts';
import type { MapRows } from '../../tf/roi-batch.ts';
import type { Pyramid } from './fpn.ts';
import { convLayer, hiddenProduct, type ForwardPass } from './layers.ts';

/** Predictions of the region proposal network on one pyramid level, anchors in row-major grid order. */
export interface RpnLevel {
  /** [B, H * W * A] logits */
  readonly objectness: tf.Tensor2D;
  /** [B, H * W * A, 4] */
  readonly deltas: tf.Tensor3D;
  readonly height: number;
  readonly width: number;
  /** Input pixels a cell. */
  readonly stride: number;
}

const name = 'proposal_generator.rpn_head';

/** Shared 3x3 convolution and two 1x1 predictors on every level. */
export function rpnHead(pass: ForwardPass, pyramid: Pyramid): RpnLevel[] {
  const plain = { norm: '', stride: 1, padding: 0, activation: 'linear' } as const;
  return pyramid.map((map, index) => {
    const [batch, height, width] = map.shape;
    const layer = { ...plain, name: `${name}.conv`, padding: 1, activation: 'relu' } as const;
    const hidden = toFloat32(convLayer(pass, layer, map));
    const predictor = { ...plain, precision: 'float32' } as const;
    const logits = convLayer(pass, { ...predictor, name: `${name}.objectness_logits` }, hidden);
    const shifts = convLayer(pass, { ...predictor, name: `${name}.anchor_deltas` }, hidden);
    const anchors = height * width * logits.shape[3];
    return {
      objectness: tf.reshape(logits, [batch, anchors]),
      deltas: tf.reshape(shifts, [batch, anchors, 4]),
      height,
      width,
      stride: 4 * 2 ** index,
    };
  });
}

/** Anchors of a batch by where they are. */
export interface AnchorPlaces {
  /** [S] index in the pyramid */
  readonly levels: readonly number[];
  readonly images: readonly number[];
  /** [S] index in the level's grid order, `(y W + x) A + a` */
  readonly anchors: readonly number[];
}

/**
 * What {@link rpnHead} says of single anchors, from the 3x3 cells around each. A loss that rests on few anchors is
 * differentiated through these alone: through the whole maps the gradient, nearly all zeros, would cost as much as that of any
 * convolution on them.
 *
 * @returns objectness logits [S, 1] and deltas [S, 4]
 */
export function rpnAtAnchors(
  pass: ForwardPass,
  maps: MapRows,
  { levels, images, anchors }: AnchorPlaces,
): { readonly objectness: tf.Tensor2D; readonly deltas: tf.Tensor2D } {
  const kernel = (layer: string): tf.Tensor4D =>
    pass.parameters.get(`${name}.${layer}.weight`) as tf.Variable<tf.Rank.R4>;
  const perCell = kernel('objectness_logits').shape[3];
  const cells = new Int32Array(9 * anchors.length).fill(-1);
  for (const [s, anchor] of anchors.entries()) {
    const { height, width, firstRow } = maps.levels[levels[s]!]!;
    const cell = Math.floor(anchor / perCell);
    const [y, x] = [Math.floor(cell / width), cell % width];
    for (let k = 0; k < 9; k += 1) {
      const [cy, cx] = [y + Math.floor(k / 3) - 1, x + (k % 3) - 1];
      const inside = cy >= 0 && cx >= 0 && cy < height && cx < width;
      if (inside) cells[9 * s + k] = firstRow + (images[s]! * height + cy) * width + cx;
    }
  }
  const patches = tf.reshape(gatherRows(maps.rows, cells), [anchors.length, -1]) as tf.Tensor2D;
  const hidden = relu(
    tf.add(hiddenProduct(pass, `${name}.conv`, patches), pass.parameters.get(`${name}.conv.bias`)) as tf.Tensor2D,
  );
  /** The anchor's own columns of a 1x1 convolution's result. */
  const predicted = (layer: string, width: number): tf.Tensor2D => {
    const weight = tf.reshape(kernel(layer), [-1, perCell * width]) as tf.Tensor2D;
    const all = tf.add(tf.matMul(hidden, weight), pass.parameters.get(`${name}.${layer}.bias`));
    const rows = Int32Array.from(anchors, (anchor, s) => s * perCell + (anchor % perCell));
    return gatherRows(tf.reshape(all, [-1, width]) as tf.Tensor2D, rows);
  };
  return { objectness: predicted('objectness_logits', 1), deltas: predicted('anchor_deltas', 4) };
}
