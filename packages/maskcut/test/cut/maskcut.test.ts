import { decodeMask, seededRng, type PatchFeatures, type RgbImage } from '@u2seg/core';
import {
  affinityBits,
  affinityFromEdges,
  affinityFromUpperPanels,
  hasEdge,
  maskCut,
  maskCutReference,
  proposeMasks,
  secondEigenvector,
  tokenCut,
  unitRows,
} from '@u2seg/maskcut';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Two square objects of their own direction on a common background, with a little noise. */
function scene(gridH: number, gridW: number, dim = 16, noise = 0.05): PatchFeatures {
  const data = new Float32Array(gridH * gridW * dim);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296 - 0.5;
  };
  for (let y = 0; y < gridH; y += 1) {
    for (let x = 0; x < gridW; x += 1) {
      const kind = objectAt(y, x, gridH, gridW);
      for (let k = 0; k < dim; k += 1) data[(y * gridW + x) * dim + k] = (k === kind ? 1 : 0) + noise * random();
    }
  }
  return { data, gridH, gridW, dim, patchSize: 8 };
}

/** 1: an object in the upper left, 2: a smaller one in the lower right, 0: background. */
function objectAt(y: number, x: number, gridH: number, gridW: number): number {
  if (y >= 0.15 * gridH && y < 0.55 * gridH && x >= 0.1 * gridW && x < 0.5 * gridW) return 1;
  if (y >= 0.65 * gridH && y < 0.9 * gridH && x >= 0.6 * gridW && x < 0.9 * gridW) return 2;
  return 0;
}

function photoOf(gridH: number, gridW: number, patch: number): RgbImage {
  const [height, width] = [gridH * patch, gridW * patch];
  const colors = [
    [40, 90, 40],
    [200, 40, 40],
    [40, 60, 220],
  ];
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < height * width; i += 1) {
    const kind = objectAt(Math.floor(i / width / patch), Math.floor((i % width) / patch), gridH, gridW);
    data.set(colors[kind]!, i * 3);
  }
  return { data, height, width };
}

