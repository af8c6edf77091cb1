import { assertImage, U2SegError, type HostTensor, type RgbImage, type TensorSession } from '@u2seg/core';
import type { DetectorConfig } from '../detector/config/config.ts';
import type { MaskedDetections } from '../detector/inference/inference.ts';
import { combinePanoptic } from '../detector/inference/panoptic.ts';
import { finishInstances, type Prediction } from '../detector/inference/prediction.ts';
import type { InferOptions } from '../detector/model.ts';
import { semanticLabels } from './semantic-labels.ts';

/**
 * What `PanopticCascadeModel.infer` says, from a graph of `exportOnnx` in any runtime.
 *
 * @param session - the loaded graph
 * @param config - of the network that was exported
 * @param image - RGB at network size
 * @throws U2SegError `shape-mismatch` if the image's data does not fit its size, `bad-format` if the graph's outputs are not
 * those of `exportOnnx`
 */
export async function inferWithSession(
  session: TensorSession,
  config: DetectorConfig,
  image: RgbImage,
  options: InferOptions = {},
): Promise<Prediction> {
  assertImage('inferWithSession: image', image);
  const network = { height: image.height, width: image.width };
  const output = options.output ?? network;
  const results = await session.run({ image: normalizedTensor(image, config) });
  const masks = wanted(results, 'masks', 'float32', 3);
  const found: MaskedDetections = {
    boxes: wanted(results, 'boxes', 'float32', 2).data as Float32Array,
    scores: wanted(results, 'scores', 'float32', 1).data as Float32Array,
    classes: Int32Array.from(wanted(results, 'classes', 'int64', 1).data as BigInt64Array, Number),
    rows: new Int32Array(0),
    maskProbabilities: masks.data as Float32Array,
    maskSize: 2 * config.maskHead.poolSize,
  };
  const instances = finishInstances(found, network, output);
  const result = { height: output.height, width: output.width, instances };
  if (config.semantic === undefined) return result;
  const { data, shape } = wanted(results, 'semantic_logits', 'float32', 4);
  const [, classes, gridH, gridW] = shape as [number, number, number, number];
  const semantic = semanticLabels(data as Float32Array, [classes, gridH, gridW], network, output);
  const panoptic = combinePanoptic({ ...instances, semantic }, config.panoptic);
  return { ...result, semantic, panoptic };
}

/** Normalized RGB planes: [1, 3, H, W]. */
export function normalizedTensor(image: RgbImage, config: Pick<DetectorConfig, 'pixelMean' | 'pixelStd'>): HostTensor {
  const { height, width } = image;
  const area = height * width;
  const data = new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel += 1) {
    const values = Float32Array.from(
      { length: 256 },
      (_, value) => (value - config.pixelMean[channel]!) / config.pixelStd[channel]!,
    );
    for (let i = 0; i < area; i += 1) data[channel * area + i] = values[image.data[3 * i + channel]!]!;
  }
  return { data, shape: [1, 3, height, width], type: 'float32' };
}

function wanted(
  results: Readonly<Record<string, HostTensor>>,
  name: string,
  type: HostTensor['type'],
  rank: number,
): HostTensor {
  const tensor = results[name];
  if (tensor === undefined || tensor.type !== type || tensor.shape.length !== rank) {
    const got = tensor === undefined ? 'none' : `${tensor.type} [${tensor.shape.join(', ')}]`;
    throw new U2SegError(
      'bad-format',
      `inferWithSession: the graph's output "${name}" must be ${type} of rank ${rank}, got ${got}.`,
    );
  }
  return tensor;
}
