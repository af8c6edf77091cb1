import * as tf from '@tensorflow/tfjs-core';
import { portableRoiAlign } from './roi-align-portable.ts';
import { axisSampling, type AxisSampling, type RoiAlignOptions } from './roi-align-kernel.ts';
import { takeBoxes } from '../boxes/box-array.ts';
import type { RoiAlignKernels, RoiBatch } from './roi-batch.ts';
import type { TensorflowKernels } from './tensorflow-kernels.ts';

/** Samples held at once; 2^24 floats are 64 MB. */
const maxSampledValues = 2 ** 24;
/** The same backward, where every part costs an addition of two whole maps. */
const maxSpreadValues = 2 ** 23;
/** Closer than this to the rim, in cells, float32 coordinates may fall on either side. */
const rimWidth = 1e-3;

/**
 * ROIAlign by TensorFlow's `CropAndResize`, which samples a regular grid of a box bilinearly, and average pooling.
 *
 * The map gets a border of one repeated cell, so that clamping to the edge becomes plain interpolation and everything
 * beyond the border is the kernel's extrapolation value 0. In the forward pass boxes are grouped by their sample grid,
 * because one call has one grid. Backward, one call takes them all: every row of samples is cut into crops of one sample a
 * bin, and adding up one gradient image a grid would cost more than the gradients. A region with a sample on the very rim, where rounding decides between the edge's value and 0, is left to
 * the portable kernel; no region inside the image is one.
 */
export function tensorflowRoiAlign(kernels: TensorflowKernels): RoiAlignKernels {
  return {
    forward(maps, rois, options) {
      const [, height, width, channels] = maps.shape;
      const side = options.outputSize;
      const bordered = tf.mirrorPad(maps, border, 'symmetric');
      const { groups, onRim } = sampleGroups(rois, height, width, channels, options);
      const parts: tf.Tensor[] = [];
      const order = new Int32Array(rois.images.length).fill(-1);
      let next = 0;
      for (const group of groups) {
        for (const row of group.rows) order[row] = next++;
        parts.push(tf.tidy(() => averageBins(crop(kernels, bordered, group), group)));
      }
      if (onRim.length > 0) {
        for (const row of onRim) order[row] = next++;
        parts.push(portableRoiAlign.forward(maps, selectRois(rois, onRim), options));
      }
      if (next < order.length) {
        parts.push(tf.zeros([1, side, side, channels]));
        for (let i = 0; i < order.length; i += 1) if (order[i]! < 0) order[i] = next;
      }
      const all = parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
      return tf.gather(all, tf.tensor1d(order, 'int32')) as tf.Tensor4D;
    },
    backward(dy, shape, rois, options) {
      const [batch, height, width, channels] = shape;
      const side = options.outputSize;
      const { groups, onRim } = sampleGroups(rois, height, width, channels, options);
      const size = tf.tensor1d([batch, height + 2, width + 2, channels], 'int32');
      const binRows = tf.reshape(tf.mul(dy, perRegion(groups, rois.images.length)), [-1, 1, side, channels]);
      let total: tf.Tensor | undefined;
      for (const rows of sampleRows(groups, height, width, maxSpreadValues / (side * channels))) {
        const previous = total;
        total = tf.tidy(() => {
          const samples = tf.gather(binRows, tf.tensor1d(rows.binRows, 'int32'));
          const boxes = tf.tensor2d(rows.normalized, [rows.binRows.length, 4]);
          const inputs = [samples, boxes, tf.tensor1d(rows.images, 'int32'), size];
          const gradient = kernels.run('CropAndResizeGradImage', inputs, {
            types: { T: 'float32' },
            strings: { method: 'bilinear' },
          });
          return previous === undefined ? gradient : tf.add(previous, gradient);
        });
        previous?.dispose();
      }
      total ??= tf.zeros([batch, height + 2, width + 2, channels]);
      const gradient = kernels.run('MirrorPadGrad', [total, tf.tensor2d(border, [4, 2], 'int32')], {
        types: { T: 'float32', Tpaddings: 'int32' },
        strings: { mode: 'SYMMETRIC' },
      }) as tf.Tensor4D;
      if (onRim.length === 0) return gradient;
      const rimRows = tf.gather(dy, tf.tensor1d(Int32Array.from(onRim), 'int32')) as tf.Tensor4D;
      return tf.add(gradient, portableRoiAlign.backward(rimRows, shape, selectRois(rois, onRim), options));
    },
  };
}

const border: [number, number][] = [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
];

/** Regions with the same number of samples per bin. */
interface SampleGroup {
  readonly rows: number[];
  readonly perBinY: number;
  readonly perBinX: number;
  readonly side: number;
  /** [n, 4] as (y1, x1, y2, x2) of the outermost samples, as shares of the bordered map. */
  readonly normalized: number[];
  /** [n, 4] as (first y, first x, step y, step x), in cells. */
  readonly starts: number[];
  readonly images: number[];
}

