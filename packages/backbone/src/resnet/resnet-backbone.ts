import {
  assertImage,
  U2SegError,
  type Backbone,
  type BackboneInfo,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { normalizePixels } from '../imagenet-normalization.ts';
import { mapToRows } from '../map-features.ts';
import { createOnnxSession, type OnnxSession } from '../onnx-session.ts';
import { resnetGraph } from './resnet-graph.ts';
import type { ResnetWeights } from './resnet-weights.ts';

export interface ResnetBackboneOptions {
  /** Map whose cells are the patches: res4 has a stride of 16 pixels, res5 of 32. */
  readonly stage?: 'res4' | 'res5';
  /** Threads of one run; 0 lets onnxruntime take the physical cores. */
  readonly threads?: number;
}

/** The finer map, onnxruntime's choice of threads. */
export const resnetBackboneDefaults: Required<ResnetBackboneOptions> = { stage: 'res4', threads: 0 };

const strides = { res4: 16, res5: 32 } as const;

/**
 * Loads a ResNet as a {@link Backbone}: a cell of the map is a patch, the pooled vector the global descriptor.
 *
 * @throws U2SegError `unavailable` when onnxruntime-node cannot be loaded
 */
export async function createResnetBackbone(
  weights: ResnetWeights,
  identity: Pick<BackboneInfo, 'name' | 'license' | 'weightsSha256'>,
  options: ResnetBackboneOptions = {},
): Promise<Backbone> {
  const { stage, threads } = { ...resnetBackboneDefaults, ...options };
  const graph = resnetGraph(weights, { outputs: [stage, 'pooled'], metadata: { license: identity.license } });
  const session = await createOnnxSession(graph, { threads, source: identity.name });
  return new ResnetBackbone(weights, session, identity, stage);
}

class ResnetBackbone implements Backbone {
  readonly info: BackboneInfo;
  readonly #session: OnnxSession;
  readonly #stage: keyof typeof strides;

  constructor(
    weights: ResnetWeights,
    session: OnnxSession,
    identity: Pick<BackboneInfo, 'name' | 'license' | 'weightsSha256'>,
    stage: keyof typeof strides,
  ) {
    const last = weights.stages[stage === 'res4' ? 2 : 3]!.at(-1)!;
    this.info = {
      name: identity.name,
      dim: last.conv3.bias.length,
      clsDim: weights.dim,
      patchSize: strides[stage],
      license: identity.license,
      weightsSha256: identity.weightsSha256,
    };
    this.#session = session;
    this.#stage = stage;
  }

  async extract(image: RgbImage): Promise<PatchFeatures> {
    assertImage('ResnetBackbone.extract', image);
    const { height, width } = image;
    const { dim, patchSize } = this.info;
    if (height % patchSize !== 0 || width % patchSize !== 0) {
      throw new U2SegError(
        'shape-mismatch',
        `ResnetBackbone.extract: height and width must be multiples of ${patchSize}, got ${height} x ${width}.`,
      );
    }
    const pixels = { data: normalizePixels(image), shape: [1, 3, height, width], type: 'float32' } as const;
    const results = await this.#session.run({ pixels });
    return {
      data: mapToRows(results[this.#stage]!.data as Float32Array, dim),
      gridH: height / patchSize,
      gridW: width / patchSize,
      dim,
      patchSize,
      cls: results['pooled']!.data as Float32Array,
    };
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}
