import { assignHungarian } from '@u2seg/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Best sum over every one-to-one assignment of the shorter side, by trying all. */
function bruteForce(values: readonly number[], rows: number, columns: number, maximize: boolean): number {
  const pick = (row: number, used: number, skipsLeft: number): number => {
    if (row === rows) return 0;
    let best = skipsLeft > 0 ? pick(row + 1, used, skipsLeft - 1) : maximize ? -Infinity : Infinity;
    for (let c = 0; c < columns; c += 1) {
      if ((used & (1 << c)) !== 0) continue;
      const sum = values[row * columns + c]! + pick(row + 1, used | (1 << c), skipsLeft);
      if (maximize ? sum > best : sum < best) best = sum;
    }
    return best;
  };
  return pick(0, 0, Math.max(0, rows - columns));
}

const matrix = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain(([rows, columns]) =>
  fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    // few distinct values, so that ties are common
    values: fc.array(fc.integer({ min: -4, max: 9 }), { minLength: rows * columns, maxLength: rows * columns }),
    maximize: fc.boolean(),
  }),
);

describe('assignHungarian', () => {
  it('solves an example worked by hand', () => {
    // 1 + 2 + 2: row 0 to column 1, row 1 to column 0, row 2 to column 2
    const { columnOfRow, total } = assignHungarian([4, 1, 3, 2, 0, 5, 3, 2, 2], 3, 3);
    expect([...columnOfRow]).toEqual([1, 0, 2]);
    expect(total).toBe(5);
  });

  it('is as good as trying everything, for up to six rows and columns', () => {
    fc.assert(
      fc.property(matrix, ({ rows, columns, values, maximize }) => {
        const { columnOfRow, total } = assignHungarian(values, rows, columns, { maximize });
        expect(total).toBe(bruteForce(values, rows, columns, maximize));
        const used = [...columnOfRow].filter((c) => c >= 0);
        expect(new Set(used).size).toBe(Math.min(rows, columns));
      }),
    );
  });

  it('takes an empty matrix and refuses NaN', () => {
    expect(assignHungarian([], 0, 0)).toEqual({ columnOfRow: new Int32Array(0), total: 0 });
    expect([...assignHungarian([], 2, 0).columnOfRow]).toEqual([-1, -1]);
    expect(() => assignHungarian([1, Number.NaN], 1, 2)).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: assignHungarian: values[0, 1] must be finite, got NaN.]`,
    );
  });
});
