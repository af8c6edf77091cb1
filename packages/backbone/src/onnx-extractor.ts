import {
  assertImage,
  U2SegError,
  type Backbone,
  type BackboneInfo,
  type HostTensor,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { decodeFloat16 } from '@u2seg/interchange';
import { imagenetNormalization, normalizePixels, type PixelNormalization } from './imagenet-normalization.ts';
import { mapToRows } from './map-features.ts';
import type { OnnxSession } from './onnx-session.ts';

/** Says how to feed an ONNX file and what its output means; kept as JSON beside the file. */
export interface OnnxExtractorDeclaration {
  /** Name for tables and reports. */
  readonly name: string;
  /** Licence of the weights, as an SPDX expression where there is one. */
  readonly license: string;
  /** Side of one square patch, in input pixels. */
  readonly patchSize: number;
  readonly input: {
    /** Name of the image input, float32 [1, 3, H, W]. */
    readonly name: string;
    /** `(value / 255 - mean) / std`; ImageNet's where left out. */
    readonly normalization?: PixelNormalization;
  };
  readonly output: {
    /** Name of the feature output, float32 or float16. */
    readonly name: string;
    /** `tokens` is [1, prefix + N, D], `map` is [1, D, gridH, gridW], `map-channels-last` is [1, gridH, gridW, D]. */
    readonly layout: 'tokens' | 'map' | 'map-channels-last';
    /** Tokens before the patches, of layout `tokens`: 1 for a CLS token, 5 with four registers; 0 where left out. */
    readonly prefixTokens?: number;
  };
  /** Where the global descriptor is: an output [1, D'], or `token` of the feature output. Left out: there is none. */
  readonly cls?: { readonly name: string } | { readonly token: number };
}

/**
 * Checks a declaration read from JSON.
 *
 * @throws U2SegError `bad-format` naming the field and what it must be
 */
export function parseExtractorDeclaration(value: unknown, source = 'declaration'): OnnxExtractorDeclaration {
  const fail = (field: string, wanted: string): never => {
    throw new U2SegError('bad-format', `parseExtractorDeclaration: ${source}: ${field} must be ${wanted}.`);
  };
  const record = (entry: unknown, field: string): Record<string, unknown> =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? (entry as Record<string, unknown>)
      : fail(field, 'an object');
  const text = (entry: unknown, field: string): string =>
    typeof entry === 'string' && entry !== '' ? entry : fail(field, 'a text');
  const count = (entry: unknown, field: string, min: number): number =>
    Number.isInteger(entry) && (entry as number) >= min ? (entry as number) : fail(field, `an integer >= ${min}`);
  const triple = (entry: unknown, field: string): [number, number, number] =>
    Array.isArray(entry) && entry.length === 3 && entry.every((x) => typeof x === 'number' && Number.isFinite(x))
      ? (entry as [number, number, number])
      : fail(field, 'a list of three numbers, R G B');

  const root = record(value, 'the declaration');
  const input = record(root['input'], 'input');
  const output = record(root['output'], 'output');
  const { layout } = output;
  if (layout !== 'tokens' && layout !== 'map' && layout !== 'map-channels-last') {
    return fail('output.layout', '"tokens", "map" or "map-channels-last"');
  }
  let normalization: PixelNormalization = imagenetNormalization;
  if (input['normalization'] !== undefined) {
    const given = record(input['normalization'], 'input.normalization');
    const std = triple(given['std'], 'input.normalization.std');
    if (std.some((x) => x <= 0)) fail('input.normalization.std', 'above 0');
    normalization = { mean: triple(given['mean'], 'input.normalization.mean'), std };
  }
  let cls: OnnxExtractorDeclaration['cls'];
  if (root['cls'] !== undefined) {
    const given = record(root['cls'], 'cls');
    cls =
      given['token'] === undefined
        ? { name: text(given['name'], 'cls.name') }
        : { token: count(given['token'], 'cls.token', 0) };
  }
  const prefixTokens =
    output['prefixTokens'] === undefined ? 0 : count(output['prefixTokens'], 'output.prefixTokens', 0);
  return {
    name: text(root['name'], 'name'),
    license: text(root['license'], 'license'),
    patchSize: count(root['patchSize'], 'patchSize', 1),
    input: { name: text(input['name'], 'input.name'), normalization },
    output: { name: text(output['name'], 'output.name'), layout, prefixTokens },
    ...(cls === undefined ? {} : { cls }),
  };
}

/**
 * Makes a {@link Backbone} of any ONNX feature extractor. The session is the caller's to create; the backbone disposes it.
 *
 * @param dim - D, the width of a patch feature, where the graph does not declare it
 * @throws U2SegError `not-found` if the graph lacks an input or output that is declared, `wrong-usage` if D is unknown
 */
export function createOnnxExtractor(
  session: OnnxSession,
  declaration: OnnxExtractorDeclaration,
  identity: Pick<BackboneInfo, 'weightsSha256'>,
  dim?: number,
): Backbone {
  const where = `createOnnxExtractor: ${declaration.name}`;
  requireName(where, 'input', declaration.input.name, session.inputNames);
  requireName(where, 'output', declaration.output.name, session.outputNames);
  if (declaration.cls !== undefined && 'name' in declaration.cls) {
    requireName(where, 'output', declaration.cls.name, session.outputNames);
  }
  const shape = session.model.outputs.find(({ name }) => name === declaration.output.name)?.shape;
  const declared = declaration.output.layout === 'map' ? shape?.[1] : shape?.at(-1);
  const width = typeof declared === 'number' ? declared : dim;
  if (width === undefined) {
    throw new U2SegError('wrong-usage', `${where}: the graph does not tell the feature width; give it.`);
  }
  return new OnnxExtractor(session, declaration, identity.weightsSha256, width);
}

function requireName(where: string, kind: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) {
    throw new U2SegError('not-found', `${where}: the graph has no ${kind} "${name}"; it has ${names.join(', ')}.`);
  }
}

