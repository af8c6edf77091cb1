import { compiledModuleUrl, U2SegError } from '@u2seg/core';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { abort, WasmArena } from '../wasm-arena.ts';

/** Exports of `assembly/crf.ts`. */
export interface CrfKernels {
  heapBase(): number;
  dispatch(control: number, work: number, plan: number, threads: number): void;
  serve(control: number): void;
  numberPoints(
    first: number,
    firstCount: number,
    second: number,
    secondCount: number,
    indexBits: number,
    keys: number,
    map: number,
  ): number;
  scratchBytes(): number;
  toStrips(w: number, h: number, plane: number, out: number): void;
  fromStrips(w: number, h: number, strips: number, out: number): void;
  filled(n: number, value: number, out: number): void;
  scaled(n: number, factor: number, input: number, out: number): void;
  toRows(padded: number, factor: number, planes: number, rows: number): void;
  toPlanes(padded: number, rows: number, planes: number): void;
  normalizer(n: number, root: boolean, norm: number, out: number): void;
  keepLarger(padded: number, label: number, plane: number, top: number, best: number): void;
}

/** Kinds of work of `dispatch` in `assembly/crf.ts`. */
export type CrfWork = 'build-parts' | 'flag-axes' | 'mean-field' | 'filter-plane' | 'pair-axes';
const workNumbers: Readonly<Record<CrfWork, number>> = {
  'build-parts': 1,
  'flag-axes': 2,
  'mean-field': 3,
  'filter-plane': 4,
  'pair-axes': 5,
};

/** Number of threads that work on one photo. */
export type CrfThreads = 1 | 2;

/** What the helper thread is given: the kernels, the memory, and where in it commands are left. */
export interface CrfHelperData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
}

/** What the kernels import: their memory, and how a thread waits for the other one. */
export function crfImports(
  memory: WebAssembly.Memory,
): { readonly memory: WebAssembly.Memory } & WebAssembly.ModuleImports {
  return {
    memory,
    abort,
    sleep: (at: number, old: number) => void Atomics.wait(new Int32Array(memory.buffer), at >>> 2, old, 1000),
    wake: (at: number) => void Atomics.notify(new Int32Array(memory.buffer), at >>> 2),
  };
}

const controlBytes = 512;
/**
 * After the control block, for each of 16 sets of lanes of a vector: a permutation of its bytes that packs these lanes
 * [16, 16], one that puts packed lanes back and leaves zeros elsewhere [16, 16], and 4 times their number [16].
 */
const permutationBytes = 16 * 16 * 2 + 16;

function writePermutations(bytes: Uint8Array): void {
  // An index of 255 selects nothing, which gives zero.
  bytes.fill(255);
  for (let set = 0; set < 16; set += 1) {
    let packed = 0;
    for (let lane = 0; lane < 4; lane += 1) {
      if ((set & (1 << lane)) === 0) continue;
      for (let byte = 0; byte < 4; byte += 1) {
        bytes[16 * set + 4 * packed + byte] = 4 * lane + byte;
        bytes[256 + 16 * set + 4 * lane + byte] = 4 * packed + byte;
      }
      packed += 1;
    }
    bytes[512 + set] = 4 * packed;
  }
}
/** Words of the control block that the helper sets once it listens, and if it trapped. */
export const readyWord = 96;
export const failedWord = 112;

/**
 * Kernels and memory for one photo, and for two threads a helper that shares them.
 *
 * Until the helper has started, and on one thread, `dispatch` works alone: the results are the same bits.
 */
export class CrfArena extends WasmArena<CrfKernels> {
  threads: CrfThreads = 1;
  readonly #control: number;
  #helper: Worker | undefined;
  #failure: unknown;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true });
    super(new URL('../../wasm/crf.wasm', import.meta.url), crfImports(memory));
    this.#control = this.allocate(controlBytes + permutationBytes);
    writePermutations(this.u8(this.#control + controlBytes, permutationBytes));
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get hasHelper(): boolean {
    return this.#helper !== undefined;
  }

  /** Makes everything free again, for a photo on so many threads. */
  prepare(threads: CrfThreads): void {
    this.reset();
    this.allocate(controlBytes + permutationBytes);
    this.threads = threads;
    if (threads === 1 || this.#helper !== undefined) return;
    const { module, memory } = this;
    const workerData: CrfHelperData = { module, memory, control: this.#control };
    const url = compiledModuleUrl(new URL('./crf-worker.ts', import.meta.url));
    // As in WorkerPool of core: a compiled module needs none of the parent's loaders.
    this.#helper = new Worker(fileURLToPath(url), { workerData, execArgv: [] });
    this.#helper.unref();
    this.#helper.on('error', (cause) => (this.#failure = cause));
  }

  /** How many threads the next work can count on. */
  get running(): CrfThreads {
    if (this.#failure !== undefined) throw this.#stopped(this.#failure);
    if (this.threads === 1 || this.#helper === undefined) return 1;
    return Atomics.load(this.i32(this.#control, controlBytes / 4), readyWord) === 0 ? 1 : 2;
  }

  /** Runs the work that `plan`, an address of int32 words, describes. */
  dispatch(work: CrfWork, plan: number, threads: CrfThreads = this.running): void {
    try {
      this.kernels.dispatch(this.#control, workNumbers[work], plan, threads);
    } catch (cause) {
      this.#failure = cause;
      throw this.#stopped(cause);
    }
  }

  #stopped(cause: unknown): U2SegError {
    return new U2SegError('unavailable', 'DenseCrf: a kernel or its second thread stopped.', { cause });
  }

  /** Writes a plan; addresses may be above 2^31. */
  plan(words: readonly number[]): number {
    const at = this.allocate(words.length * 4);
    const view = this.i32(at, words.length);
    words.forEach((value, i) => (view[i] = value | 0));
    return at;
  }

  /** Ends the helper. */
  close(): void {
    void this.#helper?.terminate();
    this.#helper = undefined;
  }
}

const spare: CrfArena[] = [];

/** An instance of its own for one photo; hand it back with {@link returnCrfArena}, for its memory never shrinks. */
export function takeCrfArena(threads: CrfThreads): CrfArena {
  const at = spare.findIndex((arena) => arena.hasHelper === (threads === 2));
  const arena = at >= 0 ? spare.splice(at, 1)[0]! : (spare.pop() ?? new CrfArena());
  arena.prepare(threads);
  return arena;
}

/** Keeps at most two instances for the next photo, and none that one unusually large photo has blown up. */
export function returnCrfArena(arena: CrfArena): void {
  if (spare.length < 2 && arena.bytes <= maxSpareBytes && !arena.failed) spare.push(arena);
  else arena.close();
}

const maxSpareBytes = 512 * 1024 * 1024;
