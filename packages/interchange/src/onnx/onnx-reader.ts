import { U2SegError } from '@u2seg/core';
import { Reader } from 'protobufjs/light.js';
import { containerCost, MemoryBudget } from '../checkpoint/memory-budget.ts';
import { dtypeFacts, elementCount, viewElements, type NamedTensor } from '../checkpoint/named-tensor.ts';
import { onnxDtype, type OnnxDimension, type OnnxValueInfo } from './onnx-types.ts';

/** What a graph needs and gives, read without running anything. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set by domain; `''` is the standard one. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Inputs that are not initializers. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** How often each operator occurs in the main graph, as `domain.Operator` outside the standard domain. */
  readonly operators: ReadonlyMap<string, number>;
  /** Initializers stored as raw data, as views of the file; those in typed fields are counted, not listed. */
  readonly initializers: readonly NamedTensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Calls `visit` for each field of a message; fields that are not visited are skipped. */
type Visit = (field: number, wireType: number) => boolean;

const lengthDelimited = 2;
/** `TensorProto.DataLocation.EXTERNAL`. */
const externalLocation = 1;
const maxDimensions = 64;

/**
 * Reads inputs, outputs, operators and weights of an `.onnx` file and checks that they are whole.
 *
 * Weights kept in other files are refused: a model of unknown origin could name any file of this machine.
 *
 * @param source - what to call the file in an error
 * @throws U2SegError `bad-format` naming the byte, `unsupported` for external weights
 */
export function readOnnxModel(bytes: Uint8Array, source = 'model.onnx'): OnnxModel {
  return new OnnxReader(bytes, source).read();
}

class OnnxReader {
  readonly #reader: Reader;
  readonly #where: string;
  readonly #budget: MemoryBudget;
  readonly #opsets = new Map<string, number>();
  readonly #metadata = new Map<string, string>();
  readonly #operators = new Map<string, number>();
  readonly #inputs: OnnxValueInfo[] = [];
  readonly #outputs: OnnxValueInfo[] = [];
  readonly #initializers: NamedTensor[] = [];
  readonly #initialized = new Set<string>();
  #irVersion = 0;
  #producer = '';
  #graphs = 0;

