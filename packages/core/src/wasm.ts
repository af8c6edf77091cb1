import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { U2SegError } from './errors.ts';

/**
 * Instantiates a WASM kernel that `tools/build-wasm.mjs` compiled from AssemblyScript.
 *
 * `url` names the file relative to the caller: `new URL('../wasm/crf.wasm', import.meta.url)` is right from both `src/`
 * and `dist/`.
 *
 * @throws U2SegError `not-found` if the kernel was not built, with the command that builds it
 */
export function instantiateWasm<Exports>(url: URL, imports: WebAssembly.Imports = {}): Exports {
  return new WebAssembly.Instance(compileWasm(url), imports).exports as Exports;
}

/** Compiled module of a kernel, to be instantiated several times or posted to a worker. */
export function compileWasm(url: URL): WebAssembly.Module {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(url));
  } catch (cause) {
    throw new U2SegError(
      'not-found',
      `instantiateWasm: ${fileURLToPath(url)} is missing; build it with \`npm run build\`.`,
      { cause },
    );
  }
  return new WebAssembly.Module(bytes);
}