describe('maskCut', () => {
  it('finds both objects of a clean scene, in order of how cleanly they part, and then stops by itself', () => {
    const features = scene(20, 24);
    const { cuts, stoppedBy, lastEigenvalue } = maskCut(features, { maxMasks: 10 });
    expect(cuts).toHaveLength(2);
    expect(stoppedBy).toBe('nothing-to-cut');
    expect(lastEigenvalue).toBeGreaterThan(0.85);
    const kinds = cuts.map((cut) => objectAt(Math.floor(cut.seed / 24), cut.seed % 24, 20, 24)).sort();
    expect(kinds).toEqual([1, 2]);
    for (const cut of cuts) {
      const kind = objectAt(Math.floor(cut.seed / 24), cut.seed % 24, 20, 24);
      for (let i = 0; i < 480; i += 1) {
        expect(cut.mask[i]).toBe(objectAt(Math.floor(i / 24), i % 24, 20, 24) === kind ? 1 : 0);
      }
      expect(cut.insideAffinity).toBeGreaterThan(0.99);
      expect(cut.acrossAffinity).toBeLessThan(0.01);
      expect(cut.ncut).toBeLessThan(0.01);
      expect(cut.converged).toBe(true);
    }
  });

  it('finds nothing where all patches are equal, and on a grid of one patch', () => {
    const equal: PatchFeatures = {
      data: new Float32Array(100 * 4).fill(1),
      gridH: 10,
      gridW: 10,
      dim: 4,
      patchSize: 8,
    };
    expect(maskCut(equal)).toEqual({ cuts: [], stoppedBy: 'nothing-to-cut', lastEigenvalue: expect.closeTo(1, 9) });
    const zero = { ...equal, data: new Float32Array(400) };
    expect(maskCut(zero).cuts).toEqual([]);
    const one: PatchFeatures = { data: new Float32Array([1, 2]), gridH: 1, gridW: 1, dim: 2, patchSize: 8 };
    expect(maskCut(one)).toEqual({ cuts: [], stoppedBy: 'no-patches-left', lastEigenvalue: Number.NaN });
    expect(maskCutReference(one, { numCuts: 1 })).toHaveLength(1);
  });

  it('says where a feature is not finite', () => {
    const features = scene(4, 4);
    features.data[5 * 16 + 3] = Number.NaN;
    expect(() => maskCut(features)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: maskCut: features.data must be finite, got NaN in patch 5, dimension 3.]`,
    );
  });

  it('takes edges computed elsewhere', () => {
    const features = scene(12, 12);
    const graph = affinityBits(features, 0.15);
    const edges = new Uint8Array(144 * 144);
    for (let i = 0; i < 144; i += 1) for (let j = 0; j < 144; j += 1) edges[i * 144 + j] = hasEdge(graph, i, j) ? 1 : 0;
    const packed = affinityFromEdges(edges, 144, 0.15);
    expect(packed.panels).toEqual(graph.panels);
    const upper = [0, 64, 128].map((firstRow) => {
      const width = 144 - firstRow;
      const count = Math.min(64, width);
      const panel = Uint8Array.from({ length: count * width }, (_, at) => {
        const [i, j] = [Math.floor(at / width), at % width];
        return edges[(firstRow + i) * 144 + firstRow + j]!;
      });
      return { firstRow, edges: panel };
    });
    expect(affinityFromUpperPanels(upper, 144, 0.15).panels).toEqual(graph.panels);
    expect(() => affinityFromUpperPanels(upper.slice(1), 144, 0.15)).toThrow('must start at row 0');
    expect(maskCut(features, { graph: packed })).toEqual(maskCut(features));
    const matmul = (rows: Float32Array, n: number, dim: number): Float32Array => {
      const gram = new Float32Array(n * n);
      for (let i = 0; i < n * n; i += 1) {
        for (let k = 0; k < dim; k += 1) gram[i]! += rows[Math.floor(i / n) * dim + k]! * rows[(i % n) * dim + k]!;
      }
      return gram;
    };
    expect(affinityBits(features, 0.15, { matmul }).panels).toEqual(graph.panels);
  });

  it('is deterministic, disjoint, and blind to the scale of the features', () => {
    const shapes = fc.record({
      gridH: fc.integer({ min: 2, max: 12 }),
      gridW: fc.integer({ min: 2, max: 12 }),
      dim: fc.integer({ min: 2, max: 12 }),
      seed: fc.integer(),
      scale: fc.constantFrom(0.25, 2, 1024),
    });
    fc.assert(
      fc.property(shapes, ({ gridH, gridW, dim, seed, scale }) => {
        let state = seed >>> 0;
        const data = Float32Array.from({ length: gridH * gridW * dim }, () => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          return state / 4294967296 - 0.4;
        });
        const features: PatchFeatures = { data, gridH, gridW, dim, patchSize: 4 };
        const options = { maxMasks: 6, maxEigenvalue: 2, minAreaRatio: 0 };
        const first = maskCut(features, options);
        expect(maskCut(features, options)).toEqual(first);
        expect(maskCut({ ...features, data: data.map((v) => v * scale) }, options)).toEqual(first);
        const covered = new Uint8Array(gridH * gridW);
        for (const cut of first.cuts) {
          expect(cut.eigenvalue).toBeGreaterThan(-1e-9);
          expect(cut.ncut).toBeGreaterThanOrEqual(cut.eigenvalue - 1e-6);
          cut.mask.forEach((flag, i) => {
            if (flag === 0) return;
            expect(covered[i]).toBe(0);
            covered[i] = 1;
          });
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('affinityBits', () => {
  it('is symmetric and equals the cosines above tau, decided in float32', () => {
    const shapes = fc.record({
      size: fc.integer({ min: 1, max: 150 }),
      dim: fc.integer({ min: 1, max: 40 }),
      tau: fc.constantFrom(-0.5, 0, 0.15, 0.2, 0.9),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(shapes, ({ size, dim, tau, seed }) => {
        let state = seed >>> 0;
        const data = Float32Array.from({ length: size * dim }, () => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          return state / 4294967296 - 0.45;
        });
        const graph = affinityBits({ data, gridH: 1, gridW: size, dim, patchSize: 1 }, tau);
        let wrong = 0;
        for (let i = 0; i < size; i += 1) {
          for (let j = 0; j < size; j += 1) {
            let dot = 0;
            let a = 0;
            let b = 0;
            for (let k = 0; k < dim; k += 1) {
              dot += data[i * dim + k]! * data[j * dim + k]!;
              a += data[i * dim + k]! ** 2;
              b += data[j * dim + k]! ** 2;
            }
            const cosine = dot / Math.sqrt(a * b);
            if (hasEdge(graph, i, j) !== hasEdge(graph, j, i)) wrong += 1;
            if (Math.abs(cosine - tau) > 1e-6 && hasEdge(graph, i, j) !== cosine > tau) wrong += 1;
          }
        }
        expect(wrong).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

describe('unitRows', () => {
  it('divides each row by its float32 norm, whatever its length, and leaves rows of zeros', () => {
    const shape = fc.record({
      size: fc.integer({ min: 1, max: 9 }),
      dim: fc.integer({ min: 1, max: 11 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shape, ({ size, dim, seed }) => {
        const rng = seededRng(seed);
        const data = Float32Array.from({ length: size * dim }, () => 4 * rng() - 2).fill(0, 0, dim);
        const unit = unitRows({ data, gridH: 1, gridW: size, dim, patchSize: 8 });
        for (let i = 0; i < size; i += 1) {
          const row = data.subarray(i * dim, (i + 1) * dim);
          const norm = Math.max(1e-12, Math.fround(Math.sqrt(row.reduce((sum, v) => sum + v * v, 0))));
          expect(unit.subarray(i * dim, (i + 1) * dim)).toBeAllClose(
            row.map((v) => v / norm),
            { rtol: 1e-7 },
          );
        }
      }),
    );
  });

  it('refuses a result of another shape', () => {
    expect(() =>
      unitRows({ data: new Float32Array(6), gridH: 1, gridW: 2, dim: 3, patchSize: 8 }, new Float32Array(5)),
    ).toThrowErrorMatchingInlineSnapshot(`[U2SegError: unitRows: out must be [6] (6 values), got 5 values.]`);
  });
});

describe('secondEigenvector', () => {
  it('matches two cliques worked by hand', () => {
    // Two groups of two joined by the floor e only: lambda = 1 - (1 - e) / (1 + e) and v = (1, 1, -1, -1) / sqrt(8 (1 + e)).
    const edges = new Uint8Array([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1]);
    const result = secondEigenvector(affinityFromEdges(edges, 4, 0.15), { floor: 0.25 });
    expect(result.value).toBeCloseTo(1 - 0.75 / 1.25, 12);
    const v = 1 / Math.sqrt(8 * 1.25);
    expect(result.vector).toBeAllClose([v, v, -v, -v], { atol: 1e-9 });
    expect(result.converged).toBe(true);
  });

  it('reports an eigenvector that was not reached', () => {
    const graph = affinityBits(scene(20, 20, 16, 0.9), 0.3);
    const result = secondEigenvector(graph, { maxIterations: 2 });
    expect(result.converged).toBe(false);
    expect(result.iterations).toBe(2);
    expect(result.vector.every(Number.isFinite)).toBe(true);
  });

  it('solves the equation it claims to solve', () => {
    const features = scene(10, 12, 8, 1.5);
    const graph = affinityBits(features, 0.15);
    const { vector, value, degrees } = secondEigenvector(graph);
    for (let i = 0; i < 120; i += 1) {
      let av = 0;
      for (let j = 0; j < 120; j += 1) av += (hasEdge(graph, i, j) ? 1 : 1e-5) * vector[j]!;
      expect(degrees[i]! * vector[i]! - av).toBeCloseTo(value * degrees[i]! * vector[i]!, 8);
    }
  });
});

describe('tokenCut', () => {
  it('finds the larger object with either affinity', () => {
    for (const affinity of ['binary', 'cosine'] as const) {
      const { mask, seed } = tokenCut(scene(16, 16), { affinity });
      const kind = objectAt(Math.floor(seed / 16), seed % 16, 16, 16);
      expect(kind).toBeGreaterThan(0);
      mask.forEach((flag, i) => expect(flag).toBe(objectAt(Math.floor(i / 16), i % 16, 16, 16) === kind ? 1 : 0));
    }
  });
});

describe('proposeMasks', () => {
  it('outlines both objects of a scene at the size of the photo, disjoint and scored', () => {
    const [gridH, gridW] = [20, 24];
    const photo = photoOf(gridH, gridW, 6);
    for (const maxCrfPixels of [1e6, 5000]) {
      const proposals = proposeMasks(photo, scene(gridH, gridW), { maxCrfPixels });
      expect(proposals).toHaveLength(2);
      const covered = new Uint8Array(photo.height * photo.width);
      for (const proposal of proposals) {
        expect(proposal.score).toBeGreaterThan(0.8);
        expect(proposal.score).toBeLessThanOrEqual(1);
        const { data } = decodeMask(proposal.mask);
        expect(data.reduce((a, b) => a + b, 0)).toBe(proposal.area);
        data.forEach((flag, i) => {
          covered[i]! += flag;
        });
      }
      expect(Math.max(...covered.subarray(0, 10_000), ...covered.subarray(10_000))).toBe(1);
      const wanted = Array.from({ length: covered.length }, (_, i) => {
        const y = Math.floor(i / photo.width / 6);
        return objectAt(y, Math.floor((i % photo.width) / 6), gridH, gridW) > 0 ? 1 : 0;
      });
      const wrong = covered.reduce((sum, flag, i) => sum + Math.abs(flag - wanted[i]!), 0);
      expect(wrong / covered.length).toBeLessThan(maxCrfPixels > 1e5 ? 1e-9 : 0.03);
    }
  });

  it('returns nothing for a photo without objects, and lets the scorer be replaced', () => {
    const photo = photoOf(10, 10, 4);
    const equal: PatchFeatures = { data: new Float32Array(400).fill(1), gridH: 10, gridW: 10, dim: 4, patchSize: 4 };
    expect(proposeMasks(photo, equal)).toEqual([]);
    const scored = proposeMasks(photoOf(20, 24, 4), scene(20, 24), {
      scorer: (details) => details.cut / 10,
      crfKernels: [],
    });
    expect(scored.map((p) => p.score)).toEqual([0, 0.1]);
  });
});
