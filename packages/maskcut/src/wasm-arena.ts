import { compileWasm } from '@u2seg/core';

interface ArenaExports {
  /** Where the kernel does not import it. */
  readonly memory?: WebAssembly.Memory;
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
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  #top: number;

  /** @param shared - for a kernel that imports its memory, so that another thread can share it, with what else it imports */
  constructor(url: URL, shared?: WebAssembly.ModuleImports & { readonly memory: WebAssembly.Memory }) {
    this.module = moduleOf(url);
    const exports = new WebAssembly.Instance(this.module, { env: { abort, ...shared } }).exports as unknown as Exports;
    this.kernels = exports;
    this.memory = shared?.memory ?? exports.memory!;
    this.#top = align(this.kernels.heapBase());
  }

  /** Bytes of memory now held; WASM memory never shrinks. */
  get bytes(): number {
    return this.memory.buffer.byteLength;
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

  /** Address of `bytes` bytes, aligned to a cache line, contents undefined. */
  allocate(bytes: number): number {
    const at = this.#top;
    this.#top = align(at + bytes);
    const missing = this.#top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  u8(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer, at, length);
  }

  i32(at: number, length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.memory.buffer as ArrayBuffer, at, length);
  }

  f32(at: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, at, length);
  }

  f64(at: number, length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.memory.buffer as ArrayBuffer, at, length);
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
  return Math.ceil(bytes / 64) * 64;
}

export function abort(): never {
  throw new WebAssembly.RuntimeError('a kernel of @u2seg/maskcut aborted');
}
