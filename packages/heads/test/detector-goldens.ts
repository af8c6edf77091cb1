import { readFileSync } from 'node:fs';
import { decodeMask, rleFromString } from '@u2seg/core';
import { readSafetensors } from '@u2seg/interchange';
import { readPng, type GoldenFolder } from '@u2seg/testing';
import type { DetectorConfig } from '../src/detector/config/config.ts';
import { parseDetectron2Config } from '../src/detector/config/detectron2-config.ts';
import { PanopticCascadeModel } from '../src/detector/model.ts';
import { loadStateDict } from '../src/detector/parameters/state-dict.ts';
import type { TrainSample } from '../src/detector/training/train-sample.ts';

/** The goldens' model with their weights, and changes to its configuration. */
export function goldenModel(
  inference: GoldenFolder,
  configFolder: GoldenFolder = inference,
  change: (config: DetectorConfig) => DetectorConfig = (config) => config,
): PanopticCascadeModel {
  const config = change(parseDetectron2Config(readFileSync(configFolder.file('config.yaml'), 'utf8')));
  const model = PanopticCascadeModel.create(config, { seed: 0 });
  const { tensors } = readSafetensors(readFileSync(inference.file('model_init.safetensors')));
  loadStateDict(model, new Map(tensors.map((tensor) => [tensor.name, tensor])));
  return model;
}

interface GoldenTruth {
  readonly height: number;
  readonly width: number;
  readonly instances: readonly {
    readonly class: number;
    readonly bbox_xyxy: readonly number[];
    readonly mask: { readonly size: readonly [number, number]; readonly counts: string };
  }[];
}

/** The goldens' training batch. */
export function goldenBatch(folder: GoldenFolder): TrainSample[] {
  return folder.json<readonly GoldenTruth[]>('ground_truth.json').map(({ instances }, i): TrainSample => ({
    image: readPng(folder.file(`img${i}.png`)),
    instances: {
      boxesXyxy: Float32Array.from(instances.flatMap((instance) => [...instance.bbox_xyxy])),
      classes: Int32Array.from(instances, (instance) => instance.class),
      masks: instances.map(({ mask }) => decodeMask(rleFromString(...mask.size, mask.counts))),
    },
    semantic: readPng(folder.file(`img${i}_semseg.png`)).data,
  }));
}