  constructor(bytes: Uint8Array, source: string) {
    this.#where = `readOnnxModel: ${source}`;
    this.#budget = new MemoryBudget(this.#where, bytes.byteLength);
    this.#reader = Reader.create(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  read(): OnnxModel {
    const reader = this.#reader;
    try {
      this.#fields(reader.len, (field, wireType) => {
        if (field === 1 && wireType === 0) this.#irVersion = Number(reader.int64());
        else if (field === 2) this.#producer = this.#text(wireType);
        else if (field === 7)
          this.#message(
            wireType,
            (f, w) => this.#graphField(f, w),
            () => (this.#graphs += 1),
          );
        else if (field === 8) this.#opset(wireType);
        else if (field === 14) this.#metadataEntry(wireType);
        else return false;
        return true;
      });
    } catch (cause) {
      if (cause instanceof U2SegError) throw cause;
      throw new U2SegError('bad-format', `${this.#where}: byte ${reader.pos} of ${reader.len} is no ONNX.`, { cause });
    }
    if (this.#graphs !== 1) this.#fail(`a model holds one graph, got ${this.#graphs}.`);
    if (this.#irVersion < 1) this.#fail(`the IR version must be at least 1, got ${this.#irVersion}.`);
    if (this.#opsets.size === 0) this.#fail('no operator set is named.');
    if (this.#outputs.length === 0) this.#fail('the graph has no output.');
    return {
      irVersion: this.#irVersion,
      producer: this.#producer,
      opsets: this.#opsets,
      inputs: this.#inputs.filter(({ name }) => !this.#initialized.has(name)),
      outputs: this.#outputs,
      operators: this.#operators,
      initializers: this.#initializers,
      metadata: this.#metadata,
    };
  }

  #graphField(field: number, wireType: number): boolean {
    if (field === 1) this.#node(wireType);
    else if (field === 5) this.#tensor(wireType);
    else if (field === 11) this.#inputs.push(this.#valueInfo(wireType));
    else if (field === 12) this.#outputs.push(this.#valueInfo(wireType));
    else return false;
    return true;
  }

  #node(wireType: number): void {
    let operator = '';
    let domain = '';
    let outputs = 0;
    this.#message(wireType, (field, wire) => {
      if (field === 4) operator = this.#text(wire);
      else if (field === 7) domain = this.#text(wire);
      else if (field === 2) {
        this.#text(wire);
        outputs += 1;
      } else return false;
      return true;
    });
    if (operator === '' || outputs === 0) this.#fail(`a node without ${operator === '' ? 'operator' : 'output'}.`);
    const name = domain === '' || domain === 'ai.onnx' ? operator : `${domain}.${operator}`;
    this.#operators.set(name, (this.#operators.get(name) ?? 0) + 1);
  }

  #tensor(wireType: number): void {
    const reader = this.#reader;
    const shape: number[] = [];
    let name = '';
    let code = 0;
    let raw: Uint8Array | undefined;
    this.#message(wireType, (field, wire) => {
      if (field === 1) this.#integers(wire, shape);
      else if (field === 2 && wire === 0) code = reader.int32();
      else if (field === 8) name = this.#text(wire);
      else if (field === 9 && wire === lengthDelimited) raw = this.#bytes();
      else if (field === 13 || (field === 14 && wire === 0 && reader.int32() === externalLocation)) {
        throw new U2SegError('unsupported', `${this.#where}: weights in other files; save the model as one file.`);
      } else return field === 14;
      return true;
    });
    if (name === '') this.#fail('an initializer without a name.');
    if (this.#initialized.has(name)) this.#fail(`the initializer "${name}" occurs twice.`);
    this.#initialized.add(name);
    if (raw === undefined) return;
    const dtype = onnxDtype(code);
    if (dtype === undefined) return;
    const wanted = elementCount(`${this.#where}: "${name}"`, shape) * dtypeFacts[dtype].bytes;
    if (wanted !== raw.byteLength) {
      this.#fail(`"${name}" is ${dtype} [${shape.join(', ')}], ${wanted} bytes, but ${raw.byteLength} are stored.`);
    }
    if (raw.byteOffset % dtypeFacts[dtype].array.BYTES_PER_ELEMENT !== 0) this.#budget.take(wanted, 'weights');
    this.#initializers.push({ name, dtype, shape, data: viewElements(dtype, raw) });
  }

  #valueInfo(wireType: number): OnnxValueInfo {
    const reader = this.#reader;
    let name = '';
    let code = 0;
    let shape: OnnxDimension[] | undefined;
    const dimension: Visit = (field, wire) => {
      if (field !== 1) return false;
      let size: OnnxDimension = null;
      this.#message(wire, (f, w) => {
        if (f === 1 && w === 0) size = Number(reader.int64());
        else if (f === 2) size = this.#text(w);
        else return false;
        return true;
      });
      if (typeof size === 'number' && (size as number) < 0) this.#fail(`"${name}" has the size ${String(size)}.`);
      shape!.push(size);
      if (shape!.length > maxDimensions) this.#fail(`"${name}" has more than ${maxDimensions} dimensions.`);
      return true;
    };
    const tensorType: Visit = (field, wire) => {
      if (field === 1 && wire === 0) code = reader.int32();
      else if (field === 2) {
        shape = [];
        this.#message(wire, dimension);
      } else return false;
      return true;
    };
    this.#message(wireType, (field, wire) => {
      if (field === 1) name = this.#text(wire);
      else if (field === 2) {
        this.#message(wire, (f, w) => {
          if (f !== 1) return false;
          this.#message(w, tensorType);
          return true;
        });
      } else return false;
      return true;
    });
    if (name === '') this.#fail('an input or output without a name.');
    return { name, dtype: onnxDtype(code), shape };
  }

  #opset(wireType: number): void {
    let domain = '';
    let version = 0;
    this.#message(wireType, (field, wire) => {
      if (field === 1) domain = this.#text(wire);
      else if (field === 2 && wire === 0) version = Number(this.#reader.int64());
      else return false;
      return true;
    });
    this.#opsets.set(domain === 'ai.onnx' ? '' : domain, version);
  }

  #metadataEntry(wireType: number): void {
    let key = '';
    let value = '';
    this.#message(wireType, (field, wire) => {
      if (field === 1) key = this.#text(wire);
      else if (field === 2) value = this.#text(wire);
      else return false;
      return true;
    });
    this.#metadata.set(key, value);
  }

  /** Reads a nested message, whose end must lie inside its parent. */
  #message(wireType: number, visit: Visit, entered?: () => void): void {
    if (wireType !== lengthDelimited) this.#fail(`a message was expected at byte ${this.#reader.pos}.`);
    this.#budget.take(containerCost, 'messages');
    const length = this.#reader.uint32();
    const end = this.#reader.pos + length;
    if (end > this.#reader.len) this.#fail(`a message of ${length} bytes at byte ${this.#reader.pos} passes the end.`);
    entered?.();
    this.#fields(end, visit);
  }

  #fields(end: number, visit: Visit): void {
    const reader = this.#reader;
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = tag >>> 3;
      const wireType = tag & 7;
      if (field === 0) this.#fail(`field number 0 at byte ${reader.pos}.`);
      // Groups (3 and 4) nest without a length; ONNX has none.
      if (wireType === 3 || wireType === 4) this.#fail(`a group at byte ${reader.pos}.`);
      if (!visit(field, wireType)) reader.skipType(wireType);
    }
    if (reader.pos !== end) this.#fail(`a field reaches past its message, which ends at byte ${end}.`);
  }

  #bytes(): Uint8Array {
    const reader = this.#reader;
    const length = reader.uint32();
    const start = reader.pos;
    if (start + length > reader.len) this.#fail(`${length} bytes at byte ${start} pass the end.`);
    reader.pos = start + length;
    return reader.buf.subarray(start, start + length);
  }

  #text(wireType: number): string {
    if (wireType !== lengthDelimited) this.#fail(`text was expected at byte ${this.#reader.pos}.`);
    const bytes = this.#bytes();
    this.#budget.take(64 + 2 * bytes.byteLength, 'text');
    return new TextDecoder().decode(bytes);
  }

  /** Sizes, packed into one field or one field each. */
  #integers(wireType: number, into: number[]): void {
    const reader = this.#reader;
    if (wireType !== lengthDelimited && wireType !== 0) this.#fail(`sizes were expected at byte ${reader.pos}.`);
    const end = wireType === lengthDelimited ? reader.uint32() + reader.pos : reader.pos + 1;
    if (end > reader.len) this.#fail(`sizes at byte ${reader.pos} pass the end.`);
    while (reader.pos < end) {
      into.push(Number(reader.int64()));
      if (into.length > maxDimensions) this.#fail(`a tensor of more than ${maxDimensions} dimensions.`);
    }
  }

  #fail(message: string): never {
    throw new U2SegError('bad-format', `${this.#where}: ${message}`);
  }
}
