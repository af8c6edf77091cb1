import { assertLength } from '@u2seg/core';

/**
 * Drops the class token: [B, 1 + N, D] tokens -> [B, N, D] features (STEGO's `dino_feat_type: feat`).
 */
export function patchTokens(tokens: Float32Array, batch: number, cells: number, dim: number): Float32Array {
  assertLength('patchTokens: tokens', tokens.length, [batch, 1 + cells, dim]);
  const out = new Float32Array(batch * cells * dim);
  for (let b = 0; b < batch; b += 1) {
    const from = (b * (1 + cells) + 1) * dim;
    out.set(tokens.subarray(from, from + cells * dim), b * cells * dim);
  }
  return out;
}

/**
 * Keys of the last block as features (STEGO's `dino_feat_type: KK`), class token dropped, heads side by side:
 * channel = head * headDim + i.
 *
 * @param qkv - [3, B, heads, 1 + N, headDim]
 * @returns [B, N, heads * headDim]
 */
export function keyFeatures(
  qkv: Float32Array,
  batch: number,
  heads: number,
  cells: number,
  headDim: number,
): Float32Array {
  assertLength('keyFeatures: qkv', qkv.length, [3, batch, heads, 1 + cells, headDim]);
  const dim = heads * headDim;
  const out = new Float32Array(batch * cells * dim);
  for (let b = 0; b < batch; b += 1) {
    for (let head = 0; head < heads; head += 1) {
      for (let cell = 0; cell < cells; cell += 1) {
        const from = (((batch + b) * heads + head) * (1 + cells) + 1 + cell) * headDim;
        out.set(qkv.subarray(from, from + headDim), (b * cells + cell) * dim + head * headDim);
      }
    }
  }
  return out;
}
