import { describe, expect, it } from 'vitest';
import { planIteration } from '../../src/kmeans/mover-plan.ts';

describe('planIteration', () => {
  const open = Int32Array.of(0, 3, 4, 9);

  it('sets the one far mover apart', () => {
    const drifts = Float64Array.from({ length: 64 }, (_, c) => (c === 20 ? 5 : 0.01));
    const plan = planIteration(open, Float64Array.of(1, 2, 0.5, 3), drifts);
    expect([...plan.movers]).toEqual([20]);
    expect(plan.restDrift).toBe(0.01);
    expect([...plan.compared]).toEqual([...open]);
    expect([...plan.full]).toEqual([]);
  });

  it('compares in full the points whose gap the others close', () => {
    const drifts = Float64Array.from({ length: 64 }, (_, c) => (c === 20 ? 5 : 1));
    const plan = planIteration(open, Float64Array.of(2, 0.5, NaN, 2), drifts);
    expect([...plan.compared]).toEqual([0, 9]);
    expect([...plan.full]).toEqual([3, 4]);
  });

  it('compares all in full where everything moved', () => {
    const plan = planIteration(open, Float64Array.of(1, 1, 1, 1), new Float64Array(64).fill(2));
    expect(plan.movers).toHaveLength(0);
    expect([...plan.full]).toEqual([...open]);
  });

  it('never counts on a centroid that was nowhere before, nor on one that can win no point', () => {
    const drifts = Float64Array.from({ length: 64 }, (_, c) => [NaN, Infinity][c] ?? 0);
    const plan = planIteration(open, Float64Array.of(1, 1, 1, 1), drifts);
    expect([...plan.movers]).toEqual([1]);
    expect(plan.restDrift).toBe(0);
  });
});
