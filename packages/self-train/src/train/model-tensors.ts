import type * as tf from '@tensorflow/tfjs-core';
import type { ModelBuffer, ModelParameter } from '../optimizer/model-parameters.ts';

/** A network as far as its tensors go. */
export interface WithTensors {
  parameters(): ReadonlyMap<string, tf.Variable>;
  buffers(): ReadonlyMap<string, tf.Variable>;
}

/** Trainable tensors of a network with their role in weight decay, in the order of its state dictionary. */
export function modelParameters(model: WithTensors): ModelParameter[] {
  return [...model.parameters()].map(([name, variable]) => ({ name, variable, role: roleOf(name) }));
}

/** Running statistics, counters and frozen weights of a network. */
export function modelBuffers(model: WithTensors): ModelBuffer[] {
  return [...model.buffers()].map(([name, variable]) => ({ name, variable }));
}

/** detectron2 names every normalization layer `norm`. */
function roleOf(name: string): ModelParameter['role'] {
  if (/(?:^|\.)norm\.(?:weight|bias)$/u.test(name)) return 'norm';
  return name.endsWith('.bias') ? 'bias' : 'weight';
}
