import type { TensorDtype } from './named-tensor.ts';

/**
 * What a name in a pickle may stand for. This list is closed: nothing is imported, looked up or called outside it, and a
 * name that is not here becomes a marker.
 */
export type PickleGlobal =
  /** Builds a tensor from a storage. */
  | { readonly kind: 'rebuild-tensor'; readonly version: 1 | 2 | 3 }
  /** Returns the first argument: parameters and other wrappers of a tensor. */
  | { readonly kind: 'unwrap' }
  /** Applies its first argument to its third, as torch's subclass wrapper does. */
  | { readonly kind: 'rebuild-typed' }
  /** The type of a storage; undefined where the elements are bytes. */
  | { readonly kind: 'storage-class'; readonly dtype: TensorDtype | undefined }
  | { readonly kind: 'torch-dtype'; readonly dtype: TensorDtype }
  | { readonly kind: 'load-from-bytes' }
  | { readonly kind: 'dict' }
  | { readonly kind: 'default-dict' }
  | { readonly kind: 'list' }
  | { readonly kind: 'set' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'encode' }
  | { readonly kind: 'numpy-reconstruct' }
  | { readonly kind: 'numpy-frombuffer' }
  | { readonly kind: 'numpy-scalar' }
  | { readonly kind: 'numpy-dtype' }
  /** The class of an element type that another package adds to numpy. */
  | { readonly kind: 'numpy-type'; readonly dtype: TensorDtype }
  | { readonly kind: 'numpy-array' };

const torchDtypes: readonly (readonly [string, TensorDtype])[] = [
  ['float64', 'float64'],
  ['double', 'float64'],
  ['float32', 'float32'],
  ['float', 'float32'],
  ['float16', 'float16'],
  ['half', 'float16'],
  ['bfloat16', 'bfloat16'],
  ['float8_e4m3fn', 'float8_e4m3fn'],
  ['float8_e5m2', 'float8_e5m2'],
  ['int64', 'int64'],
  ['long', 'int64'],
  ['int32', 'int32'],
  ['int', 'int32'],
  ['int16', 'int16'],
  ['short', 'int16'],
  ['int8', 'int8'],
  ['uint64', 'uint64'],
  ['uint32', 'uint32'],
  ['uint16', 'uint16'],
  ['uint8', 'uint8'],
  ['bool', 'bool'],
  ['complex64', 'complex64'],
  ['complex128', 'complex128'],
];

const storageClasses: readonly (readonly [string, TensorDtype])[] = [
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
  ['ComplexFloatStorage', 'complex64'],
  ['ComplexDoubleStorage', 'complex128'],
];

const pythonClasses: readonly (readonly [string, PickleGlobal])[] = [
  ['dict', { kind: 'dict' }],
  ['list', { kind: 'list' }],
  ['tuple', { kind: 'list' }],
  ['set', { kind: 'set' }],
  ['frozenset', { kind: 'set' }],
  ['bytes', { kind: 'bytes' }],
  ['bytearray', { kind: 'bytes' }],
];

/** Types of the package ml_dtypes (JAX, TensorFlow) that are ours too, under the same names. */
const mlDtypes: readonly TensorDtype[] = ['bfloat16', 'float8_e4m3fn', 'float8_e5m2'];

/** Every name the interpreter understands, as `module.name`. */
export const pickleGlobals: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  ['torch._utils._rebuild_tensor', { kind: 'rebuild-tensor', version: 1 }],
  ['torch._utils._rebuild_tensor_v2', { kind: 'rebuild-tensor', version: 2 }],
  ['torch._utils._rebuild_tensor_v3', { kind: 'rebuild-tensor', version: 3 }],
  ['torch._utils._rebuild_parameter', { kind: 'unwrap' }],
  ['torch._utils._rebuild_parameter_with_state', { kind: 'unwrap' }],
  ['torch._tensor._rebuild_from_type_v2', { kind: 'rebuild-typed' }],
  ['torch.storage._load_from_bytes', { kind: 'load-from-bytes' }],
  ['torch.storage.UntypedStorage', { kind: 'storage-class', dtype: undefined }],
  ['torch.UntypedStorage', { kind: 'storage-class', dtype: undefined }],
  ['torch.Size', { kind: 'list' }],
  ...torchDtypes.map(([name, dtype]) => [`torch.${name}`, { kind: 'torch-dtype', dtype }] as const),
  ...storageClasses.map(([name, dtype]) => [`torch.${name}`, { kind: 'storage-class', dtype }] as const),
  ...storageClasses.map(([name, dtype]) => [`torch.cuda.${name}`, { kind: 'storage-class', dtype }] as const),
  ['collections.OrderedDict', { kind: 'dict' }],
  ['collections.defaultdict', { kind: 'default-dict' }],
  ['_codecs.encode', { kind: 'encode' }],
  ...['builtins', '__builtin__'].flatMap((module) =>
    pythonClasses.map(([name, global]) => [`${module}.${name}`, global] as const),
  ),
  ...['numpy.core', 'numpy._core'].flatMap((module) => [
    [`${module}.multiarray._reconstruct`, { kind: 'numpy-reconstruct' }] as const,
    [`${module}.multiarray.scalar`, { kind: 'numpy-scalar' }] as const,
    [`${module}.numeric._frombuffer`, { kind: 'numpy-frombuffer' }] as const,
  ]),
  ['numpy.ndarray', { kind: 'numpy-array' }],
  ['numpy.dtype', { kind: 'numpy-dtype' }],
  ...mlDtypes.map((dtype) => [`ml_dtypes.${dtype}`, { kind: 'numpy-type', dtype }] as const),
]);

const numpyDtypes = new Map<string, TensorDtype>([
  ['f8', 'float64'],
  ['f4', 'float32'],
  ['f2', 'float16'],
  ['i8', 'int64'],
  ['i4', 'int32'],
  ['i2', 'int16'],
  ['i1', 'int8'],
  ['u8', 'uint64'],
  ['u4', 'uint32'],
  ['u2', 'uint16'],
  ['u1', 'uint8'],
  ['b1', 'bool'],
  ['c8', 'complex64'],
  ['c16', 'complex128'],
]);

/** Our dtype for numpy's type string, byte order stripped; undefined for strings, objects and records. */
export function numpyDtype(code: string): TensorDtype | undefined {
  return numpyDtypes.get(code.replace(/^[<>=|]/u, ''));
}
