import { affinityBits, paintOut, type AffinityGraph } from '@u2seg/maskcut';
import { decodeMask, rleFromString, type PatchFeatures } from '@u2seg/core';
import type { GoldenFolder } from '@u2seg/testing';

export interface GoldenRle {
  readonly size: readonly [number, number];
  readonly counts: string;
}

export interface GoldenCut {
  readonly cut: number;
  readonly lambda2: number;
  readonly lambda3: number;
  readonly relative_gap_3_2: number;
  readonly fg_corners_before: number;
  readonly reversed: boolean;
  readonly seed_after: number;
  readonly argmax_abs_rel_margin: number;
  readonly cc_area: number;
  readonly ratio: number;
  readonly iou_with_previous_kept_mask: number | null;
  readonly dropped: boolean;
  readonly 'pairs_within_1e-6_of_tau': number;
  readonly lapack_sign: 1 | -1;
  readonly result_with_negated_eigenvector_same: boolean;
  readonly bipartition_rle: GoldenRle;
  readonly cc_rle: GoldenRle;
  readonly mask_out_rle: GoldenRle;
  readonly mask_out_if_all_eigenvectors_negated_rle: GoldenRle;
}

export interface GoldenPostprocess {
  readonly cut: number;
  readonly after_crf_rle: GoldenRle;
  readonly after_fill_rle: GoldenRle;
  readonly iou_before_after: number | null;
  readonly dropped_by_iou: boolean;
  readonly annotation: null | {
    readonly area: number;
    readonly bbox: readonly number[];
    readonly segmentation: GoldenRle;
    readonly width: number;
    readonly height: number;
  };
}

export interface MaskCutCase {
  readonly name: string;
  readonly grid: number;
  readonly scale: number;
  readonly image_size: number;
  readonly tau: number;
  readonly N: number;
  readonly cuts: readonly GoldenCut[];
  readonly original_size_hw?: readonly [number, number];
  readonly postprocess?: readonly GoldenPostprocess[];
}

/** Cases of MaskCut: every JSON that holds cuts. */
export function goldenCases(folder: GoldenFolder): string[] {
  return folder
    .list(/\.json$/u)
    .filter((file) => Array.isArray(folder.json<{ cuts?: unknown }>(file).cuts))
    .map((file) => file.slice(0, -'.json'.length));
}

/** Variants of a case (`b_tau0.1`, `b_N6`) use the features and the image of the case before the underscore. */
export function baseName(folder: GoldenFolder, name: string, suffix: string): string | undefined {
  for (let base = name; base !== ''; base = base.includes('_') ? base.slice(0, base.lastIndexOf('_')) : '') {
    if (folder.has(`${base}${suffix}`)) return base;
  }
  return undefined;
}

export function featuresOf(folder: GoldenFolder, name: string, spec: { grid: number; scale: number }): PatchFeatures {
  let tensor = folder.has(`${name}.safetensors`) ? folder.tensors(`${name}.safetensors`).get('feats_f32') : undefined;
  for (let base = name; tensor === undefined && base.includes('_');) {
    base = base.slice(0, base.lastIndexOf('_'));
    if (folder.has(`${base}.safetensors`)) tensor = folder.tensors(`${base}.safetensors`).get('feats_f32');
  }
  if (tensor === undefined) throw new Error(`no features for the case ${name}`);
  const [dim, size] = tensor.shape as [number, number];
  const data = new Float32Array(dim * size);
  const columns = tensor.data as Float32Array;
  for (let k = 0; k < dim; k += 1) for (let i = 0; i < size; i += 1) data[i * dim + k] = columns[k * size + i]!;
  return { data, dim, gridH: spec.grid, gridW: spec.grid, patchSize: spec.scale };
}

export function decode(rle: GoldenRle): Uint8Array {
  return decodeMask(rleFromString(rle.size[0], rle.size[1], rle.counts)).data;
}

/** The graph of cut `index`, with the kept components of the earlier cuts painted out. */
export function graphOfCut(features: PatchFeatures, spec: MaskCutCase, index: number): AffinityGraph {
  const painted = new Uint8Array(features.gridH * features.gridW);
  for (let k = 0; k < index; k += 1) {
    if (spec.cuts[k]!.dropped) continue;
    const component = decode(spec.cuts[k]!.cc_rle);
    for (let i = 0; i < painted.length; i += 1) painted[i]! |= component[i]!;
  }
  const graph = affinityBits(features, spec.tau);
  return index === 0 ? graph : paintOut(graph, painted);
}
