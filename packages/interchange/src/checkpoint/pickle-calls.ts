import { U2SegError } from '@u2seg/core';
import { containerCost, type MemoryBudget } from './memory-budget.ts';
import { dtypeFacts, viewElements, type TensorDtype } from './named-tensor.ts';
import { numpyDtype, pickleGlobals, type PickleGlobal } from './pickle-globals.ts';
import {
  CheckpointDict,
  CheckpointSet,
  denseStrides,
  ForeignObject,
  StoredTensor,
  type CheckpointValue,
  type TensorLayout,
  type TensorStorage,
} from './pickle-values.ts';

/** A `module.name` of the pickle; outside the closed list it is no more than a marker. */
export class GlobalRef extends ForeignObject {
  readonly global: PickleGlobal | undefined;

  constructor(name: string) {
    super(name);
    this.global = pickleGlobals.get(name);
  }
}

/** A storage as the pickle refers to it; `dtype` is undefined for untyped bytes. */
export class StorageRef extends ForeignObject {
  readonly storage: TensorStorage;
  readonly dtype: TensorDtype | undefined;

  constructor(storage: TensorStorage, dtype: TensorDtype | undefined) {
    super('torch.Storage');
    this.storage = storage;
    this.dtype = dtype;
  }
}

class NumpyDtypeRef extends ForeignObject {
  /** Undefined for elements that are not read: strings, objects, records, and types of other packages. */
  readonly dtype: TensorDtype | undefined;
  bigEndian: boolean;

  /** @param code - numpy's type string, or the class of a type that another package adds */
  constructor(code: CheckpointValue | undefined) {
    const global = code instanceof GlobalRef ? code.global : undefined;
    const text = typeof code === 'string' ? code : '';
    super(code instanceof GlobalRef ? code.className : `numpy.dtype ${text}`.trim());
    this.dtype = global?.kind === 'numpy-type' ? global.dtype : numpyDtype(text);
    this.bigEndian = text.startsWith('>');
  }
}

/** What the calls of one pickle share. */
export interface CallContext {
  readonly where: string;
  readonly budget: MemoryBudget;
  /** Every tensor built, to be gathered once the storages are read. */
  readonly tensors: StoredTensor[];
  /** Names of the classes that became markers. */
  readonly foreignClasses: Set<string>;
  /** Reads the bytes of a storage that was pickled as a file of its own; undefined inside such a file. */
  readonly loadFromBytes: ((bytes: Uint8Array) => CheckpointValue) | undefined;
}

/**
 * Does what `callable(*args)` would do for the few callables of the closed list; anything else gives a marker.
 *
 * @throws U2SegError `bad-format` for arguments that do not fit
 */
export function callGlobal(
  context: CallContext,
  callable: CheckpointValue,
  args: readonly CheckpointValue[],
): CheckpointValue {
  const global = callable instanceof GlobalRef ? callable.global : undefined;
  context.budget.take(containerCost, 'objects');
  switch (global?.kind) {
    case 'rebuild-tensor':
      return rebuildTensor(context, global.version, args);
    case 'unwrap':
      return args[0] ?? fail(context, 'a parameter without its tensor.');
    case 'rebuild-typed': {
      const inner = args[0];
      const innerKind = inner instanceof GlobalRef ? inner.global?.kind : undefined;
      if (innerKind === 'rebuild-typed') return fail(context, 'tensor subclasses nested in each other.');
      return callGlobal(context, inner ?? null, list(context, args[2]));
    }
    case 'load-from-bytes':
      if (context.loadFromBytes === undefined) return fail(context, 'a storage nested in a storage.');
      return loadNested(context, context.loadFromBytes, rawBytes(context, args[0]));
    case 'dict':
      return dictFromPairs(context, args[0]);
    case 'default-dict':
      return new CheckpointDict();
    case 'list':
      return args[0] === undefined ? [] : list(context, args[0]);
    case 'set': {
      const values = args[0] === undefined ? [] : list(context, args[0]);
      context.budget.take(entryCost * values.length, 'sets');
      return new CheckpointSet(values);
    }
    case 'bytes':
    case 'encode':
      return args[0] === undefined ? new Uint8Array(0) : rawBytes(context, args[0]);
    case 'numpy-dtype':
      return new NumpyDtypeRef(args[0]);
    case 'numpy-reconstruct': {
      const array = new StoredTensor();
      context.tensors.push(array);
      return array;
    }
    case 'numpy-frombuffer': {
      const array = new StoredTensor();
      context.tensors.push(array);
      defineArray(context, array, args[1], args[0], bufferLayout(context, args.slice(2)));
      return array;
    }
    case 'numpy-scalar':
      return numpyScalar(context, args[0], args[1]);
    default:
      return foreign(context, callable);
  }
}

