import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';

/** One operation as the engine of TensorFlow.js records it while its tape is on (internals of 4.22). */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Copies of what the gradient needs, kept until they are disposed. */
  readonly saved?: readonly tf.Tensor[];
  gradient?(dys: readonly (tf.Tensor | null)[]): Readonly<Record<string, () => tf.Tensor>>;
}

interface TapeEngine {
  startTape(): void;
  endTape(): void;
  readonly state: { activeTape: TapeNode[] | null; kernelDepth: number };
}

/**
 * Value of a scalar function and its gradient with respect to variables, as `tf.variableGrads`, which holds all that was
 * saved and every intermediate gradient until it returns. Here both go as soon as the operation they belong to is passed, so
 * the peak is the end of the forward pass.
 *
 * @returns gradients by the variable's name; variables the value does not depend on have none
 * @throws U2SegError `unsupported` if an operation on the way has no gradient
 */
export function valueAndGradients(
  f: () => tf.Scalar,
  variables: readonly tf.Variable[],
): { readonly value: tf.Scalar; readonly gradients: Map<string, tf.Tensor> } {
  const engine = tf.engine() as unknown as TapeEngine;
  let tape: readonly TapeNode[] = [];
  try {
    engine.startTape();
    let value: tf.Scalar;
    try {
      value = tf.tidy(f);
    } finally {
      engine.endTape();
      tape = engine.state.activeTape ?? [];
      engine.state.activeTape = null;
    }
    const found = backward(tape, value, new Set(variables.map(({ id }) => id)));
    const gradients = new Map<string, tf.Tensor>();
    for (const { id, name } of variables) if (found.has(id)) gradients.set(name, found.get(id)!);
    return { value, gradients };
  } finally {
    for (const { saved } of tape) tf.dispose([...(saved ?? [])]);
  }
}

/** Runs operations no gradient flows through: nothing of them is recorded, and only the result is kept. */
export function withoutGradients<T>(f: () => T): T {
  const { state } = tf.engine() as unknown as TapeEngine;
  // the tape is off inside a kernel
  state.kernelDepth += 1;
  try {
    return tf.tidy(f as () => tf.TensorContainer) as T;
  } finally {
    state.kernelDepth -= 1;
  }
}

/** Gradients of `value` by the ids of the tensors in `wanted`. */
function backward(tape: readonly TapeNode[], value: tf.Scalar, wanted: ReadonlySet<number>): Map<number, tf.Tensor> {
  const dependent = new Set(wanted);
  const depends = ({ id }: tf.Tensor): boolean => dependent.has(id);
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some(depends)) for (const { id } of outputs) dependent.add(id);
  }
  const gradients = new Map<number, tf.Tensor>([[value.id, tf.onesLike(value)]]);
  const addTo = (id: number, gradient: tf.Tensor): void => {
    const before = gradients.get(id);
    gradients.set(id, before === undefined ? gradient : tf.add(before, gradient));
    if (before !== undefined) tf.dispose([before, gradient]);
  };
  for (const node of tape.toReversed()) {
    const dys = node.outputs.map(({ id }) => gradients.get(id) ?? null);
    const names = Object.keys(node.inputs).filter((name) => depends(node.inputs[name]!));
    if (names.length > 0 && dys.some((dy) => dy !== null)) {
      const ofInputs = tf.tidy(() => {
        const functions = node.gradient?.(dys) ?? refuse(node);
        // a copy where the gradient is handed on as it came: what came is disposed
        return names.map((name) => functions[name]!()).map((dx) => (dys.includes(dx) ? tf.clone(dx) : dx));
      });
      names.forEach((name, i) => addTo(node.inputs[name]!.id, ofInputs[i]!));
    }
    for (const [i, { id }] of node.outputs.entries()) {
      if (dys[i] === null || wanted.has(id)) continue;
      gradients.delete(id);
      dys[i]!.dispose();
    }
    tf.dispose([...(node.saved ?? [])]);
  }
  return gradients;
}

function refuse({ kernelName }: TapeNode): never {
  throw new U2SegError('unsupported', `valueAndGradients: no gradient is registered for ${kernelName}.`);
}
