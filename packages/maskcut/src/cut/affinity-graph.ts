import {
  assertInRange,
  assertInteger,
  assertLength,
  assertPatchFeatures,
  U2SegError,
  type PatchFeatures,
} from '@u2seg/core';
import type { WasmArena } from '../wasm-arena.ts';
import { cutArena, type CutKernels } from './cut-kernels.ts';

/**
 * Which patches look alike: an unweighted symmetric graph on N patches as bits, 8 times smaller than bytes and 64 times
 * smaller than the float64 matrix it stands for (1.6 MB at N = 3,600).
 */
export interface AffinityGraph {
  /** N, the number of patches. */
  readonly size: number;
  /** N rounded up to a multiple of 64. */
  readonly rows: number;
  /**
   * [rows / 64, rows] words of 64 bits, little-endian: bit `b` of word [g, i] is the edge from patch `i` to patch
   * `64 g + b`. Rows and columns from N on are zero.
   */
  readonly panels: Uint8Array;
  /** Cosine similarity above which two patches are connected. */
  readonly tau: number;
  /** Pairs too near to `tau` for the fixed-point product, decided again on the float32 rows. */
  readonly rechecked: number;
}

/**
 * Product of unit rows with themselves: [N, D] -> [N, N] float32, for example by tfjs. `rows` is row-major and only
 * valid during the call.
 */
export type GramMatmul = (rows: Float32Array, n: number, dim: number) => Float32Array;

export interface AffinityOptions {
  /** Computes the similarities instead of the built-in kernel. */
  readonly matmul?: GramMatmul;
}

/**
 * Connects the patches whose cosine similarity exceeds `tau`.
 *
 * 1. divide each row by its norm in float32 (at least 1e-12, so that an all-zero row stays zero);
 * 2. multiply the rows in 16-bit fixed point, whose error is bounded;
 * 3. decide the pairs within the bound of `tau` again from the float32 rows.
 *
 * The edges are those of the float32 product (CutLER's, arXiv:2301.11320), up to pairs within its own rounding of `tau`.
 * O(N^2 D) time, N^2 / 8 bytes.
 *
 * @param tau - in [-1, 1]
 * @throws U2SegError `shape-mismatch`, `out-of-range`, or `bad-format` for a feature that is not finite
 */
export function affinityBits(features: PatchFeatures, tau: number, options: AffinityOptions = {}): AffinityGraph {
  assertPatchFeatures('affinityBits', features);
  assertInRange('affinityBits: tau', tau, -1, 1);
  const size = features.gridH * features.gridW;
  const arena = cutArena();
  const unit = normalized(arena, features);
  const bits = arena.allocate((unit.rows / 64) * unit.rows * 8);
  let rechecked = 0;
  if (options.matmul === undefined) {
    // Cauchy-Schwarz: |a b - a' b'| <= |a - a'| |b| + |b - b'| |a'|, with a little room for the float32 norms.
    const bound = 2.01 * unit.error + unit.error * unit.error + 1e-6;
    arena.kernels.edges(unit.rows16, unit.rows32, size, unit.rows, unit.stride, tau, bound, bits);
    rechecked = arena.kernels.rechecked();
  } else {
    const rows = new Float32Array(size * features.dim);
    for (let i = 0; i < size; i += 1) {
      rows.set(arena.f32(unit.rows32 + i * unit.stride * 4, features.dim), i * features.dim);
    }
    const gram = options.matmul(rows, size, features.dim);
    assertLength('affinityBits: result of options.matmul', gram.length, [size, size]);
    packGram(arena, gram, size, unit.rows, tau, bits);
  }
  return { size, rows: unit.rows, panels: arena.u8(bits, (unit.rows / 64) * unit.rows * 8).slice(), tau, rechecked };
}

/**
 * Features divided by their norm in float32 (at least 1e-12, so that an all-zero row stays zero), [N, D]: what an engine
 * multiplies whose edges go to {@link affinityFromEdges} or {@link affinityFromUpperPanels}.
 *
 * @param out - [N, D], written and returned
 * @throws U2SegError `shape-mismatch`, or `bad-format` for a feature that is not finite
 */