/** A marker for an instance of `callable`'s class. */
export function foreign(context: CallContext, callable: CheckpointValue): ForeignObject {
  const name = callable instanceof ForeignObject ? callable.className : 'unknown';
  context.foreignClasses.add(name);
  return new ForeignObject(name);
}

/** Does what `object.__setstate__(state)` would do: numpy's arrays and dtypes take it, all else ignores it. */
export function buildState(context: CallContext, object: CheckpointValue, state: CheckpointValue): void {
  if (object instanceof NumpyDtypeRef) {
    if (Array.isArray(state) && state[1] === '>') object.bigEndian = true;
  } else if (object instanceof StoredTensor && Array.isArray(state) && state.length === 5) {
    const fortranOrder = state[3] === true || state[3] === 1;
    const dense = denseLayout(integers(context, state[1]), fortranOrder);
    defineArray(context, object, state[2], state[4], dense);
  }
}

function fail(context: CallContext, message: string): never {
  throw new U2SegError('bad-format', `${context.where}: ${message}`);
}

function list(context: CallContext, value: CheckpointValue | undefined): CheckpointValue[] {
  if (value instanceof CheckpointSet) return [...value];
  return Array.isArray(value) ? value : fail(context, 'a list was expected among the arguments of a call.');
}

function integers(context: CallContext, value: CheckpointValue | undefined): number[] {
  const values = list(context, value);
  if (values.length > maxRank) fail(context, `a tensor of ${values.length} dimensions; at most ${maxRank} are read.`);
  return values.map((entry) =>
    typeof entry === 'number' ? entry : fail(context, 'sizes and strides must be integers.'),
  );
}

/** numpy's and torch's largest number of dimensions. */
const maxRank = 64;
/** What one entry of a set or dictionary costs, in bytes. */
const entryCost = 64;

/** Reads a storage pickled as a file of its own; its bytes are booked again, for one string can be named many times. */
function loadNested(
  context: CallContext,
  load: NonNullable<CallContext['loadFromBytes']>,
  bytes: Uint8Array,
): CheckpointValue {
  context.budget.take(bytes.byteLength, 'nested storages');
  return load(bytes);
}

function rebuildTensor(context: CallContext, version: 1 | 2 | 3, args: readonly CheckpointValue[]): StoredTensor {
  const [source, offset, size, stride] = args;
  if (!(source instanceof StorageRef)) return fail(context, 'a tensor must be built from a storage.');
  const dtypeArgument = args[6];
  const named = dtypeArgument instanceof GlobalRef ? dtypeArgument.global : undefined;
  const dtype = version < 3 ? source.dtype : named?.kind === 'torch-dtype' ? named.dtype : undefined;
  if (dtype === undefined) {
    if (version < 3 || !(dtypeArgument instanceof GlobalRef)) return fail(context, 'a tensor without a dtype.');
    const tensor = new StoredTensor();
    tensor.skip(dtypeArgument.className);
    return tensor;
  }
  const metadata = args[version === 3 ? 7 : 6];
  if (metadata instanceof CheckpointDict && (metadata.get('conj') === true || metadata.get('neg') === true)) {
    throw new U2SegError('unsupported', `${context.where}: a lazily conjugated or negated tensor.`);
  }
  if (typeof offset !== 'number') return fail(context, 'a storage offset must be an integer.');
  const tensor = new StoredTensor({
    storage: source.storage,
    dtype,
    offset,
    shape: integers(context, size),
    strides: integers(context, stride),
  });
  context.tensors.push(tensor);
  return tensor;
}

function dictFromPairs(context: CallContext, pairs: CheckpointValue | undefined): CheckpointDict {
  if (pairs instanceof CheckpointDict) return pairs;
  const dict = new CheckpointDict();
  if (pairs === undefined) return dict;
  const entries = list(context, pairs);
  context.budget.take(entryCost * entries.length, 'dictionaries');
  for (const pair of entries) {
    const [key, value] = list(context, pair);
    if (key === undefined || value === undefined) fail(context, 'a dictionary built from something else than pairs.');
    else dict.set(key, value);
  }
  return dict;
}

