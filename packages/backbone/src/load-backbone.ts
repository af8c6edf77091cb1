import { existsSync } from 'node:fs';
import { U2SegError, type Backbone, type BackboneInfo } from '@u2seg/core';
import {
  readSafetensors,
  readTorchCheckpoint,
  splitPart,
  type NamedTensor,
  type UnreadTensor,
} from '@u2seg/interchange';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { createOnnxExtractor, parseExtractorDeclaration } from './onnx-extractor.ts';
import { createOnnxSession } from './onnx-session.ts';
import { findOfficialWeights, officialWeights, type OfficialWeights } from './registry/official-weights.ts';
import { fetchWeights, type WeightCacheOptions } from './registry/weight-cache.ts';
import { createResnetBackbone, type ResnetBackboneOptions } from './resnet/resnet-backbone.ts';
import { readResnet } from './resnet/resnet-weights.ts';
import { readVit } from './vit/vit-architecture.ts';
import { createVitBackbone, type VitBackboneOptions } from './vit/vit-backbone.ts';

export interface LoadBackboneOptions extends WeightCacheOptions, VitBackboneOptions, ResnetBackboneOptions {
  /**
   * A local `.pth`, `.pkl`, `.safetensors` or `.onnx` to use instead of a download (`--weights`); of several networks in it
   * `<file>#<part>` names one, such as `run.pth#model_ema`.
   */
  readonly weights?: string;
  /** JSON that declares an `.onnx` file; its own path with `.json` appended where left out. */
  readonly declaration?: string;
  /** Attention heads of a vision transformer whose heads are not 64 wide. */
  readonly heads?: number;
  /** D of an `.onnx` extractor whose graph does not tell. */
  readonly dim?: number;
  /** Licence to report for local weights that are none of the official files. */
  readonly license?: string;
}

/**
 * Loads a backbone by name: one of {@link officialWeights}, from `--weights`, the cache or its publisher. A name outside the
 * registry needs local weights, whose kind is recognised from the parameters.
 *
 * @throws U2SegError `not-found` for an unknown name without local weights, `unavailable` when neither cached nor reachable,
 * `bad-format` for a file that cannot be read
 */
export async function loadBackbone(name: string, options: LoadBackboneOptions = {}): Promise<Backbone> {
  if (options.weights === undefined) {
    const entry = findOfficialWeights(name);
    const { path, sha256 } = await fetchWeights(entry, options);
    return backboneFrom(await readBytes(path), path, identityOf(entry, sha256), options);
  }
  const { file, part } = splitPart(options.weights, existsSync(options.weights));
  const bytes = await readBytes(file);
  const weightsSha256 = createHash('sha256').update(bytes).digest('hex');
  if (/\.onnx$/iu.test(file)) return loadExtractor(bytes, weightsSha256, file, options);
  const entry = officialWeights.find((candidate) => candidate.name === name);
  const identity =
    entry === undefined
      ? { name, license: options.license ?? 'unknown', weightsSha256 }
      : identityOf(entry, weightsSha256);
  return backboneFrom(bytes, file, identity, options, part);
}

/**
 * Tensors of a checkpoint, by its content: `.safetensors`, or anything `readTorchCheckpoint` reads.
 *
 * @throws U2SegError `bad-format`
 */
export function readCheckpoint(bytes: Uint8Array, source: string): readonly NamedTensor[] {
  return openCheckpoint(bytes, source).tensors;
}

function openCheckpoint(
  bytes: Uint8Array,
  source: string,
): { readonly tensors: readonly NamedTensor[]; readonly unread: readonly UnreadTensor[] } {
  // A safetensors file is a length of eight bytes, then a JSON object of that length.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isSafetensors = bytes.length > 8 && bytes[8] === 0x7b && view.getBigUint64(0, true) < bytes.length;
  return isSafetensors ? readSafetensors(bytes, source) : readTorchCheckpoint(bytes, source);
}

type Identity = Pick<BackboneInfo, 'name' | 'license' | 'weightsSha256'>;

function identityOf(entry: OfficialWeights, weightsSha256: string): Identity {
  return { name: entry.name, license: entry.license, weightsSha256 };
}

async function backboneFrom(
  bytes: Uint8Array,
  path: string,
  identity: Identity,
  options: LoadBackboneOptions,
  part?: string,
): Promise<Backbone> {
  const source = basename(path);
  const { tensors, unread } = openCheckpoint(bytes, source);
  try {
    return await backboneOf(source, tensors, identity, options, part);
  } catch (cause) {
    if (unread.length === 0 || !(cause instanceof U2SegError)) throw cause;
    const names = unread.slice(0, 5).map(({ name, dtype }) => `${name} (${dtype})`);
    throw new U2SegError(cause.code, `${cause.message} ${unread.length} tensors are not read: ${names.join(', ')}.`, {
      cause,
    });
  }
}

async function backboneOf(
  source: string,
  tensors: readonly NamedTensor[],
  identity: Identity,
  options: LoadBackboneOptions,
  part: string | undefined,
): Promise<Backbone> {
  if (tensors.some(({ name }) => name.endsWith('cls_token'))) {
    const heads = options.heads === undefined ? {} : { heads: options.heads };
    return createVitBackbone(readVit(tensors, { source, part, ...heads }), identity, options);
  }
  if (tensors.some(({ name }) => name.endsWith('layer1.0.conv1.weight'))) {
    return createResnetBackbone(readResnet(tensors, source, part), identity, options);
  }
  const shown = tensors.slice(0, 5).map(({ name }) => name);
  throw new U2SegError(
    'unsupported',
    `loadBackbone: ${source} is neither a vision transformer nor a ResNet; it starts with ${shown.join(', ') || 'nothing'}.`,
  );
}

async function loadExtractor(
  bytes: Uint8Array,
  weightsSha256: string,
  path: string,
  options: LoadBackboneOptions,
): Promise<Backbone> {
  const declarationPath = options.declaration ?? `${path}.json`;
  const text = new TextDecoder().decode(await readBytes(declarationPath));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new U2SegError('bad-format', `loadBackbone: ${declarationPath} is not valid JSON.`, { cause });
  }
  const declaration = parseExtractorDeclaration(json, declarationPath);
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const session = await createOnnxSession(bytes, { source: basename(path), ...threads });
  return createOnnxExtractor(session, declaration, { weightsSha256 }, options.dim);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new U2SegError('not-found', `loadBackbone: ${path} cannot be read.`, { cause });
  }
}