export function unitRows(
  features: PatchFeatures,
  out: Float32Array = new Float32Array(features.data.length),
): Float32Array {
  assertPatchFeatures('unitRows', features);
  const { data, dim } = features;
  assertLength('unitRows: out', out.length, [data.length]);
  const size = features.gridH * features.gridW;
  const arena = cutArena();
  const stride = Math.ceil(dim / 4) * 4;
  const source = arena.allocate(data.length * 4 + 16);
  const rows = arena.allocate(size * stride * 4);
  arena.f32(source, data.length).set(data);
  arena.kernels.normalizeRows(source, size, dim, stride, rows, 0);
  if (stride === dim) out.set(arena.f32(rows, data.length));
  else for (let i = 0; i < size; i += 1) out.set(arena.f32(rows + i * stride * 4, dim), i * dim);
  return out;
}

/**
 * Packs edges decided elsewhere, for example by onnxruntime's MatMul and Greater with bool output.
 *
 * @param edges - [N, N] row-major, 0 or 1, symmetric
 * @throws U2SegError `shape-mismatch` if `edges` is not [size, size]
 */
export function affinityFromEdges(edges: Uint8Array, size: number, tau: number): AffinityGraph {
  assertInteger('affinityFromEdges: size', size, 1);
  assertLength('affinityFromEdges: edges', edges.length, [size, size]);
  const rows = paddedRows(size);
  const arena = cutArena();
  const bits = arena.allocate((rows / 64) * rows * 8);
  const chunk = Math.min(size, 512);
  const staged = arena.allocate(chunk * size + 16);
  arena.u8(bits, (rows / 64) * rows * 8).fill(0);
  for (let first = 0; first < size; first += chunk) {
    const count = Math.min(chunk, size - first);
    arena.u8(staged, count * size).set(edges.subarray(first * size, (first + count) * size));
    arena.kernels.packBytes(staged, size, first, count, rows, bits);
  }
  const panels = arena.u8(bits, (rows / 64) * rows * 8).slice();
  return { size, rows, panels, tau, rechecked: 0 };
}

/** Edges of rows [firstRow, ...) to the patches from `firstRow` on. */
export interface UpperPanel {
  /** A multiple of 64. */
  readonly firstRow: number;
  /** [rows of the panel, N - firstRow] row-major, 0 or 1. */
  readonly edges: Uint8Array;
}

/**
 * {@link affinityFromEdges} for an engine that computes the upper triangle only, in panels of rows; the lower one is its
 * mirror image. With six panels that is 58 % of the product.
 *
 * @param panels - in order, covering all rows
 * @throws U2SegError `shape-mismatch` or `out-of-range` if the panels are not those of `size` patches
 */
export function affinityFromUpperPanels(panels: readonly UpperPanel[], size: number, tau: number): AffinityGraph {
  assertInteger('affinityFromUpperPanels: size', size, 1);
  const rows = paddedRows(size);
  const arena = cutArena();
  const bits = arena.allocate((rows / 64) * rows * 8);
  const staged = arena.allocate(Math.max(0, ...panels.map(({ edges }) => edges.length)) + 16);
  arena.u8(bits, (rows / 64) * rows * 8).fill(0);
  panels.forEach(({ firstRow, edges }, p) => {
    const end = panels[p + 1]?.firstRow ?? size;
    if (firstRow % 64 !== 0 || (p === 0 && firstRow !== 0)) {
      throw new U2SegError(
        'out-of-range',
        `affinityFromUpperPanels: panels must start at row 0 and at multiples of 64, got ${firstRow}.`,
      );
    }
    assertLength('affinityFromUpperPanels: edges', edges.length, [end - firstRow, size - firstRow]);
    arena.u8(staged, edges.length).set(edges);
    const at = bits + (firstRow / 64) * rows * 8;
    arena.kernels.packBytes(staged, size - firstRow, firstRow, end - firstRow, rows, at);
  });
  arena.kernels.mirror(bits, rows);
  return { size, rows, panels: arena.u8(bits, (rows / 64) * rows * 8).slice(), tau, rechecked: 0 };
}

/** Whether patches `i` and `j` are connected. */
export function hasEdge(graph: AffinityGraph, i: number, j: number): boolean {
  return (graph.panels[((j >> 6) * graph.rows + i) * 8 + ((j >> 3) & 7)]! & (1 << (j & 7))) !== 0;
}

/**
 * The graph as it is once some patches are painted out: their features are zero, so their similarity to any patch,
 * themselves included, is 0, which is an edge only where `tau` is negative.
 *
 * @param painted - [N], 1 where painted out
 */
