import {
  assertImage,
  U2SegError,
  type Backbone,
  type BackboneInfo,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { decodeFloat16 } from '@u2seg/interchange';
import type { HostTensor } from '@u2seg/core';
import { normalizePixels } from '../imagenet-normalization.ts';
import { createOnnxSession, type OnnxSession } from '../onnx-session.ts';
import { exactIntegerProduct, type IntegerProduct } from './integer-product.ts';
import { positionTokens } from './position-embedding.ts';
import type { VitWeights } from './vit-architecture.ts';
import { vitGraph, type VitOutput } from './vit-graph.ts';

export interface VitBackboneOptions {
  /** Which tensor of the last block describes a patch; MaskCut uses the keys. `kqv` joins keys, queries and values. */
  readonly feature?: 'key' | 'query' | 'value' | 'tokens' | 'kqv';
  /** Whether to compute the CLS token too, which costs the last block's attention and MLP. */
  readonly cls?: boolean;
  /** Threads of one run; 0 lets onnxruntime take the physical cores. */
  readonly threads?: number;
  /** See `vitGraph`. */
  readonly attention?: 'fused' | 'spelled-out';
  /** See `vitGraph`: `int8` is faster and not the reference's numbers. */
  readonly precision?: 'float32' | 'int8';
  /** See `vitGraph`; `auto` takes the faster one that is exact on this processor. The features are the same. */
  readonly integerProduct?: IntegerProduct | 'auto';
}

/** Keys and CLS token, onnxruntime's choice of threads. */
export const vitBackboneDefaults: Required<VitBackboneOptions> = {
  feature: 'key',
  cls: true,
  threads: 0,
  attention: 'fused',
  precision: 'float32',
  integerProduct: 'auto',
};

/**
 * Loads a vision transformer as a {@link Backbone}.
 *
 * @param identity - name, licence and checksum of the weights, for reports
 * @throws U2SegError `unavailable` when onnxruntime-node cannot be loaded
 */
export async function createVitBackbone(
  weights: VitWeights,
  identity: Pick<BackboneInfo, 'name' | 'license' | 'weightsSha256'>,
  options: VitBackboneOptions = {},
): Promise<VitBackbone> {
  const settings = { ...vitBackboneDefaults, ...options };
  const outputs: VitOutput[] = [...(settings.cls ? (['cls'] as const) : []), ...outputsOf(settings.feature)];
  const { attention, precision } = settings;
  const wanted = precision === 'int8' ? settings.integerProduct : 'u8u8';
  const integerProduct = wanted === 'auto' ? await exactIntegerProduct() : wanted;
  const metadata = { license: identity.license };
  const graph = vitGraph(weights, { outputs, attention, precision, integerProduct, metadata });
  const session = await createOnnxSession(graph, { threads: settings.threads, source: identity.name });
  return new VitBackbone(weights, session, identity, settings);
}

/** Outputs of the graph that make up a feature, in order. */
function outputsOf(feature: Required<VitBackboneOptions>['feature']): readonly VitOutput[] {
  return feature === 'kqv' ? ['key', 'query', 'value'] : [feature];
}

/** A loaded vision transformer. */
export class VitBackbone implements Backbone {
  readonly info: BackboneInfo;
  readonly #weights: VitWeights;
  readonly #session: OnnxSession;
  readonly #options: Required<VitBackboneOptions>;
  #positions: { readonly gridH: number; readonly gridW: number; readonly tensor: HostTensor } | undefined;

  constructor(
    weights: VitWeights,
    session: OnnxSession,
    identity: Pick<BackboneInfo, 'name' | 'license' | 'weightsSha256'>,
    options: Required<VitBackboneOptions>,
  ) {
    const { dim, patchSize } = weights.architecture;
    this.info = {
      name: identity.name,
      dim: dim * outputsOf(options.feature).length,
      clsDim: options.cls ? dim : 0,
      patchSize,
      license: identity.license,
      weightsSha256: identity.weightsSha256,
    };
    this.#weights = weights;
    this.#session = session;
    this.#options = options;
  }

  async extract(image: RgbImage): Promise<PatchFeatures> {
    assertImage('VitBackbone.extract', image);
    const { dim, patchSize, registers } = this.#weights.architecture;
    const { height, width } = image;
    if (height % patchSize !== 0 || width % patchSize !== 0) {
      throw new U2SegError(
        'shape-mismatch',
        `VitBackbone.extract: height and width must be multiples of ${patchSize}, got ${height} x ${width}.`,
      );
    }
    const gridH = height / patchSize;
    const gridW = width / patchSize;
    const results = await this.#session.run({
      pixels: { data: normalizePixels(image), shape: [1, 3, height, width], type: 'float32' },
      positions: this.#positionsFor(gridH, gridW),
    });
    const parts = outputsOf(this.#options.feature).map((name) => {
      return toFloats(results[name]!).subarray((1 + registers) * dim);
    });
    const data = joinColumns(parts, dim);
    const cls = results['cls'];
    return { data, gridH, gridW, dim: this.info.dim, patchSize, ...(cls === undefined ? {} : { cls: toFloats(cls) }) };
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }

  /** The interpolated embedding of the last grid is kept: photos of one run mostly share their size. */
  #positionsFor(gridH: number, gridW: number): HostTensor {
    if (this.#positions?.gridH !== gridH || this.#positions.gridW !== gridW) {
      const { dim, registers } = this.#weights.architecture;
      const data = positionTokens(this.#weights, gridH, gridW);
      const tensor: HostTensor = { data, shape: [1, 1 + registers + gridH * gridW, dim], type: 'float32' };
      this.#positions = { gridH, gridW, tensor };
    }
    return this.#positions.tensor;
  }
}

function toFloats(tensor: HostTensor): Float32Array {
  return tensor.type === 'float16' ? decodeFloat16(tensor.data as Uint16Array) : (tensor.data as Float32Array);
}

/** Joins matrices [N, D] side by side; a single one is returned as it is. */
function joinColumns(parts: readonly Float32Array[], dim: number): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const rows = parts[0]!.length / dim;
  const out = new Float32Array(rows * dim * parts.length);
  for (const [p, part] of parts.entries()) {
    for (let row = 0; row < rows; row += 1) {
      out.set(part.subarray(row * dim, (row + 1) * dim), (row * parts.length + p) * dim);
    }
  }
  return out;
}
