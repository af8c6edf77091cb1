import {
  createOnnxSession,
  parameterShapes,
  positionTokens,
  readVit,
  vitGraph,
  type VitArchitecture,
  type VitWeights,
} from '@u2seg/backbone';
import type { NamedTensor } from '@u2seg/interchange';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Case {
  readonly registers: number;
  readonly gridH: number;
  readonly gridW: number;
  readonly positions: readonly number[];
  readonly cls: readonly number[];
  readonly lastToken: readonly number[];
  readonly lastKey: readonly number[];
}

type Sizes = Pick<VitArchitecture, 'dim' | 'depth' | 'heads' | 'patchSize' | 'positionGrid' | 'hidden'>;

const { cases, ...sizes } = JSON.parse(
  readFileSync(new URL('golden/dinov2.json', import.meta.url), 'utf8'),
) as Sizes & { readonly cases: readonly Case[] };

/** The formula of tools/dinov2-golden.py: values in [-0.5, 0.5) from a hash of their index. */
function formula(seed: number, count: number): Float32Array {
  const start = Math.imul(Math.imul(seed + 1, 40503), 65537);
  return Float32Array.from({ length: count }, (_, i) => {
    const mixed = (Math.imul(i, 2654435761) + start) >>> 0;
    return (Math.imul(mixed ^ (mixed >>> 15), 2246822519) >>> 8) / 2 ** 24 - 0.5;
  });
}

function checkpoint(registers: number): NamedTensor[] {
  const shapes = parameterShapes({ ...sizes, family: 'dinov2', registers });
  return [...shapes].map(([name, shape], p) => {
    const data = formula(
      p,
      shape.reduce((product, size) => product * size, 1),
    );
    return { name, dtype: 'float32', shape, data };
  });
}

const tolerance = { ofMax: 1e-5 };

describe('DINOv2 against PyTorch (golden of our own)', () => {
  it.each(cases)('$registers registers, grid $gridH x $gridW', async ({ registers, gridH, gridW, ...expected }) => {
    const weights: VitWeights = readVit(checkpoint(registers), { heads: sizes.heads });
    expect(weights.architecture).toMatchObject({ family: 'dinov2', registers, depth: sizes.depth });
    const positions = positionTokens(weights, gridH, gridW);
    const patches = positions.subarray((1 + registers) * sizes.dim);
    expect(patches).toBeAllClose(expected.positions.slice(sizes.dim), tolerance);

    const height = gridH * sizes.patchSize;
    const width = gridW * sizes.patchSize;
    const pixels = formula(1000, 3 * height * width).map((value) => 4 * value);
    const session = await createOnnxSession(vitGraph(weights, { outputs: ['cls', 'tokens', 'key'] }));
    const results = await session.run({
      pixels: { data: pixels, shape: [1, 3, height, width], type: 'float32' },
      positions: { data: positions, shape: [1, 1 + registers + gridH * gridW, sizes.dim], type: 'float32' },
    });
    await session.dispose();
    expect(results['cls']!.data as Float32Array).toBeAllClose(expected.cls, tolerance);
    expect((results['tokens']!.data as Float32Array).slice(-sizes.dim)).toBeAllClose(expected.lastToken, tolerance);
    expect((results['key']!.data as Float32Array).slice(-sizes.dim)).toBeAllClose(expected.lastKey, tolerance);
  });
});