export function paintOut(graph: AffinityGraph, painted: Uint8Array): AffinityGraph {
  assertLength('paintOut: painted', painted.length, [graph.size]);
  const { rows, size } = graph;
  const panels = graph.panels.slice();
  const columns = packedSet(painted, rows);
  const all = packedSet(new Uint8Array(size).fill(1), rows);
  const edgeToZero = graph.tau < 0;
  for (let g = 0; g < rows / 64; g += 1) {
    for (let i = 0; i < size; i += 1) {
      const at = (g * rows + i) * 8;
      for (let b = 0; b < 8; b += 1) {
        const gone = painted[i] === 0 ? columns[g * 8 + b]! : all[g * 8 + b]!;
        if (edgeToZero) panels[at + b]! |= gone;
        else panels[at + b]! &= ~gone;
      }
    }
  }
  return { ...graph, panels };
}

/**
 * Number of patches among `free` that each patch is connected to.
 *
 * @param free - [N], 1 where the patch takes part
 */
export function edgeCounts(graph: AffinityGraph, free: Uint8Array): Int32Array {
  assertLength('edgeCounts: free', free.length, [graph.size]);
  const arena = cutArena();
  const bits = arena.allocate(graph.panels.length);
  const keep = arena.allocate(graph.rows / 8);
  const counts = arena.allocate(graph.size * 4);
  arena.u8(bits, graph.panels.length).set(graph.panels);
  arena.u8(keep, graph.rows / 8).set(packedSet(free, graph.rows));
  arena.kernels.countEdges(bits, graph.size, graph.rows, keep, counts);
  return arena.i32(counts, graph.size).slice();
}

/** Cosine similarities of all patches, [N, N] float32. 52 MB at N = 3,600: only the float affinity needs it. */
export function cosineSimilarities(features: PatchFeatures): Float32Array {
  assertPatchFeatures('cosineSimilarities', features);
  const size = features.gridH * features.gridW;
  const arena = cutArena();
  const unit = normalized(arena, features);
  const chunk = Math.min(size, 64);
  const out = arena.allocate(chunk * size * 4);
  const result = new Float32Array(size * size);
  for (let first = 0; first < size; first += chunk) {
    const count = Math.min(chunk, size - first);
    arena.kernels.similarities(unit.rows32, size, unit.stride, first, count, out);
    result.set(arena.f32(out, count * size), first * size);
  }
  return result;
}

/** A set of patches as one bit each, [rows / 8]. */
export function packedSet(members: Uint8Array, rows: number): Uint8Array {
  const packed = new Uint8Array(rows / 8);
  for (let i = 0; i < members.length; i += 1) if (members[i] !== 0) packed[i >> 3]! |= 1 << (i & 7);
  return packed;
}

function normalized(
  arena: WasmArena<CutKernels>,
  features: PatchFeatures,
): { rows: number; stride: number; rows32: number; rows16: number; error: number } {
  const { data, dim } = features;
  const size = features.gridH * features.gridW;
  const rows = paddedRows(size);
  const stride = Math.ceil(dim / 8) * 8;
  const rows32 = arena.allocate(rows * stride * 4);
  const rows16 = arena.allocate(rows * stride * 2);
  const source = arena.allocate(data.length * 4 + 16);
  arena.u8(rows32 + size * stride * 4, (rows - size) * stride * 4).fill(0);
  arena.u8(rows16 + size * stride * 2, (rows - size) * stride * 2).fill(0);
  arena.f32(source, data.length).set(data);
  const error = arena.kernels.normalizeRows(source, size, dim, stride, rows32, rows16);
  return { rows, stride, rows32, rows16, error };
}

function packGram(
  arena: WasmArena<CutKernels>,
  gram: Float32Array,
  size: number,
  rows: number,
  tau: number,
  bits: number,
): void {
  const chunk = Math.min(size, 256);
  const staged = arena.allocate(chunk * size * 4);
  arena.u8(bits, (rows / 64) * rows * 8).fill(0);
  for (let first = 0; first < size; first += chunk) {
    const count = Math.min(chunk, size - first);
    arena.f32(staged, count * size).set(gram.subarray(first * size, (first + count) * size));
    arena.kernels.packAbove(staged, size, first, count, rows, tau, bits);
  }
}

function paddedRows(size: number): number {
  return Math.ceil(size / 64) * 64;
}
