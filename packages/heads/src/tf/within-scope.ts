import * as tf from '@tensorflow/tfjs-core';

/** Runs `compute` and disposes every tensor it made and did not keep; the result holds none of them. */
export function withinScope<T>(compute: () => T): T {
  tf.engine().startScope();
  try {
    return compute();
  } finally {
    tf.engine().endScope();
  }
}
