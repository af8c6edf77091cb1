import { compileWasm } from '@u2seg/core';

interface ArenaExports {
  readonly memory: WebAssembly.Memory;
  heapBase(): number;
}

/**
 * One instance of a kernel and its memory, handed out front to back.
 *
 * `reset()` makes everything free again, `reserve(bytes)` grows the memory once up front: growing detaches every view,
 * so views are taken after the last reservation.
 */
export class WasmArena<Exports extends ArenaExports> {
  readonly kernels: Exports;
  #top: number;

  constructor(url: URL) {
    this.kernels = new WebAssembly.Instance(moduleOf(url), { env: { abort } }).exports as unknown as Exports;
    this.#top = align(this.kernels.heapBase());
  }

  /** Bytes of memory now held; WASM memory never shrinks. */
  get bytes(): number {
    return this.kernels.memory.buffer.byteLength;
  }

  reset(): void {
    this.#top = align(this.kernels.heapBase());
  }

  /** Where the next allocation goes, to be handed to {@link release}. */
  mark(): number {
    return this.#top;
  }

  release(mark: number): void {
    this.#top = mark;
  }

  /** Address of `bytes` bytes, 16-byte aligned, contents undefined. */
  allocate(bytes: number): number {
    const at = this.#top;
    this.#top = align(at + bytes);
    const { memory } = this.kernels;
    const missing = this.#top - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  u8(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.kernels.memory.buffer as ArrayBuffer, at, length);
  }

  i32(at: number, length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.kernels.memory.buffer as ArrayBuffer, at, length);
  }

  f32(at: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.kernels.memory.buffer as ArrayBuffer, at, length);
  }

  f64(at: number, length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.kernels.memory.buffer as ArrayBuffer, at, length);
  }
}

const modules = new Map<string, WebAssembly.Module>();

function moduleOf(url: URL): WebAssembly.Module {
  let module = modules.get(url.href);
  if (module === undefined) {
    module = compileWasm(url);
    modules.set(url.href, module);
  }
  return module;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}

function abort(): never {
  throw new WebAssembly.RuntimeError('a kernel of @u2seg/maskcut aborted');
}
