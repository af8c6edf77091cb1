import type { NamedTensor, TensorDtype } from '@u2seg/interchange';
import { tensorBytes } from '@u2seg/interchange';

/** numpy's type string of a dtype, or the class that ml_dtypes adds for it. */
const typeOf: Readonly<Record<TensorDtype, string>> = {
  float64: 'f8',
  float32: 'f4',
  float16: 'f2',
  bfloat16: 'ml_dtypes\nbfloat16',
  float8_e4m3fn: 'ml_dtypes\nfloat8_e4m3fn',
  float8_e5m2: 'ml_dtypes\nfloat8_e5m2',
  int64: 'i8',
  int32: 'i4',
  int16: 'i2',
  int8: 'i1',
  uint64: 'u8',
  uint32: 'u4',
  uint16: 'u2',
  uint8: 'u1',
  bool: 'b1',
  complex64: 'c8',
  complex128: 'c16',
};

/** detectron2's `.pkl`, `{'model': {name: array}}`, as numpy pickles arrays in protocol 5. */
export function numpyPickle(tensors: readonly NamedTensor[]): Uint8Array {
  const text = (value: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from('X'), length, Buffer.from(value)]);
  };
  const arrays = tensors.map((tensor) => {
    const bytes = tensorBytes(tensor);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.byteLength));
    const type = typeOf[tensor.dtype];
    const sizes = tensor.shape.map((size) => {
      const integer = Buffer.alloc(5, 'J');
      integer.writeInt32LE(size, 1);
      return integer;
    });
    return Buffer.concat([
      text(tensor.name),
      Buffer.from('cnumpy._core.numeric\n_frombuffer\n(\x96', 'latin1'),
      length,
      bytes,
      Buffer.from('cnumpy\ndtype\n'),
      type.includes('\n') ? Buffer.from(`c${type}\n`) : text(type),
      Buffer.from('\x85R(', 'latin1'),
      ...sizes,
      Buffer.from('t'),
      text('C'),
      Buffer.from('tR'),
    ]);
  });
  return Buffer.concat([
    Buffer.from('\x80\x05}', 'latin1'),
    text('model'),
    Buffer.from('}('),
    ...arrays,
    Buffer.from('us.'),
  ]);
}
