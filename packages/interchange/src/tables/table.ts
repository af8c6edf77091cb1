import {
  RecordBatch,
  RecordBatchFileWriter,
  Field,
  makeData,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  type Data,
  type FixedSizeList,
} from 'apache-arrow';
import { U2SegError } from '@u2seg/core';
import type { Column } from './columns.ts';
import { verifyArrow } from './verify-arrow.ts';

/** Codec of every column of `Row`, in the order of the schema. */
export type Columns<Row> = { readonly [Name in keyof Row & string]: Column<Row[Name]> };

/** A versioned Arrow schema with the codec of its rows. Columns are all required. */
export interface TableType<Row> {
  /** For example `proposals`. */
  readonly name: string;
  /** Increased whenever a column changes its meaning. */
  readonly version: number;
  readonly columns: Columns<Row>;
}

const TABLE_KEY = 'u2seg_table';
const VERSION_KEY = 'schema_version';

function columnsOf<Row>(table: TableType<Row>): [keyof Row & string, Column<unknown>][] {
  return Object.entries(table.columns) as [keyof Row & string, Column<unknown>][];
}

/** Arrow schema of a table; name and version stand in its metadata. */
export function arrowSchema<Row>(table: TableType<Row>): Schema {
  const fields = columnsOf(table).map(
    ([name, column]) => new Field(name, column.type, false, new Map([['description', column.description]])),
  );
  return new Schema(
    fields,
    new Map([
      [TABLE_KEY, table.name],
      [VERSION_KEY, String(table.version)],
    ]),
  );
}

/**
 * Rows as an Arrow IPC file (Feather v2): readable by pyarrow, polars and DuckDB.
 *
 * @throws U2SegError `shape-mismatch`, `out-of-range` or `bad-format`, naming table, column and row
 */
export function encodeTable<Row>(table: TableType<Row>, rows: readonly Row[]): Uint8Array {
  const schema = arrowSchema(table);
  const children = columnsOf(table).map(([name, column]) =>
    column.encode(
      rows.map((row) => row[name]),
      `${table.name}.${name}`,
    ),
  );
  const struct = makeData({
    type: new Struct(schema.fields),
    length: rows.length,
    nullCount: 0,
    children,
  } as never) as unknown as Data<Struct>;
  const writer = RecordBatchFileWriter.writeAll(new Table(schema, [new RecordBatch(schema, struct)]));
  return writer.toUint8Array(true);
}

/**
 * Rows of an Arrow IPC file or stream that {@link encodeTable}, or pyarrow with the same schema, wrote.
 *
 * @param source - named in errors, for example the file's path
 * @throws U2SegError `bad-format` if it is not Arrow, another table, another version, lacks a column or is damaged
 */
export function decodeTable<Row>(table: TableType<Row>, file: Uint8Array, source: string): Row[] {
  const parsed = parseTable(table, file, source);
  const rows: Row[] = [];
  for (const batch of parsed.batches) {
    const decoded = columnsOf(table).map(([column, codec]) => {
      const where = `${source}: ${table.name}.${column}`;
      return [column, readColumn(codec, columnData(batch, column, codec, where), batch.numRows, where)] as const;
    });
    for (let i = 0; i < batch.numRows; i += 1) {
      rows.push(Object.fromEntries(decoded.map(([column, values]) => [column, values[i]])) as Row);
    }
  }
  return rows;
}

/** Where the numbers of one row's matrix stand in its file. */
export interface MatrixSpan {
  /** First byte. */
  readonly offset: number;
  /** Numbers, not bytes. */
  readonly length: number;
  readonly width: 'float16' | 'float32';
}

/**
 * Where the rows of a matrix column stand in a file that {@link decodeTable} reads, so that one can be read alone.
 *
 * @returns one span a row, in order
 * @throws U2SegError as {@link decodeTable}; `unsupported` if the column is no matrix, or not stored as it is
 */
export function locateMatrix<Row>(
  table: TableType<Row>,
  file: Uint8Array,
  column: keyof Row & string,
  source: string,
): MatrixSpan[] {
  const spans: MatrixSpan[] = [];
  const where = `${source}: ${table.name}.${column}`;
  for (const batch of parseTable(table, file, source).batches) {
    const data = columnData(batch, column, table.columns[column] as Column<unknown>, where);
    const inner = data.children[0];
    const values = inner?.children[0]?.values as Uint16Array | Float32Array | undefined;
    const offsets = data.valueOffsets as Int32Array | undefined;
    const halves = values instanceof Uint16Array;
    if (
      inner === undefined ||
      !(halves || values instanceof Float32Array) ||
      values.buffer !== file.buffer ||
      offsets === undefined
    ) {
      throw new U2SegError('unsupported', `${where}: only a matrix of plain numbers can be read row by row.`);
    }
    const size = (inner.type as FixedSizeList).listSize;
    for (let row = 0; row < batch.numRows; row += 1) {
      const [start, end] = [offsets[row]! * size, offsets[row + 1]! * size];
      if (!(start >= 0 && end >= start && end <= values.length)) {
        throw new U2SegError(
          'bad-format',
          `${where}: list offsets ${start}..${end} lie outside ${values.length} values.`,
        );
      }
      const offset = values.byteOffset - file.byteOffset + start * values.BYTES_PER_ELEMENT;
      spans.push({ offset, length: end - start, width: halves ? 'float16' : 'float32' });
    }
  }
  return spans;
}

function parseTable<Row>(table: TableType<Row>, file: Uint8Array, source: string): Table {
  verifyArrow(file, source);
  let parsed: Table;
  try {
    parsed = tableFromIPC(file);
  } catch (cause) {
    throw new U2SegError(
      'bad-format',
      `${source}: not a readable Arrow file: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  const metadata = parsed.schema.metadata;
  const name = metadata.get(TABLE_KEY);
  const version = metadata.get(VERSION_KEY);
  if (name !== table.name || version !== String(table.version)) {
    throw new U2SegError(
      'bad-format',
      `${source}: expected table ${table.name} version ${table.version}, found ${name ?? 'no table name'} version ${version ?? 'unknown'}.`,
    );
  }
  return parsed;
}

function columnData(batch: RecordBatch, column: string, codec: Column<unknown>, where: string): Data {
  const data = batch.data.children[batch.schema.fields.findIndex((field) => field.name === column)];
  if (data === undefined) throw new U2SegError('bad-format', `${where} is missing.`);
  if (data.type.toString() !== codec.type.toString()) {
    throw new U2SegError('bad-format', `${where} must be ${codec.type.toString()}, found ${data.type.toString()}.`);
  }
  if (data.nullCount > 0) throw new U2SegError('bad-format', `${where} has ${data.nullCount} nulls; none are allowed.`);
  return data as Data;
}

function readColumn(codec: Column<unknown>, data: Data, rows: number, where: string): unknown[] {
  let values: unknown[];
  try {
    values = codec.decode(data, where);
  } catch (cause) {
    if (cause instanceof U2SegError) throw cause;
    throw new U2SegError(
      'bad-format',
      `${where} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  if (values.length !== rows)
    throw new U2SegError('bad-format', `${where} has ${values.length} rows, the table ${rows}.`);
  return values;
}
