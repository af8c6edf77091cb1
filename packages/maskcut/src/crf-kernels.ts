import { WasmArena } from './wasm-arena.ts';

/** Exports of `assembly/crf.ts`. */
export interface CrfKernels {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
  positionFeatures(w: number, h: number, sx: number, sy: number, padded: number, out: number): void;
  colorFeature(image: number, n: number, channel: number, s: number, padded: number, out: number): void;
  buildLattice(
    d: number,
    features: number,
    padded: number,
    rows: number,
    weights: number,
    keys: number,
    table: number,
  ): number;
  findNeighbors(d: number, neighbors: number): void;
  splat1(
    d1: number,
    from: number,
    to: number,
    rows: number,
    weights: number,
    scale: number,
    q: number,
    values: number,
  ): void;
  slice1(
    d1: number,
    from: number,
    to: number,
    rows: number,
    weights: number,
    scale: number,
    values: number,
    base: number,
    out: number,
  ): void;
  blur1(count: number, axis: number, input: number, output: number): void;
  splat4(
    d1: number,
    lanes: number,
    from: number,
    to: number,
    rows: number,
    weights: number,
    scale: number,
    q: number,
    values: number,
  ): void;
  slice4(
    d1: number,
    lanes: number,
    from: number,
    to: number,
    rows: number,
    weights: number,
    scale: number,
    values: number,
    base: number,
    out: number,
  ): void;
  blur4(lanes: number, count: number, axis: number, input: number, output: number): void;
  scaled(n: number, factor: number, input: number, out: number): void;
  subtractEach(n: number, width: number, factor: number, input: number, rows: number): void;
  toLane(n: number, width: number, lane: number, factor: number, plane: number, rows: number): void;
  fromLane(n: number, width: number, lane: number, rows: number, plane: number): void;
  normalizer(n: number, root: boolean, factor: number, norm: number, out: number): void;
  argmax(n: number, width: number, labels: number, rows: number, out: number): void;
  sigmoid(from: number, to: number, logits: number, q: number, floor: number): void;
  softmax4(lanes: number, from: number, to: number, logits: number, q: number, floor: number): void;
}

export type CrfArena = WasmArena<CrfKernels>;

const spare: CrfArena[] = [];

/** An instance of its own for one photo; hand it back with {@link returnCrfArena}, for its memory never shrinks. */
export function takeCrfArena(): CrfArena {
  const arena = spare.pop() ?? new WasmArena<CrfKernels>(new URL('../wasm/crf.wasm', import.meta.url));
  arena.reset();
  return arena;
}

/** Keeps at most two instances for the next photo, and none that one unusually large photo has blown up. */
export function returnCrfArena(arena: CrfArena): void {
  if (spare.length < 2 && arena.bytes <= maxSpareBytes) spare.push(arena);
}

const maxSpareBytes = 512 * 1024 * 1024;
