import type { PanopticCascadeModel } from '@u2seg/heads';
import type { ModelBuffer, ModelParameter } from '../optimizer/model-parameters.ts';

/** Trainable tensors of a network with their role in weight decay, in the order of its state dictionary. */
export function modelParameters(model: PanopticCascadeModel): ModelParameter[] {
  return [...model.parameters()].map(([name, variable]) => ({ name, variable, role: roleOf(name) }));
}

/** Running statistics, counters and frozen weights of a network. */
export function modelBuffers(model: PanopticCascadeModel): ModelBuffer[] {
  return [...model.buffers()].map(([name, variable]) => ({ name, variable }));
}

/** detectron2 names every normalization layer `norm`. */
function roleOf(name: string): ModelParameter['role'] {
  if (/(?:^|\.)norm\.(?:weight|bias)$/u.test(name)) return 'norm';
  return name.endsWith('.bias') ? 'bias' : 'weight';
}