class OnnxExtractor implements Backbone {
  readonly info: BackboneInfo;
  readonly #session: OnnxSession;
  readonly #declaration: OnnxExtractorDeclaration;

  constructor(session: OnnxSession, declaration: OnnxExtractorDeclaration, weightsSha256: string, dim: number) {
    const { name, license, patchSize, cls } = declaration;
    const clsShape =
      cls !== undefined && 'name' in cls && session.model.outputs.find((o) => o.name === cls.name)?.shape;
    const clsWidth = clsShape ? clsShape.at(-1) : dim;
    const clsDim = cls === undefined ? 0 : typeof clsWidth === 'number' ? clsWidth : dim;
    this.info = { name, dim, clsDim, patchSize, license, weightsSha256 };
    this.#session = session;
    this.#declaration = declaration;
  }

  async extract(image: RgbImage): Promise<PatchFeatures> {
    const { name, input, output, patchSize, cls } = this.#declaration;
    const where = `OnnxExtractor ${name}`;
    assertImage(where, image);
    const { height, width } = image;
    if (height % patchSize !== 0 || width % patchSize !== 0) {
      throw new U2SegError('shape-mismatch', `${where}: ${height} x ${width} pixels are no multiples of ${patchSize}.`);
    }
    const pixels = normalizePixels(image, input.normalization);
    const results = await this.#session.run({
      [input.name]: { data: pixels, shape: [1, 3, height, width], type: 'float32' },
    });
    const { dim } = this.info;
    const [gridH, gridW] = [height / patchSize, width / patchSize];
    const prefix = output.layout === 'tokens' ? (output.prefixTokens ?? 0) : 0;
    const values = toFloats(where, results[output.name]!);
    if (values.length !== (prefix + gridH * gridW) * dim) {
      throw new U2SegError(
        'shape-mismatch',
        `${where}: "${output.name}" must hold ${prefix} + ${gridH} x ${gridW} tokens of ${dim}, got [${results[output.name]!.shape.join(', ')}].`,
      );
    }
    const data = output.layout === 'map' ? mapToRows(values, dim) : values.subarray(prefix * dim);
    const features = { data, gridH, gridW, dim, patchSize };
    if (cls === undefined) return features;
    if ('name' in cls) return { ...features, cls: toFloats(where, results[cls.name]!) };
    return { ...features, cls: values.slice(cls.token * dim, (cls.token + 1) * dim) };
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}

function toFloats(where: string, tensor: HostTensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  if (tensor.type === 'float16') return decodeFloat16(tensor.data as Uint16Array);
  throw new U2SegError('unsupported', `${where}: features of type ${tensor.type}; float32 and float16 are read.`);
}
