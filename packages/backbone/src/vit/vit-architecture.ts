import { U2SegError } from '@u2seg/core';
import { toFloat32, type NamedTensor } from '@u2seg/interchange';
import { unwrapParameters } from '../checkpoint-prefix.ts';

/** Sizes of a vision transformer, and which family's details it follows. */
export interface VitArchitecture {
  /** `dino` (facebookresearch/dino) or `dinov2` (facebookresearch/dinov2). */
  readonly family: 'dino' | 'dinov2';
  /** D, the width of a token. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly heads: number;
  /** Width of the hidden layer of an MLP. */
  readonly hidden: number;
  /** Side of one square patch, in pixels. */
  readonly patchSize: number;
  /** Register tokens between the CLS token and the patches; 0 outside DINOv2. */
  readonly registers: number;
  /** Side of the square grid the position embedding was trained on. */
  readonly positionGrid: number;
}

/** A vision transformer's parameters under DINO's names (`blocks.0.attn.qkv.weight`), with its architecture. */
export interface VitWeights {
  readonly architecture: VitArchitecture;
  readonly parameters: ReadonlyMap<string, VitParameter>;
}

export interface VitParameter {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Every published DINO and DINOv2 model has heads of this width. */
const headWidth = 64;

export interface VitReadOptions {
  /** Attention heads; the weights do not tell. Left out: one per 64 channels, as in every published model. */
  readonly heads?: number;
  /** What to call the file in an error. */
  readonly source?: string;
  /** Which of several networks in the checkpoint: what stands before its names, such as `model_ema`. */
  readonly part?: string | undefined;
}

/**
 * Recognises a DINO or DINOv2 vision transformer in a checkpoint: plain, or a training checkpoint, of which the teacher is taken.
 *
 * @throws U2SegError `not-found` for a parameter that is missing, `shape-mismatch` for one of another size, `unsupported`
 * for SwiGLU (DINOv2 ViT-g)
 */
export function readVit(tensors: readonly NamedTensor[], options: VitReadOptions = {}): VitWeights {
  const where = `readVit: ${options.source ?? 'checkpoint'}`;
  const found = unwrapParameters(where, tensors, 'cls_token', options.part);
  const named = new Map<string, NamedTensor>();
  // DINOv2's sharded training checkpoints number blocks twice: blocks.<chunk>.<block>.
  for (const [name, tensor] of found) named.set(name.replace(/^blocks\.\d+\.(\d+)\./u, 'blocks.$1.'), tensor);

  const shapeOf = (name: string): readonly number[] => {
    const tensor = named.get(name);
    if (tensor === undefined) throw new U2SegError('not-found', `${where}: the parameter "${name}" is missing.`);
    return tensor.shape;
  };
  const size = (name: string, axis: number): number => shapeOf(name)[axis] ?? 0;
  if (named.has('blocks.0.mlp.w12.weight')) {
    throw new U2SegError('unsupported', `${where}: SwiGLU blocks (DINOv2 ViT-g) are not supported.`);
  }
  const dim = size('cls_token', 2);
  let depth = 0;
  while (named.has(`blocks.${depth}.norm1.weight`)) depth += 1;
  const positions = size('pos_embed', 1) - 1;
  const architecture: VitArchitecture = {
    family: named.has('blocks.0.ls1.gamma') ? 'dinov2' : 'dino',
    dim,
    depth,
    heads: options.heads ?? dim / headWidth,
    hidden: size('blocks.0.mlp.fc1.weight', 0),
    patchSize: size('patch_embed.proj.weight', 3),
    registers: named.has('register_tokens') ? size('register_tokens', 1) : 0,
    positionGrid: Math.round(Math.sqrt(positions)),
  };
  if (architecture.positionGrid ** 2 !== positions) {
    throw new U2SegError('shape-mismatch', `${where}: pos_embed must cover a square grid, got ${positions} patches.`);
  }
  if (!Number.isInteger(architecture.heads) || architecture.heads < 1 || dim % architecture.heads !== 0) {
    throw new U2SegError('out-of-range', `${where}: ${dim} channels cannot be split into ${architecture.heads} heads.`);
  }
  const parameters = new Map<string, VitParameter>();
  for (const [name, shape] of parameterShapes(architecture)) {
    const actual = shapeOf(name);
    if (actual.join() !== shape.join()) {
      throw new U2SegError(
        'shape-mismatch',
        `${where}: "${name}" must be [${shape.join(', ')}], got [${actual.join(', ')}].`,
      );
    }
    parameters.set(name, { shape, data: toFloat32(named.get(name)!, `${where}: "${name}"`) });
  }
  return { architecture, parameters };
}

/** Names and shapes of all parameters of an architecture, in the order of the network. */
export function parameterShapes(architecture: VitArchitecture): Map<string, readonly number[]> {
  const { dim, depth, hidden, patchSize, registers, positionGrid, family } = architecture;
  const shapes = new Map<string, readonly number[]>([
    ['cls_token', [1, 1, dim]],
    ['pos_embed', [1, 1 + positionGrid ** 2, dim]],
    ['patch_embed.proj.weight', [dim, 3, patchSize, patchSize]],
    ['patch_embed.proj.bias', [dim]],
  ]);
  if (registers > 0) shapes.set('register_tokens', [1, registers, dim]);
  for (let i = 0; i < depth; i += 1) {
    const block: readonly (readonly [string, readonly number[]])[] = [
      ['norm1.weight', [dim]],
      ['norm1.bias', [dim]],
      ['attn.qkv.weight', [3 * dim, dim]],
      ['attn.qkv.bias', [3 * dim]],
      ['attn.proj.weight', [dim, dim]],
      ['attn.proj.bias', [dim]],
      ...(family === 'dinov2' ? ([['ls1.gamma', [dim]]] as const) : []),
      ['norm2.weight', [dim]],
      ['norm2.bias', [dim]],
      ['mlp.fc1.weight', [hidden, dim]],
      ['mlp.fc1.bias', [hidden]],
      ['mlp.fc2.weight', [dim, hidden]],
      ['mlp.fc2.bias', [dim]],
      ...(family === 'dinov2' ? ([['ls2.gamma', [dim]]] as const) : []),
    ];
    for (const [name, shape] of block) shapes.set(`blocks.${i}.${name}`, shape);
  }
  shapes.set('norm.weight', [dim]);
  shapes.set('norm.bias', [dim]);
  return shapes;
}
