import * as tf from '@tensorflow/tfjs-core';

type Attributes = Record<string, unknown>;

/** Sums `gradient` over the axes along which an operand of shape `shape` was broadcast. */
function unbroadcast(gradient: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.backend_util.getReductionAxes([...shape], gradient.shape);
  return tf.reshape(axes.length === 0 ? gradient : tf.sum(gradient, axes), [...shape]);
}

function one(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(dy) ? dy[0]! : dy;
}

/** Gradients of elementary kernels, written from their definitions. */
export const engineGradients: readonly tf.GradConfig[] = [
  {
    kernelName: tf.Add,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => unbroadcast(one(dy), a!.shape),
      b: () => unbroadcast(one(dy), b!.shape),
    }),
  },
  {
    kernelName: tf.Sub,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => unbroadcast(one(dy), a!.shape),
      b: () => unbroadcast(tf.neg(one(dy)), b!.shape),
    }),
  },
  {
    kernelName: tf.Multiply,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.mul(one(dy), b!), a!.shape),
      b: () => unbroadcast(tf.mul(one(dy), a!), b!.shape),
    }),
  },
  {
    kernelName: tf.RealDiv,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.div(one(dy), b!), a!.shape),
      b: () => unbroadcast(tf.neg(tf.div(tf.mul(one(dy), a!), tf.square(b!))), b!.shape),
    }),
  },
  {
    kernelName: tf.Reshape,
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.reshape(one(dy), x!.shape) }),
  },
  { kernelName: tf.Identity, gradFunc: (dy) => ({ x: () => tf.clone(one(dy)) }) },
  { kernelName: tf.Cast, gradFunc: (dy) => ({ x: () => tf.clone(one(dy)) }) },
  { kernelName: tf.Neg, gradFunc: (dy) => ({ x: () => tf.neg(one(dy)) }) },
  {
    kernelName: tf.Transpose,
    gradFunc: (dy, _saved, attributes) => {
      const perm = (attributes as Attributes)['perm'] as number[];
      return { x: () => tf.transpose(one(dy), tf.backend_util.getUndoAxesPermutation(perm)) };
    },
  },
  {
    kernelName: tf.Sum,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const axes = tf.util.parseAxisParam((attributes as Attributes)['axis'] as number | number[], x!.shape);
      const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
      return { x: () => tf.mul(tf.reshape(one(dy), kept), tf.ones(x!.shape)) };
    },
  },
  {
    kernelName: tf.Concat,
    saveAllInputs: true,
    gradFunc: (dy, saved, attributes) => {
      const axis = tf.util.parseAxisParam((attributes as Attributes)['axis'] as number, saved[0]!.shape)[0]!;
      const parts = tf.split(
        one(dy),
        saved.map((part) => part.shape[axis]!),
        axis,
      );
      return Object.fromEntries(parts.map((part, i) => [i, () => part]));
    },
  },
  {
    kernelName: tf.Slice,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const begin = (attributes as Attributes)['begin'] as number[];
      const size = one(dy).shape;
      const padding = x!.shape.map((length, axis): [number, number] => [
        begin[axis] ?? 0,
        length - (begin[axis] ?? 0) - size[axis]!,
      ]);
      return { x: () => tf.pad(one(dy), padding) };
    },
  },
  {
    kernelName: tf.PadV2,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attributes) => {
      const paddings = (attributes as Attributes)['paddings'] as [number, number][];
      return {
        x: () =>
          tf.slice(
            one(dy),
            paddings.map((pair) => pair[0]),
            x!.shape,
          ),
      };
    },
  },
  {
    kernelName: tf.BatchMatMul,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b], attributes) => {
      const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
      const d = one(dy) as tf.Tensor3D;
      const x = a as tf.Tensor3D;
      const y = b as tf.Tensor3D;
      return {
        a: () => (transposeA ? tf.matMul(y, d, transposeB, true) : tf.matMul(d, y, false, !transposeB)),
        b: () => (transposeB ? tf.matMul(d, x, true, transposeA) : tf.matMul(x, d, !transposeA, false)),
      };
    },
  },
];
