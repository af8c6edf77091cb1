import { WasmArena } from '../wasm-arena.ts';

/** Exports of `assembly/cut.ts`. */
export interface CutKernels {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  normalizeRows(source: number, n: number, dim: number, stride: number, rows32: number, rows16: number): number;
  rechecked(): number;
  edges(
    rows16: number,
    rows32: number,
    n: number,
    rows: number,
    stride: number,
    tau: number,
    bound: number,
    bits: number,
  ): void;
  packAbove(
    gram: number,
    n: number,
    firstRow: number,
    countRows: number,
    rows: number,
    tau: number,
    bits: number,
  ): void;
  packBytes(edges: number, n: number, firstRow: number, countRows: number, rows: number, bits: number): void;
  mirror(bits: number, rows: number): void;
  similarities(rows32: number, n: number, stride: number, firstRow: number, countRows: number, out: number): void;
  countEdges(bits: number, n: number, rows: number, free: number, counts: number): void;
  multiply(bits: number, n: number, rows: number, x: number, y: number, tables: number): void;
}

let arena: WasmArena<CutKernels> | undefined;

/** The thread's instance, emptied: a caller owns it until it returns, and nothing of it outlives the call. */
export function cutArena(): WasmArena<CutKernels> {
  arena ??= new WasmArena<CutKernels>(new URL('../../wasm/cut.wasm', import.meta.url));
  arena.reset();
  return arena;
}
