// The one-node graph of the onnxruntime engine, written by hand: clustering needs no general ONNX writer.

type Bytes = readonly number[];

/**
 * An ONNX model `scores = points . centroids^T + bias`, in float32.
 *
 * @param dim - D
 * @returns the bytes of the file; inputs `points` [N, D], `centroids` [K, D], `bias` [K], output `scores` [N, K]
 */
export function scoreModel(dim: number): Uint8Array {
  const node = [
    ...['points', 'centroids', 'bias'].flatMap((name) => text(1, name)),
    ...text(2, 'scores'),
    ...text(4, 'Gemm'),
    ...message(5, [...text(1, 'transB'), ...integer(3, 1), ...integer(20, attributeTypeInt)]),
  ];
  const graph = [
    ...message(1, node),
    ...text(2, 'k-means scores'),
    ...message(11, valueInfo('points', ['N', dim])),
    ...message(11, valueInfo('centroids', ['K', dim])),
    ...message(11, valueInfo('bias', ['K'])),
    ...message(12, valueInfo('scores', ['N', 'K'])),
  ];
  const model = [
    ...integer(1, irVersion),
    ...text(2, 'u2seg'),
    ...message(7, graph),
    ...message(8, [...text(1, ''), ...integer(2, opset)]),
  ];
  return Uint8Array.from(model);
}

const irVersion = 8;
const opset = 13;
const attributeTypeInt = 2;
const elementTypeFloat = 1;

function valueInfo(name: string, shape: readonly (string | number)[]): Bytes {
  const dims = shape.flatMap((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)));
  const tensor = [...integer(1, elementTypeFloat), ...message(2, dims)];
  return [...text(1, name), ...message(2, message(1, tensor))];
}

function varint(value: number): Bytes {
  const out: number[] = [];
  let left = value;
  while (left > 127) {
    out.push((left & 127) | 128);
    left = Math.floor(left / 128);
  }
  out.push(left);
  return out;
}

function integer(field: number, value: number): Bytes {
  return [...varint(field * 8), ...varint(value)];
}

function message(field: number, bytes: Bytes): Bytes {
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}

function text(field: number, value: string): Bytes {
  return message(field, [...new TextEncoder().encode(value)]);
}
