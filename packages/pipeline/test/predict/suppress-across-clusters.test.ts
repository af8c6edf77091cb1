import { encodeMask, rleArea, rleBbox, type Segment } from '@u2seg/core';
import { expect, it } from 'vitest';
import { suppressAcrossClusters } from '../../src/predict/suppress-across-clusters.ts';

function segment(values: readonly number[], clusterId: number, score: number): Segment {
  const mask = encodeMask({ data: Uint8Array.from(values), height: 1, width: values.length });
  return { mask, bboxXywh: rleBbox(mask), area: rleArea(mask), score, clusterId };
}

it('keeps the surer of two instances that are one, and both where they only touch or the limit is off', () => {
  const a = segment([1, 1, 1, 1, 0, 0], 3, 0.9);
  const again = segment([1, 1, 1, 0, 0, 0], 5, 0.8);
  const beside = segment([0, 0, 0, 1, 1, 1], 5, 0.7);
  expect(suppressAcrossClusters([a, again, beside], 0.7)).toEqual([a, beside]);
  expect(suppressAcrossClusters([a, again, beside], 0.75)).toEqual([a, again, beside]);
  expect(suppressAcrossClusters([a, again, beside], 1)).toEqual([a, again, beside]);
  expect(suppressAcrossClusters([], 0.7)).toEqual([]);
});
