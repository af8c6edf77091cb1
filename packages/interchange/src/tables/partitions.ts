import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { z } from 'zod';
import { readJsonFile } from '../json-file.ts';
import { decodeFloat16 } from './float16.ts';
import { decodeTable, encodeTable, locateMatrix, type MatrixSpan, type TableType } from './table.ts';

/** What stands in a finished table's `manifest.json`. */
export interface TableManifest {
  readonly table: string;
  readonly schemaVersion: number;
  /** Hash of everything that determines the rows; another one means the folder belongs to another configuration. */
  readonly inputsHash: string;
  readonly partitions: readonly { readonly file: string; readonly rows: number; readonly sha256: string }[];
}

const manifestSchema: z.ZodType<TableManifest> = z.object({
  table: z.string(),
  schemaVersion: z.number().int(),
  inputsHash: z.string(),
  partitions: z.array(z.object({ file: z.string(), rows: z.number().int().nonnegative(), sha256: z.string() })),
});

const MANIFEST = 'manifest.json';

/**
 * A table as a folder of Arrow files, one partition each, with a manifest once it is whole.
 *
 * A partition appears by atomic rename, so a killed run loses at most the partition it was writing, and a run that
 * starts again writes only what is missing. `inputsHash` guards against mixing configurations.
 */
export class PartitionedTable<Row> {
  readonly folder: string;
  readonly #table: TableType<Row>;
  readonly #inputsHash: string;
  /** Read once: a large table has thousands of partitions, each checked against it. */
  #manifest: TableManifest | undefined;

  constructor(folder: string, table: TableType<Row>, inputsHash: string) {
    this.folder = folder;
    this.#table = table;
    this.#inputsHash = inputsHash;
  }

  #file(index: number): string {
    return `part-${String(index).padStart(5, '0')}-${this.#inputsHash.slice(0, 12)}.arrow`;
  }

  /** Manifest of a finished table of the same inputs, or undefined. */
  async manifest(): Promise<TableManifest | undefined> {
    if (this.#manifest !== undefined) return this.#manifest;
    const found = await readJsonFile(join(this.folder, MANIFEST), manifestSchema);
    const own =
      found !== undefined &&
      found.inputsHash === this.#inputsHash &&
      found.table === this.#table.name &&
      found.schemaVersion === this.#table.version;
    this.#manifest = own ? found : undefined;
    return this.#manifest;
  }

  /**
   * Number of rows of a finished table, from its manifest.
   *
   * @throws U2SegError `not-found` if the table is not finished
   */
  async countRows(): Promise<number> {
    const manifest = await this.manifest();
    if (manifest === undefined) {
      throw new U2SegError('not-found', `${this.folder}: table ${this.#table.name} is not finished.`);
    }
    return manifest.partitions.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Indices of the partitions already there. */
  async present(): Promise<Set<number>> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    const indices = names
      .map((name) => /^part-(\d+)-([0-9a-f]+)\.arrow$/u.exec(name))
      .filter((m) => m !== null && m[2] === this.#inputsHash.slice(0, 12));
    return new Set(indices.map((m) => Number(m![1])));
  }

  async write(index: number, rows: readonly Row[]): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    this.#manifest = undefined;
    await writeFileAtomic(join(this.folder, this.#file(index)), encodeTable(this.#table, rows));
  }

  async read(index: number): Promise<Row[]> {
    const { file, path } = await this.#checkedFile(index);
    return decodeTable(this.#table, file, path);
  }

  /**
   * Rows of a partition, and where the matrices of one of their columns stand in its file, for {@link PartitionedTable.readMatrix}.
   *
   * @throws U2SegError as {@link PartitionedTable.read}; `unsupported` if the column is no matrix
   */
  async readLocated(
    index: number,
    column: keyof Row & string,
  ): Promise<{ readonly rows: Row[]; readonly spans: readonly MatrixSpan[] }> {
    const { file, path } = await this.#checkedFile(index);
    return { rows: decodeTable(this.#table, file, path), spans: locateMatrix(this.#table, file, column, path) };
  }

  /**
   * One matrix of a partition, the rest of it left on disk.
   *
   * @throws U2SegError `not-found` without the file, `bad-format` if it is shorter than it was
   */
  async readMatrix(index: number, { offset, length, width }: MatrixSpan): Promise<Float32Array> {
    const path = join(this.folder, this.#file(index));
    const bytes = new Uint8Array(length * (width === 'float16' ? 2 : 4));
    let file: FileHandle;
    try {
      file = await open(path);
    } catch (cause) {
      throw this.#missing(index, path, cause);
    }
    try {
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      if (bytesRead < bytes.length) {
        throw new U2SegError(
          'bad-format',
          `${path}: ${bytes.length} bytes from ${offset} are missing; the file was cut.`,
        );
      }
    } finally {
      await file.close();
    }
    return width === 'float16' ? decodeFloat16(new Uint16Array(bytes.buffer)) : new Float32Array(bytes.buffer);
  }

  #missing(index: number, path: string, cause: unknown): U2SegError {
    const message = `${path}: partition ${index} of table ${this.#table.name} is missing.`;
    return new U2SegError('not-found', message, { cause });
  }

  async #checkedFile(index: number): Promise<{ readonly file: Uint8Array; readonly path: string }> {
    const path = join(this.folder, this.#file(index));
    let file: Uint8Array;
    try {
      file = await readFile(path);
    } catch (cause) {
      throw this.#missing(index, path, cause);
    }
    const expected = (await this.manifest())?.partitions.find(
      (partition) => partition.file === this.#file(index),
    )?.sha256;
    if (expected !== undefined && createHash('sha256').update(file).digest('hex') !== expected) {
      throw new U2SegError(
        'bad-format',
        `${path}: the file changed since its manifest was written; delete the folder to make it anew.`,
      );
    }
    return { file, path };
  }

  /** Rows of all partitions `[0, count)`, one partition in memory at a time. */
  async *rows(count: number): AsyncGenerator<Row> {
    for (let index = 0; index < count; index += 1) yield* await this.read(index);
  }

  /** Writes the manifest over partitions `[0, count)`; removes partitions of other configurations. */
  async finish(count: number): Promise<TableManifest> {
    const partitions: TableManifest['partitions'][number][] = [];
    for (let index = 0; index < count; index += 1) {
      const file = await readFile(join(this.folder, this.#file(index)));
      const rows = decodeTable(this.#table, file, this.#file(index)).length;
      partitions.push({ file: this.#file(index), rows, sha256: createHash('sha256').update(file).digest('hex') });
    }
    const kept = new Set(partitions.map(({ file }) => file));
    for (const name of await readdir(this.folder)) {
      // What is being written, `part-….arrow.….part`, belongs to the same inputs: another process may be about to rename it.
      const partition = /^(part-.*\.arrow)(\..*\.part)?$/u.exec(name)?.[1];
      if (partition !== undefined && !kept.has(partition)) await rm(join(this.folder, name), { force: true });
    }
    const manifest: TableManifest = {
      table: this.#table.name,
      schemaVersion: this.#table.version,
      inputsHash: this.#inputsHash,
      partitions,
    };
    await writeFileAtomic(join(this.folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
    this.#manifest = manifest;
    return manifest;
  }
}
