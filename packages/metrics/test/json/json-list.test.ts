import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJsonList } from '../../src/json/json-list.ts';

/** The document as `JSON.parse` has it, put together from the pieces. */
function reassembled(text: string, field: string | undefined, bytesAtOnce: number): unknown {
  const list = readJsonList('f.json', text, field, { bytesAtOnce });
  const elements: unknown[] = [];
  list.forEach((value, index) => {
    expect(index).toBe(elements.length);
    elements.push(value);
  });
  expect(elements).toHaveLength(list.length);
  if (field === undefined) return Array.isArray(list.root) ? elements : list.root;
  const root = list.root as Record<string, unknown>;
  return Array.isArray(root[field]) ? { ...root, [field]: elements } : root;
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '[', ']', '{', '}', ',', ':', 'é', '💧', ' ') });
const element = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  text,
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })),
);
const indent = fc.constantFrom(0, 1, '\t', '\r\n ');
/** An object with the list somewhere among other fields. */
const document = fc
  .record({ before: fc.dictionary(text, element, { maxKeys: 3 }), list: fc.array(element), after: element, indent })
  .map(({ before, list, after, indent }) => JSON.stringify({ ...before, list, after }, null, indent));

describe('readJsonList', () => {
  it('gives what JSON.parse gives, however it is cut', () => {
    fc.assert(
      fc.property(document, fc.integer({ min: 0, max: 60 }), (source, bytesAtOnce) => {
        expect(reassembled(source, 'list', bytesAtOnce)).toEqual(JSON.parse(source));
        expect(reassembled(source, 'after', bytesAtOnce)).toEqual(JSON.parse(source));
      }),
    );
    fc.assert(
      fc.property(fc.array(element), indent, fc.integer({ min: 0, max: 60 }), (list, indent, bytesAtOnce) => {
        const source = JSON.stringify(list, null, indent);
        expect(reassembled(source, undefined, bytesAtOnce)).toEqual(JSON.parse(source));
      }),
    );
  });

  it('refuses exactly what JSON.parse refuses: cut short, or with a character changed', () => {
    const change = fc.constantFrom('', ',', '"', ']', '}', '[', '{', 'x', '\\', '1', ':');
    fc.assert(
      fc.property(document, fc.nat(), fc.boolean(), change, (source, position, cut, character) => {
        const at = position % (source.length + 1);
        // cutting may split a pair of surrogates, which bytes do not have
        const broken = Buffer.from(source.slice(0, at) + (cut ? '' : character + source.slice(at + 1))).toString();
        const expected = parsed(broken);
        if (expected === undefined) {
          expect(() => reassembled(broken, 'list', 20)).toThrow(/^f\.json: /u);
        } else expect(reassembled(broken, 'list', 20)).toEqual(expected.value);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{"list": [1, 2', /ends inside list\[1\]/u],
    ['{"list": [1, 2,', /ends inside list\[2\]/u],
    ['{"list": [1, {"a": 2}, {"a": x}]}', /list\[2\] is not valid JSON/u],
    ['{"list": [1, 2, ]}', /list\[2\] is missing: there is a comma too many/u],
    ['{"list": [1, , 2]}', /list\[1\] is missing: there is a comma too many/u],
    ['{"list": [1], "list": [2]}', /list must stand in the file once/u],
    ['{"list": [{"a": {"b": [1, NaN]}}]}', /list\[0\]: a\.b\[1\] must be a finite number, got NaN/u],
    ['{"list": [], "a": -Infinity}', /f\.json: a must be a finite number, got -Infinity/u],
    ['{"list": [}', /is not valid JSON/u],
    ['', /is not valid JSON/u],
  ])('says where it breaks: %s', (source, message) => {
    expect(() => reassembled(source, 'list', 1)).toThrow(message);
  });

  it('finds a list whose name is written with an escape, and takes none for none', () => {
    expect(readJsonList('f.json', '{"l\\u0069st": [1, 2]}', 'list').length).toBe(2);
    expect(readJsonList('f.json', '{"list": {"list": [1]}}', 'list').length).toBe(0);
    expect(readJsonList('f.json', 'null', 'list').length).toBe(0);
  });
});
