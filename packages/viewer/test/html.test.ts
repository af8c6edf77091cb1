import fc from 'fast-check';
import { type DefaultTreeAdapterTypes, parseFragment, type ParserError } from 'parse5';
import { describe, expect, it } from 'vitest';
import { escapeHtml, jsonForScript, markup, oneLine, trusted } from '../src/html.ts';

type Node = DefaultTreeAdapterTypes.ChildNode;

function parsed(source: string): { nodes: readonly Node[]; errors: readonly string[] } {
  const errors: ParserError[] = [];
  const { childNodes } = parseFragment(source, { onParseError: (error) => errors.push(error) });
  return { nodes: childNodes, errors: errors.map(({ code }) => code) };
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary-ascii' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
);

describe('markup', () => {
  it('escapes strings, joins lists, prints nothing for absent values and keeps what is markup already', () => {
    expect(markup`<i title="${'"<&\'>'}">${[1, markup`<b>${'<'}</b>`]}${undefined}${null}${false}</i>`.source).toBe(
      '<i title="&quot;&lt;&amp;&#39;&gt;">1<b>&lt;</b></i>',
    );
    expect(markup`${trusted('<hr>')}`.source).toBe('<hr>');
  });

  it('drops the indentation of the source file, not that of values', () => {
    expect(
      markup`<p>
        ${'a\n  b'}
      </p>`.source,
    ).toBe('<p>\na\n  b\n</p>');
  });
});

describe('escapeHtml', () => {
  it('puts any text into one text node and one attribute without a parse error', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { nodes, errors } = parsed(`<p title="${escapeHtml(text)}">x${escapeHtml(text)}</p>`);
        expect(errors).toEqual([]);
        expect(nodes).toHaveLength(1);
        const paragraph = nodes[0] as Node & { attrs: { value: string }[]; childNodes: { value: string }[] };
        expect(paragraph.childNodes).toHaveLength(1);
        expect(paragraph.childNodes[0]!.value).toBe(`x${paragraph.attrs[0]!.value}`);
      }),
    );
  });

  it('leaves emoji, letters and line breaks alone, and shows what HTML cannot hold', () => {
    expect(escapeHtml('Zoë \ud83d\ude00\r\n\tok')).toBe('Zoë \ud83d\ude00\n\tok');
    expect(escapeHtml('\u0000\u001b\u007f\u0085\ud800\ufffe')).toBe('\ufffd'.repeat(6));
  });
});

describe('oneLine', () => {
  it('shows line breaks and cuts between characters', () => {
    expect(oneLine('a\r\nb\nc\td', 20)).toBe('a\u21b5b\u21b5c d');
    expect(oneLine('\ud83d\ude00'.repeat(4), 3)).toBe(`${'\ud83d\ude00'.repeat(3)}\u2026`);
    expect(oneLine('abc', 3)).toBe('abc');
    expect(oneLine('', 3)).toBe('');
  });
});

describe('jsonForScript', () => {
  it('survives the trip through a script element', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = jsonForScript({ text }).source;
        expect(json).not.toMatch(/[<>&\u2028\u2029]/);
        const { nodes, errors } = parsed(`<script type="application/json">${json}</script>`);
        expect(errors).toEqual([]);
        const script = nodes[0] as unknown as { childNodes: { value: string }[] };
        expect(typeof JSON.parse(script.childNodes[0]!.value).text).toBe('string');
      }),
    );
    expect(JSON.parse(jsonForScript('</script><!--').source)).toBe('</script><!--');
  });
});
