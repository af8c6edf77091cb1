import { U2SegError } from '@u2seg/core';
import type { OnnxGraphBuilder, OnnxValue } from '@u2seg/interchange';
import type { PanopticCascadeModel } from '../detector/model.ts';
import { stateDict, type StateDictEntry } from '../detector/parameters/state-dict.ts';
import { normEpsilon } from '../tf/batch-norm.ts';

/** A float32 tensor in torch's layout. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The graph under construction, where its weights come from, and those it holds already. */
export interface ExportContext {
  readonly graph: OnnxGraphBuilder;
  readonly weights: GraphWeights;
  readonly stored: Map<string, OnnxValue>;
}

/** Trained parameters by detectron2's names, in torch's layout, which is ONNX's too. */
export class GraphWeights {
  readonly #entries: ReadonlyMap<string, StateDictEntry>;

  constructor(model: PanopticCascadeModel) {
    this.#entries = stateDict(model);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** @throws U2SegError `not-found` for a name the network does not have */
  get(name: string): WeightTensor {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.dtype !== 'float32') {
      throw new U2SegError('not-found', `exportOnnx: the network has no float32 parameter ${name}.`);
    }
    return { shape: entry.shape, data: entry.data as Float32Array };
  }

  /** Weight and bias of a convolution with its batch normalization, at its fixed statistics, folded in. */
  folded(name: string): { readonly weight: WeightTensor; readonly bias: Float32Array } {
    const weight = this.get(`${name}.weight`);
    const [scale, offset, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => this.get(`${name}.norm.${part}`).data,
    );
    const channels = weight.shape[0]!;
    const perChannel = weight.data.length / channels;
    const data = new Float32Array(weight.data.length);
    const bias = new Float32Array(channels);
    for (let c = 0; c < channels; c += 1) {
      const factor = scale![c]! / Math.sqrt(variance![c]! + normEpsilon);
      bias[c] = offset![c]! - mean![c]! * factor;
      for (let k = c * perChannel; k < (c + 1) * perChannel; k += 1) data[k] = weight.data[k]! * factor;
    }
    return { weight: { shape: weight.shape, data }, bias };
  }
}

/** Stores a tensor in the graph, once however often its layer runs. */
export function store(context: ExportContext, name: string, { shape, data }: WeightTensor): OnnxValue {
  let value = context.stored.get(name);
  if (value === undefined) {
    value = context.graph.initializer(name, { dtype: 'float32', shape, data });
    context.stored.set(name, value);
  }
  return value;
}
