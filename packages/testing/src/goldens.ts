import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Folder of reference outputs: `U2SEG_GOLDEN`, else `../shared/golden` from the project's root; undefined where absent. */
export function goldenRoot(): string | undefined {
  const folder = resolve(root, process.env['U2SEG_GOLDEN'] ?? '../shared/golden');
  return existsSync(folder) ? folder : undefined;
}

/** Folder of real photos: `U2SEG_DATA`, else `../shared/data` from the project's root; undefined where absent. */
export function dataRoot(): string | undefined {
  const folder = resolve(root, process.env['U2SEG_DATA'] ?? '../shared/data');
  return existsSync(folder) ? folder : undefined;
}

/** One area of the goldens, for example `golden('maskcut')`; undefined where the folder is absent (skip and say so). */
export function golden(area: string): GoldenFolder | undefined {
  const base = goldenRoot();
  if (base === undefined || !existsSync(join(base, area))) return undefined;
  return new GoldenFolder(join(base, area));
}

export class GoldenFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  /** File names, sorted; `pattern` selects. */
  list(pattern: RegExp = /./u): string[] {
    return readdirSync(this.path)
      .filter((name) => pattern.test(name))
      .sort();
  }

  json<T>(name: string): T {
    return JSON.parse(readFileSync(this.file(name), 'utf8')) as T;
  }

  tensors(name: string): Map<string, GoldenTensor> {
    return readGoldenTensors(readFileSync(this.file(name)));
  }
}

export interface GoldenTensor {
  readonly data:
    Float32Array | Float64Array | Int32Array | Uint8Array | Int8Array | Int16Array | Uint16Array | BigInt64Array;
  readonly shape: readonly number[];
  readonly dtype: string;
}

const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  F16: Uint16Array,
  U16: Uint16Array,
  I64: BigInt64Array,
} as const;

/** Minimal safetensors reader, kept apart from the product's so that goldens do not depend on what they test. */
function readGoldenTensors(file: Buffer): Map<string, GoldenTensor> {
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<
    string,
    { dtype: keyof typeof arrays; shape: number[]; data_offsets: [number, number] }
  >;
  const result = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const bytes = file.subarray(8 + headerBytes + entry.data_offsets[0], 8 + headerBytes + entry.data_offsets[1]);
    const copy = new Uint8Array(bytes).buffer;
    result.set(name, { data: new arrays[entry.dtype](copy), shape: entry.shape, dtype: entry.dtype });
  }
  return result;
}
