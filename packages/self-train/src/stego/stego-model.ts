import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import { ClusterProbe, LinearProbe, StegoHead } from '@u2seg/heads';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@u2seg/interchange';

/** Sizes of a STEGO model; enough to build it again. */
export interface StegoModelConfig {
  /** D, the backbone's feature width. */
  readonly featureDim: number;
  /** C */
  readonly codeDim: number;
  readonly projection: 'linear' | 'nonlinear';
  /** K of the cluster probe. */
  readonly clusters: number;
  /** Classes of the linear probe, 0 for none. */
  readonly classes: number;
}

/** Head and probes, trained together. */
export class StegoModel {
  readonly config: StegoModelConfig;
  readonly head: StegoHead;
  readonly clusterProbe: ClusterProbe;
  readonly linearProbe: LinearProbe | undefined;

  constructor(config: StegoModelConfig, seed = 0) {
    this.config = config;
    this.head = new StegoHead({ ...config, seed });
    this.clusterProbe = new ClusterProbe(config.codeDim, config.clusters, seed);
    this.linearProbe = config.classes > 0 ? new LinearProbe(config.codeDim, config.classes, seed) : undefined;
  }

  /** Weights under the names of STEGO's checkpoints: `net.cluster1.0.weight`, `cluster_probe.clusters` and so on. */
  state(): NamedTensor[] {
    const { clusters, codeDim, classes } = this.config;
    const tensors: NamedTensor[] = this.head.state().map((tensor) => ({ ...tensor, name: `net.${tensor.name}` }));
    tensors.push({
      name: 'cluster_probe.clusters',
      dtype: 'float32',
      shape: [clusters, codeDim],
      data: copyOf(this.clusterProbe.directions),
    });
    if (this.linearProbe !== undefined) {
      const turned = tf.tidy(() => copyOf(tf.transpose(this.linearProbe!.weight as tf.Tensor2D)));
      tensors.push(
        { name: 'linear_probe.weight', dtype: 'float32', shape: [classes, codeDim, 1, 1], data: turned },
        { name: 'linear_probe.bias', dtype: 'float32', shape: [classes], data: copyOf(this.linearProbe.bias) },
      );
    }
    return tensors;
  }

  /** @throws U2SegError `not-found` or `shape-mismatch` if the tensors are not of such a model */
  loadState(tensors: ReadonlyMap<string, NamedTensor>): void {
    const floats = (name: string): Float32Array => {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new U2SegError('not-found', `StegoModel.loadState: ${name} is missing.`);
      return Float32Array.from(tensor.data as Float32Array);
    };
    this.head.loadState([...tensors.values()].filter(({ name }) => name.startsWith('net.')));
    this.clusterProbe.assign(floats('cluster_probe.clusters'));
    this.linearProbe?.assign(floats('linear_probe.weight'), floats('linear_probe.bias'));
  }

  dispose(): void {
    this.head.dispose();
    this.clusterProbe.dispose();
    this.linearProbe?.dispose();
  }
}

/** The model as a `.safetensors` file, with its sizes in the metadata. */
export function saveStegoModel(model: StegoModel): Uint8Array {
  return writeSafetensors(model.state(), { format: stegoFormat, config: JSON.stringify(model.config) });
}

/**
 * Reads what {@link saveStegoModel} or a training checkpoint holds.
 *
 * @throws U2SegError `bad-format` if the file is no STEGO model of ours
 */
export function loadStegoModel(bytes: Uint8Array, source = 'stego model'): StegoModel {
  const { tensors, metadata } = readSafetensors(bytes, source);
  const config = readStegoConfig(metadata, source);
  const model = new StegoModel(config);
  try {
    model.loadState(new Map(tensors.map((tensor) => [tensor.name, tensor])));
  } catch (cause) {
    model.dispose();
    throw cause;
  }
  return model;
}

export const stegoFormat = 'u2seg-stego-1';

/** @throws U2SegError `bad-format` if the metadata is not of a STEGO file of ours */
export function readStegoConfig(metadata: ReadonlyMap<string, string>, source: string): StegoModelConfig {
  const format = metadata.get('format');
  if (format !== stegoFormat) {
    throw new U2SegError('bad-format', `${source}: format must be ${stegoFormat}, got ${format ?? 'none'}.`);
  }
  const config = JSON.parse(metadata.get('config') ?? 'null') as StegoModelConfig | null;
  const sizes = [config?.featureDim, config?.codeDim, config?.clusters, config?.classes];
  if (
    config === null ||
    !sizes.every((size) => Number.isInteger(size)) ||
    !['linear', 'nonlinear'].includes(config.projection)
  ) {
    throw new U2SegError('bad-format', `${source}: config must hold the model's sizes, got ${JSON.stringify(config)}.`);
  }
  return config;
}

function copyOf(tensor: tf.Tensor): Float32Array {
  return (tensor.dataSync() as Float32Array).slice();
}
