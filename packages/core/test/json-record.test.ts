import { describe, expect, it } from 'vitest';
import { U2SegError } from '../src/index.ts';
import {
  arrayAt,
  badRecord,
  entryAt,
  finiteAt,
  integerAt,
  isJsonObject,
  objectAt,
  parseJson,
  textAt,
} from '../src/internal.ts';

const where = 'a.json: images[3] (id 7)';

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(U2SegError);
    expect((error as U2SegError).code).toBe('bad-format');
    return (error as Error).message;
  }
  return 'no complaint';
}

describe('records of JSON', () => {
  it('gives what fits', () => {
    const record = { list: [1], number: -0.5, whole: 3, text: 'a', of: 5 };
    expect(objectAt(where, record)).toBe(record);
    expect(arrayAt(where, record, 'list')).toEqual([1]);
    expect(finiteAt(where, record, 'number')).toBe(-0.5);
    expect(integerAt(where, record, 'whole', 3)).toBe(3);
    expect(textAt(where, record, 'text')).toBe('a');
    expect(entryAt(where, record, 'of', new Map([[5, 'five']]), 'images')).toBe('five');
    expect([{}, [], null, 'a'].map(isJsonObject)).toEqual([true, false, false, false]);
  });

  it('says where, what was wanted and what came', () => {
    expect(refusal(() => objectAt(where, [1]))).toBe(`${where} must be an object, got [1].`);
    expect(refusal(() => arrayAt(where, {}, 'list'))).toBe(`${where}: list must be a list, got nothing.`);
    expect(refusal(() => finiteAt(where, { a: Number.NaN }, 'a'))).toBe(
      `${where}: a must be a finite number, got NaN.`,
    );
    expect(refusal(() => finiteAt(where, { a: -1 }, 'a', 0))).toBe(
      `${where}: a must be a finite number of at least 0, got -1.`,
    );
    for (const [value, shown] of [
      [1.5, '1.5'],
      [2 ** 53, '9007199254740992'],
      ['1', '"1"'],
      [null, 'null'],
      [-1, '-1'],
    ] as const) {
      expect(refusal(() => integerAt(where, { a: value }, 'a'))).toBe(
        `${where}: a must be a whole number of at least 0, got ${shown}.`,
      );
    }
    expect(refusal(() => integerAt(where, { a: 0.5 }, 'a', -Infinity))).toBe(
      `${where}: a must be a whole number, got 0.5.`,
    );
    expect(refusal(() => textAt(where, { a: '' }, 'a'))).toBe(`${where}: a must be a text, got "".`);
    expect(refusal(() => entryAt(where, { a: '5' }, 'a', new Map([[5, 0]]), 'images'))).toBe(
      `${where}: a must be one of images, got "5".`,
    );
  });

  it('cuts what came at 80 characters', () => {
    const shown = (value: unknown): string =>
      badRecord('f', 'a', 'b', value).message.slice('f: a must be b, got '.length);
    expect(shown('x'.repeat(78))).toBe(`"${'x'.repeat(78)}".`);
    expect(shown('x'.repeat(79))).toBe(`"${'x'.repeat(76)}....`);
  });
});

describe('parseJson', () => {
  it('reads text and bytes', () => {
    expect(parseJson('a.json', '{"a": [1]}')).toEqual({ a: [1] });
    expect(parseJson('a.json', new TextEncoder().encode('..."ü"').subarray(3))).toBe('ü');
  });

  it('finds the NaN that Python wrote, and else says what JSON.parse says, without a position', () => {
    expect(refusal(() => parseJson('a.json', '{"images": [{}, {"area": -Infinity}]}'))).toBe(
      'a.json: images[1]: area must be a finite number, got -Infinity, which Python writes and JSON does not have.',
    );
    expect(refusal(() => parseJson('a.json', '["NaN", x]'))).toMatch(/^a\.json: is not valid JSON: [^.]*\.$/u);
    expect(refusal(() => parseJson('a.json', ''))).toMatch(/^a\.json: is not valid JSON: /u);
  });
});
