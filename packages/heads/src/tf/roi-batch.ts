import * as tf from '@tensorflow/tfjs-core';
import type { RoiAlignOptions } from '../boxes/roi-align-kernel.ts';

/** Regions of a batch: boxes in input pixels, the image each belongs to and the map it is pooled from. */
export interface RoiBatch {
  /** [R, 4] */
  readonly boxesXyxy: Float32Array;
  /** [R] in [0, B) */
  readonly images: Int32Array;
  /** [R] index of a map; absent: all from the first. */
  readonly levels?: Int32Array;
}

/** One channels-last map [B, H, W, C] among the rows of {@link MapRows}. */
export interface MapLevel {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** Row of its first cell; the others follow, images outermost. */
  readonly firstRow: number;
  /** Feature cells per input pixel: 1 / stride. */
  readonly spatialScale: number;
}

/** Maps with the same channels, their cells laid one after the other, so that one product can pool from all of them. */
export interface MapRows {
  /** [sum of B H W, C] */
  readonly rows: tf.Tensor2D;
  readonly levels: readonly MapLevel[];
}

/** @param scales - feature cells per input pixel of each map */
export function mapRows(maps: readonly tf.Tensor4D[], scales: readonly number[]): MapRows {
  let firstRow = 0;
  const levels = maps.map(({ shape: [batch, height, width] }, i): MapLevel => {
    const level = { batch, height, width, firstRow, spatialScale: scales[i]! };
    firstRow += batch * height * width;
    return level;
  });
  const flat = maps.map((map) => tf.reshape(map, [-1, map.shape[3]]) as tf.Tensor2D);
  return { rows: flat.length === 1 ? flat[0]! : tf.concat(flat), levels };
}

/** Bins and samples of a region; the scale is its map's. */
export type PoolingOptions = Omit<RoiAlignOptions, 'spatialScale'>;

/** Forward pass and gradient of ROIAlign on one backend's kernels. */
export interface RoiAlignKernels {
  /** rows [N, C] of `levels` -> [R, outputSize, outputSize, C] */
  forward(
    maps: MapRows,
    rois: RoiBatch,
    options: PoolingOptions,
  ): {
    readonly value: tf.Tensor4D;
    /** What `backward` can use again. */
    readonly saved: tf.Tensor[];
  };
  /** [R, outputSize, outputSize, C] -> [N, C], N rows as `levels` say */
  backward(
    dy: tf.Tensor4D,
    levels: readonly MapLevel[],
    rois: RoiBatch,
    options: PoolingOptions,
    saved: readonly tf.Tensor[],
  ): tf.Tensor2D;
}

/** Rows of all maps together: N. */
export function rowCount(levels: readonly MapLevel[]): number {
  return levels.reduce((sum, { batch, height, width }) => sum + batch * height * width, 0);
}
