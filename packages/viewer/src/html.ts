/** HTML that escapes by itself: every value put into a template is text unless it is `Html` already. */

/** A piece of finished HTML. Only this module makes one from a string. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toString(): string {
    return this.source;
  }
}

/** What may stand in a template; `undefined`, `null` and `false` print nothing, lists are joined without separator. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

/**
 * Joins a template; line breaks in it lose the indentation after them. Strings are escaped for text and for quoted attributes alike; attributes must be in quotes.
 *
 * @example markup`<td title="${'a "b"'}">${1}</td>`.source // '<td title="a &quot;b&quot;">1</td>'
 */
export function markup(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const fixed = withoutIndentation(parts);
  let out = fixed[0]!;
  for (let i = 0; i < values.length; i += 1) out += printed(values[i]) + fixed[i + 1]!;
  return new Html(out);
}

const fixedParts = new WeakMap<TemplateStringsArray, readonly string[]>();

/** The template's own text without the indentation of the source file, which would be a fifth of the page. */
function withoutIndentation(parts: TemplateStringsArray): readonly string[] {
  let fixed = fixedParts.get(parts);
  if (fixed === undefined) {
    fixed = parts.map((part) => part.replace(/\n\s*/g, '\n'));
    fixedParts.set(parts, fixed);
  }
  return fixed;
}

/** Marks a string as HTML. For constants and for what this package made itself, never for what came from outside. */
export function trusted(source: string): Html {
  return new Html(source);
}

function printed(value: HtmlValue): string {
  if (value instanceof Html) return value.source;
  if (value === undefined || value === null || value === false) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeHtml(value);
  return value.map(printed).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Escapes text for element content and quoted attributes. Line breaks and tabs stay; what HTML cannot hold (other control
 * characters, lone surrogates, non-characters) is shown as U+FFFD.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[&<>"']/g, (character) => entities[character]!)
    .replace(unprintable, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'));
}

const unprintable = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu;

/** A name on one line: line breaks shown as arrows, tabs as spaces, cut after `maxLength` characters. */
export function oneLine(text: string, maxLength: number): string {
  const line = text.replace(/\r\n?|[\n\u2028\u2029]/g, '\u21b5').replace(/\t/g, ' ');
  // by code points, so that no emoji is cut in half; the slice first keeps a huge text from becoming a huge list
  const characters = Array.from(line.slice(0, 2 * maxLength + 2));
  return characters.length <= maxLength ? line : `${characters.slice(0, maxLength).join('')}\u2026`;
}

/** JSON for a data block: no character in it can end the script element or break a line of JavaScript. */
export function jsonForScript(value: unknown): Html {
  const json = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return new Html(json.replace(unprintable, '\ufffd'));
}
