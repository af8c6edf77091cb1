/** Label maps as PNG files: COCO panoptic ids in RGB, and class labels in one channel. */
import { assertInteger, assertLength, U2SegError, writeFileAtomic } from '@u2seg/core';
import { decodePngSamples } from './png-decode.ts';
import { encodePngSamples } from './png-encode.ts';
import { type ImageSource, nameOfSource, readSource } from './read-source.ts';

/** Segment ids of one image, as COCO panoptic stores them. */
export interface PanopticMap {
  /** [H, W] row-major; [0, 2^24), 0 is void. */
  readonly ids: Uint32Array;
  readonly height: number;
  readonly width: number;
}

/** Class or cluster labels of one image. */
export interface LabelMap {
  /** [H, W] row-major; a Uint16Array when the file stores 16 bits. */
  readonly labels: Uint8Array | Uint16Array;
  readonly height: number;
  readonly width: number;
}

/**
 * Reads a COCO panoptic PNG: id = R + 256 G + 65536 B.
 *
 * A palette is expanded to its colours (image optimisers put one in). Grey, alpha and 16 bit are refused, because ids read from
 * them would be guesses.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`
 */
export async function readPanopticPng(source: ImageSource): Promise<PanopticMap> {
  const where = 'readPanopticPng';
  const name = `${where}: ${nameOfSource(source)}`;
  const { height, width, channels, bitDepth, samples, palette } = await decodePngSamples(
    await readSource(where, source),
    name,
  );
  const ids = new Uint32Array(height * width);
  if (palette !== undefined) {
    for (let i = 0; i < ids.length; i += 1) {
      const at = samples[i]! * 3;
      if (at + 2 >= palette.length)
        throw new U2SegError('bad-format', `${name}: pixel ${i} points outside the palette.`);
      ids[i] = palette[at]! + 256 * palette[at + 1]! + 65536 * palette[at + 2]!;
    }
    return { ids, height, width };
  }
  if (channels !== 3 || bitDepth !== 8) {
    throw new U2SegError('bad-format', `${name}: wanted RGB with 8 bits, got ${describe(channels, bitDepth)}.`);
  }
  packIds(samples as Uint8Array, ids);
  return { ids, height, width };
}

/**
 * Encodes segment ids as a COCO panoptic PNG.
 *
 * @throws U2SegError `shape-mismatch`, or `out-of-range` for an id of 2^24 or more
 */
export async function encodePanopticPng(map: PanopticMap): Promise<Uint8Array> {
  const { ids, height, width } = map;
  assertLength('encodePanopticPng: ids', ids.length, [height, width]);
  const samples = new Uint8Array(ids.length * 3);
  for (let i = 0, at = 0; i < ids.length; i += 1, at += 3) {
    const id = ids[i]!;
    if (id >= 1 << 24) assertInteger(`encodePanopticPng: ids[${i}]`, id, 0, (1 << 24) - 1);
    samples[at] = id & 255;
    samples[at + 1] = (id >> 8) & 255;
    samples[at + 2] = id >> 16;
  }
  return encodePngSamples({ height, width, channels: 3, samples });
}

/**
 * Writes segment ids as a COCO panoptic PNG; the file appears whole or not at all.
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range`, `io`
 */
export async function writePanopticPng(path: string, map: PanopticMap): Promise<void> {
  await writeFileAtomic(path, await encodePanopticPng(map));
}

/**
 * Reads a label PNG: one channel, or a palette, whose *indices* are the labels (Pascal VOC). 1, 2, 4, 8 and 16 bits are
 * taken as stored, never rescaled. Colours and alpha are refused.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`
 */
export async function readLabelPng(source: ImageSource): Promise<LabelMap> {
  const where = 'readLabelPng';
  const name = `${where}: ${nameOfSource(source)}`;
  const { height, width, channels, bitDepth, samples } = await decodePngSamples(await readSource(where, source), name);
  if (channels !== 1) {
    throw new U2SegError('bad-format', `${name}: wanted one channel of labels, got ${describe(channels, bitDepth)}.`);
  }
  return { labels: samples, height, width };
}

export interface LabelPngOptions {
  /** R G B triples: colours for people; the stored labels stay the indices. 8-bit labels only. */
  readonly palette?: Uint8Array;
}

/**
 * Encodes labels as a grey PNG of 8 or 16 bits, or as indices into a palette.
 *
 * @throws U2SegError `shape-mismatch`, or `out-of-range` for a label without a colour in the palette
 */
export async function encodeLabelPng(map: LabelMap, options: LabelPngOptions = {}): Promise<Uint8Array> {
  const { labels, height, width } = map;
  assertLength('encodeLabelPng: labels', labels.length, [height, width]);
  const { palette } = options;
  if (palette === undefined) return encodePngSamples({ height, width, channels: 1, samples: labels });
  if (palette.length % 3 !== 0 || palette.length === 0 || palette.length > 768 || labels instanceof Uint16Array) {
    throw new U2SegError(
      'shape-mismatch',
      `encodeLabelPng: a palette wants 8-bit labels and 1 to 256 R G B triples, got ${palette.length} values.`,
    );
  }
  labels.forEach((label, i) => {
    if (label * 3 >= palette.length) assertInteger(`encodeLabelPng: labels[${i}]`, label, 0, palette.length / 3 - 1);
  });
  return encodePngSamples({ height, width, channels: 1, samples: labels, palette });
}

/**
 * Writes labels as a PNG; the file appears whole or not at all.
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range`, `io`
 */
export async function writeLabelPng(path: string, map: LabelMap, options: LabelPngOptions = {}): Promise<void> {
  await writeFileAtomic(path, await encodeLabelPng(map, options));
}

/** Apart from its caller so that the loop sees one kind of array and stays fast. */
function packIds(rgb: Uint8Array, ids: Uint32Array): void {
  for (let i = 0, at = 0; i < ids.length; i += 1, at += 3) {
    ids[i] = rgb[at]! | (rgb[at + 1]! << 8) | (rgb[at + 2]! << 16);
  }
}

function describe(channels: number, bitDepth: number): string {
  const kind = ['', 'grey', 'grey with alpha', 'RGB', 'RGB with alpha'][channels]!;
  return `${kind} with ${bitDepth} ${bitDepth === 1 ? 'bit' : 'bits'}`;
}
