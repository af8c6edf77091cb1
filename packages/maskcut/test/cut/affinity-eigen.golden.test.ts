import { hasEdge, type AffinityGraph, secondEigenvector } from '@u2seg/maskcut';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import type { MaskCutCase } from './golden-case.ts';
import { featuresOf, graphOfCut, goldenCases } from './golden-case.ts';

const folder = golden('maskcut');

describe.skipIf(folder === undefined)('golden maskcut: graph and eigenvector', () => {
  for (const name of folder === undefined ? [] : goldenCases(folder)) {
    it(`${name}: degrees, eigenvalue and eigenvector of every cut`, () => {
      const spec = folder!.json<MaskCutCase>(`${name}.json`);
      const tensors = folder!.tensors(`${name}.safetensors`);
      const features = featuresOf(folder!, name, spec);
      for (const cut of spec.cuts) {
        const graph = graphOfCut(features, spec, cut.cut);
        const degree = tensors.get(`cut${cut.cut}_degree_f64`)!.data as Float64Array;
        const near = cut['pairs_within_1e-6_of_tau'];
        const result = secondEigenvector(graph);
        expect(result.degrees).toBeAllClose(degree, { atol: near > 0 ? near : 1e-9 });
        expect(result.converged).toBe(true);
        expect(Math.abs(result.value - cut.lambda2)).toBeLessThan(near > 0 ? 1e-6 : 1e-9);
        if (cut.relative_gap_3_2 <= 1e-3) continue;
        const vector = tensors.get(`cut${cut.cut}_eigvec_f64`)!.data as Float64Array;
        expect(result.vector).toBeAllClose(vector, { ofMax: near > 0 ? 2e-3 : 1e-7 });
      }
    });

    it(`${name}: edges of the first cut, where they are stored`, () => {
      const spec = folder!.json<MaskCutCase>(`${name}.json`);
      const stored = folder!.tensors(`${name}.safetensors`).get('cut0_affinity_packedbits_u8');
      if (stored === undefined) return;
      const graph: AffinityGraph = graphOfCut(featuresOf(folder!, name, spec), spec, 0);
      const bytes = stored.shape[1]!;
      let differ = 0;
      for (let i = 0; i < graph.size; i += 1) {
        for (let j = 0; j < graph.size; j += 1) {
          const bit = (stored.data as Uint8Array)[i * bytes + (j >> 3)]! & (0x80 >> (j & 7));
          if (Boolean(bit) !== hasEdge(graph, i, j)) differ += 1;
        }
      }
      expect(differ).toBeLessThanOrEqual(2 * spec.cuts[0]!['pairs_within_1e-6_of_tau']);
    });
  }
});
