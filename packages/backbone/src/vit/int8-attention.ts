import { microsoftDomain, type OnnxGraphBuilder, type OnnxValue } from '@u2seg/interchange';
import { unsignedZero, type IntegerProduct } from './integer-product.ts';

/**
 * The logits of all tokens would fill memory (3,601 tokens: 311 MB a block); queries are taken in this many parts. Each part costs
 * the runtime a copy of keys and values in its own layout, so many small parts are slower.
 */
const queryParts = 4;
const largest = 127;
/** `TensorProto.DataType` codes. */
const uint8Code = 2;
const int8Code = 3;

/**
 * Attention whose logits are products of 8-bit integers, after SageAttention (arXiv:2410.02367): keys lose their mean over the tokens,
 * which the softmax cannot see and which would eat the range, and are scaled per token; queries are scaled per head. Softmax and
 * the product with the values stay float32.
 *
 * @param query - [B, heads, n, width], as key and value
 * @param product - whether the integers of the keys are stored signed
 * @returns [B, heads, n, width]
 */
export function int8Attention(
  graph: OnnxGraphBuilder,
  query: OnnxValue,
  key: OnnxValue,
  value: OnnxValue,
  width: number,
  product: IntegerProduct,
): OnnxValue {
  const centered = graph.node('Sub', [key, graph.node('ReduceMean', [key, graph.ints([2])])]);
  const keyScale = scaleOf(graph, centered, [3]);
  const roundedKeys = rounded(graph, centered, keyScale);
  const keys = product === 'u8u8' ? unsigned(graph, roundedKeys) : graph.node('Cast', [roundedKeys], { to: int8Code });
  const queryScale = scaleOf(graph, query, [2, 3]);
  const queries = unsigned(graph, rounded(graph, query, queryScale));
  // One scale a column of the product: that of the key, the head's query scale and 1 / sqrt(width) with it.
  const headScale = graph.node('Mul', [queryScale, graph.float(width ** -0.5)]);
  const columnScale = graph.node('Mul', [graph.node('Transpose', [keyScale], { perm: [0, 1, 3, 2] }), headScale]);
  const turnedKeys = graph.node('Transpose', [keys], { perm: [0, 1, 3, 2] });

  const zero = graph.node('Cast', [graph.int(unsignedZero)], { to: uint8Code });
  const zeros = product === 'u8u8' ? [zero, zero] : [zero];
  const parts = graph.nodeOutputs('Split', [queries, partSizes(graph, query)], queryParts, { axis: 2 });
  const mixed = parts.map((part) => {
    const inputs = [part, turnedKeys, graph.float(1), columnScale, ...zeros];
    const logits = graph.node('MatMulIntegerToFloat', inputs, {}, microsoftDomain);
    return graph.node('MatMul', [graph.node('Softmax', [logits], { axis: -1 }), value]);
  });
  return graph.node('Concat', mixed, { axis: 2 });
}

function scaleOf(graph: OnnxGraphBuilder, x: OnnxValue, axes: readonly number[]): OnnxValue {
  const peak = graph.node('ReduceMax', [graph.node('Abs', [x]), graph.ints(axes)]);
  // A row of zeros must not divide by zero.
  const positive = graph.node('Max', [peak, graph.float(1e-30)]);
  return graph.node('Mul', [positive, graph.float(1 / largest)]);
}

function rounded(graph: OnnxGraphBuilder, x: OnnxValue, scale: OnnxValue): OnnxValue {
  return graph.node('Round', [graph.node('Div', [x, scale])]);
}

/** Integers in [-127, 127] as bytes. */
function unsigned(graph: OnnxGraphBuilder, x: OnnxValue): OnnxValue {
  return graph.node('Cast', [graph.node('Add', [x, graph.float(unsignedZero)])], { to: uint8Code });
}

/** Lengths of the parts, `floor((i + 1) n / parts) - floor(i n / parts)`: even, and right for any n. */
function partSizes(graph: OnnxGraphBuilder, query: OnnxValue): OnnxValue {
  const tokens = graph.node('Gather', [graph.node('Shape', [query]), graph.ints([2])], { axis: 0 });
  const parts = graph.ints([queryParts]);
  const bound = (first: number): OnnxValue => {
    const steps = graph.ints(Array.from({ length: queryParts }, (_, i) => first + i));
    return graph.node('Div', [graph.node('Mul', [steps, tokens]), parts]);
  };
  return graph.node('Sub', [bound(1), bound(0)]);
}
