import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { decodeMask, rleFromString, type RgbImage } from '@u2seg/core';
import type { GoldenFolder, GoldenTensor } from '@u2seg/testing';
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
  loadStateDict(
    model,
    inference.tensors('model_init.safetensors') as Map<string, GoldenTensor & { data: Float32Array }>,
  );
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

/** Minimal PNG reader for 8-bit grey and RGB files without interlacing; grey files give one channel. */
export function readPng(path: string): RgbImage {
  const file = readFileSync(path);
  const parts: Buffer[] = [];
  let width = 0;
  let height = 0;
  let channels = 3;
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const kind = file.toString('latin1', at + 4, at + 8);
    const body = file.subarray(at + 8, at + 8 + length);
    if (kind === 'IHDR') {
      width = body.readUInt32BE(0);
      height = body.readUInt32BE(4);
      if (body[8] !== 8 || body[12] !== 0) throw new Error(`${path}: only 8-bit PNG without interlacing`);
      channels = { 0: 1, 2: 3, 6: 4 }[body[9]!] ?? 0;
    }
    if (kind === 'IDAT') parts.push(body);
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const data = new Uint8Array(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)]!;
    for (let x = 0; x < stride; x += 1) {
      const left = x >= channels ? data[y * stride + x - channels]! : 0;
      const up = y > 0 ? data[(y - 1) * stride + x]! : 0;
      const corner = y > 0 && x >= channels ? data[(y - 1) * stride + x - channels]! : 0;
      const value = raw[y * (stride + 1) + 1 + x]!;
      data[y * stride + x] = value + predicted(filter, left, up, corner);
    }
  }
  return { data, height, width };
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const p = left + up - corner;
  const byLeft = Math.abs(p - left);
  const byUp = Math.abs(p - up);
  const byCorner = Math.abs(p - corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}