/** Bytes of an argument; pickles of Python 2 and of protocol 2 carry them as text, one character a byte. */
function rawBytes(context: CallContext, value: CheckpointValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') return fail(context, 'bytes were expected among the arguments of a call.');
  context.budget.take(value.length, 'bytes');
  // eslint-disable-next-line no-control-regex
  if (/[^\u0000-\u00ff]/u.test(value)) return fail(context, 'bytes given as text hold a character past 255.');
  return new Uint8Array(Buffer.from(value, 'latin1'));
}

/** Sizes of an array, and how far apart its elements lie along each, in elements. */
type ArrayLayout = Pick<TensorLayout, 'shape' | 'strides'>;

const denseLayout = (shape: readonly number[], fortranOrder: boolean): ArrayLayout => ({
  shape,
  strides: denseStrides(shape, fortranOrder),
});

/**
 * Layout of what numpy's `_frombuffer` makes of `shape, order[, axis order]`. In order `K` (numpy 2.3 and later) the shape is
 * the buffer's, row-major, and the array is that buffer with its axes in the axis order.
 */
function bufferLayout(context: CallContext, args: readonly CheckpointValue[]): ArrayLayout {
  const [shapeValue, order, axisValue = null] = args;
  const shape = integers(context, shapeValue);
  if (order === 'C' || order === 'F') return denseLayout(shape, order === 'F');
  if (order !== 'K' || axisValue === null) return fail(context, `a numpy buffer in order ${String(order)}.`);
  const axes = integers(context, axisValue);
  const sorted = [...axes].sort((a, b) => a - b);
  if (axes.length !== shape.length || !sorted.every((axis, i) => axis === i)) {
    fail(context, `a numpy buffer [${shape.join(', ')}] in axis order [${axes.join(', ')}].`);
  }
  const strides = denseStrides(shape, false);
  return { shape: axes.map((axis) => shape[axis]!), strides: axes.map((axis) => strides[axis]!) };
}

function defineArray(
  context: CallContext,
  array: StoredTensor,
  dtypeValue: CheckpointValue | undefined,
  content: CheckpointValue | undefined,
  { shape, strides }: ArrayLayout,
): void {
  if (!(dtypeValue instanceof NumpyDtypeRef)) return fail(context, 'a numpy array without a numpy dtype.');
  const { dtype } = dtypeValue;
  if (dtype === undefined) {
    array.skip(dtypeValue.className);
    context.foreignClasses.add(dtypeValue.className);
    return;
  }
  if (dtypeValue.bigEndian) throw new U2SegError('unsupported', `${context.where}: a big-endian numpy array.`);
  const bytes = rawBytes(context, content);
  const wanted = shape.reduce((product, size) => product * size, dtypeFacts[dtype].bytes);
  if (wanted !== bytes.byteLength) {
    return fail(
      context,
      `a numpy array [${shape.join(', ')}] of ${dtype} has ${bytes.byteLength} bytes, not ${wanted}.`,
    );
  }
  array.define({ storage: { label: 'a numpy array', bytes }, dtype, offset: 0, shape, strides });
}

function numpyScalar(
  context: CallContext,
  dtypeValue: CheckpointValue | undefined,
  content: CheckpointValue | undefined,
): CheckpointValue {
  if (!(dtypeValue instanceof NumpyDtypeRef)) return fail(context, 'a numpy scalar without a numpy dtype.');
  const { dtype, bigEndian } = dtypeValue;
  if (dtype === undefined || dtype.startsWith('complex')) return foreign(context, dtypeValue);
  if (bigEndian) throw new U2SegError('unsupported', `${context.where}: a big-endian numpy scalar.`);
  const bytes = rawBytes(context, content);
  if (bytes.byteLength !== dtypeFacts[dtype].bytes)
    return fail(context, `a numpy ${dtype} of ${bytes.byteLength} bytes.`);
  if (dtype === 'float16' || dtype === 'bfloat16' || dtype.startsWith('float8')) {
    const tensor = new StoredTensor({
      storage: { label: 'a numpy scalar', bytes },
      dtype,
      offset: 0,
      shape: [],
      strides: [],
    });
    context.tensors.push(tensor);
    return tensor;
  }
  const value = viewElements(dtype, bytes)[0]!;
  return dtype === 'bool' ? value !== 0 : value;
}