function sampleGroups(
  rois: RoiBatch,
  height: number,
  width: number,
  channels: number,
  options: RoiAlignOptions,
): { groups: SampleGroup[]; onRim: number[] } {
  const side = options.outputSize;
  const open = new Map<string, SampleGroup>();
  const groups: SampleGroup[] = [];
  const onRim: number[] = [];
  for (let r = 0; r < rois.images.length; r += 1) {
    const x = axisSampling(rois.boxesXyxy[4 * r]!, rois.boxesXyxy[4 * r + 2]!, options);
    const y = axisSampling(rois.boxesXyxy[4 * r + 1]!, rois.boxesXyxy[4 * r + 3]!, options);
    if (x.perBin === 0 || y.perBin === 0) continue;
    if (touchesRim(x, width, side) || touchesRim(y, height, side)) {
      onRim.push(r);
      continue;
    }
    const key = `${y.perBin},${x.perBin}`;
    const capacity = Math.max(1, Math.floor(maxSampledValues / (side * side * y.perBin * x.perBin * channels)));
    let group = open.get(key);
    if (group === undefined || group.rows.length >= capacity) {
      group = { rows: [], perBinY: y.perBin, perBinX: x.perBin, side, normalized: [], starts: [], images: [] };
      open.set(key, group);
      groups.push(group);
    }
    const lastY = y.first + (side * y.perBin - 1) * y.step;
    const lastX = x.first + (side * x.perBin - 1) * x.step;
    group.rows.push(r);
    group.images.push(rois.images[r]!);
    group.starts.push(y.first, x.first, y.step, x.step);
    // the bordered map has size + 2 cells, of which cell 1 is the first real one
    group.normalized.push((y.first + 1) / (height + 1), (x.first + 1) / (width + 1));
    group.normalized.push((lastY + 1) / (height + 1), (lastX + 1) / (width + 1));
  }
  return { groups, onRim };
}

/** True if some sample lies within rounding of one cell outside the map. */
function touchesRim(axis: AxisSampling, size: number, side: number): boolean {
  const last = axis.first + (side * axis.perBin - 1) * axis.step;
  if (Math.min(axis.first, last) > rimWidth - 1 && Math.max(axis.first, last) < size - rimWidth) return false;
  for (let i = 0; i < side * axis.perBin; i += 1) {
    const position = axis.first + i * axis.step;
    if (Math.abs(position + 1) < rimWidth || Math.abs(position - size) < rimWidth) return true;
  }
  return false;
}

function selectRois(rois: RoiBatch, rows: readonly number[]): RoiBatch {
  return { boxesXyxy: takeBoxes(rois.boxesXyxy, rows), images: Int32Array.from(rows, (row) => rois.images[row]!) };
}

function cropInputs(group: SampleGroup): [tf.Tensor, tf.Tensor] {
  return [tf.tensor2d(group.normalized, [group.rows.length, 4]), tf.tensor1d(group.images, 'int32')];
}

function crop(kernels: TensorflowKernels, bordered: tf.Tensor, group: SampleGroup): tf.Tensor4D {
  const size = tf.tensor1d([group.side * group.perBinY, group.side * group.perBinX], 'int32');
  return kernels.run('CropAndResize', [bordered, ...cropInputs(group), size], {
    types: { T: 'float32' },
    strings: { method: 'bilinear' },
    floats: { extrapolation_value: 0 },
  }) as tf.Tensor4D;
}

function averageBins(samples: tf.Tensor4D, { perBinY, perBinX }: SampleGroup): tf.Tensor4D {
  if (perBinY === 1 && perBinX === 1) return samples;
  return tf.avgPool(samples, [perBinY, perBinX], [perBinY, perBinX], 'valid');
}

/** Crops of one row and one sample a bin, in the order of the samples. */
interface SampleRows {
  /** [crops] row of the bins' gradient, `region * side + bin`. */
  readonly binRows: Int32Array;
  /** [crops, 4] */
  readonly normalized: Float32Array;
  readonly images: Int32Array;
}

/** The samples of all groups as crops, at most `capacity` in one part. */
function* sampleRows(
  groups: readonly SampleGroup[],
  height: number,
  width: number,
  capacity: number,
): Generator<SampleRows> {
  const crops = groups.reduce((sum, group) => sum + group.rows.length * group.side * group.perBinY * group.perBinX, 0);
  const binRows = new Int32Array(crops);
  const normalized = new Float32Array(4 * crops);
  const images = new Int32Array(crops);
  let at = 0;
  for (const { rows, perBinY, perBinX, side, starts, images: ofRegion } of groups) {
    for (const [i, region] of rows.entries()) {
      const [firstY, firstX, stepY, stepX] = starts.slice(4 * i, 4 * i + 4) as [number, number, number, number];
      for (let y = 0; y < side * perBinY; y += 1) {
        const row = (firstY + y * stepY + 1) / (height + 1);
        for (let x = 0; x < perBinX; x += 1, at += 1) {
          const left = firstX + x * stepX + 1;
          binRows[at] = region * side + Math.floor(y / perBinY);
          images[at] = ofRegion[i]!;
          normalized[4 * at] = row;
          normalized[4 * at + 1] = left / (width + 1);
          normalized[4 * at + 2] = row;
          normalized[4 * at + 3] = (left + (side - 1) * perBinX * stepX) / (width + 1);
        }
      }
    }
  }
  const length = Math.max(1, Math.floor(capacity));
  for (let from = 0; from < crops; from += length) {
    yield {
      binRows: binRows.subarray(from, from + length),
      normalized: normalized.subarray(4 * from, 4 * (from + length)),
      images: images.subarray(from, from + length),
    };
  }
}

/** [R, 1, 1, 1] share of one sample in its bin; 0 for regions of no group. */
function perRegion(groups: readonly SampleGroup[], regions: number): tf.Tensor4D {
  const shares = new Float32Array(regions);
  for (const { rows, perBinY, perBinX } of groups) for (const row of rows) shares[row] = 1 / (perBinY * perBinX);
  return tf.tensor4d(shares, [regions, 1, 1, 1]);
}
