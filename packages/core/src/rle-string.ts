import { U2SegError } from './errors.ts';
import { assertRle, type Rle } from './rle.ts';

/**
 * The compressed string of the COCO API (`counts` in its JSON files): each count, from the fourth on as the difference to
 * the count two before, in groups of five bits, lowest first, each group a character from `0` (48) to `o` (111) whose
 * sixth bit says that more follow. Without the surrounding JSON escapes.
 */
export function rleToString(rle: Rle): string {
  const { counts } = rle;
  const codes: number[] = [];
  for (let i = 0; i < counts.length; i += 1) {
    let value = i > 2 ? counts[i]! - counts[i - 2]! : counts[i]!;
    for (let more = true; more;) {
      // value may exceed 32 bits only by its sign, so the low bits come from arithmetic, not from shifts
      const low = ((value % 32) + 32) % 32;
      value = Math.floor(value / 32);
      more = (low & 16) !== 0 ? value !== -1 : value !== 0;
      codes.push((more ? low | 32 : low) + 48);
    }
  }
  let text = '';
  // String.fromCharCode spreads its arguments on the stack, so it gets them in pieces
  for (let i = 0; i < codes.length; i += 8192) text += String.fromCharCode(...codes.slice(i, i + 8192));
  return text;
}

/**
 * Run lengths from the COCO API's compressed string.
 *
 * @throws U2SegError `bad-format` if a character is outside the alphabet, the string ends inside a number, a count is
 *   negative, or the counts do not add up to `height * width`
 */
export function rleFromString(height: number, width: number, text: string): Rle {
  const counts = new Uint32Array(text.length);
  const length = decodeRleString(text, counts);
  const rle = { height, width, counts: counts.slice(0, length) };
  assertRle('rleFromString: result', rle);
  return rle;
}

/**
 * Decodes a compressed string into `out`, which must have room for `text.length` counts, and returns how many there are. Does not
 * check their sum; for readers of many masks, which check it as they go.
 *
 * @throws U2SegError `bad-format` as {@link rleFromString}
 */
export function decodeRleString(text: string, out: Uint32Array): number {
  let length = 0;
  let at = 0;
  while (at < text.length) {
    let value = 0;
    let scale = 1;
    for (let more = true; more;) {
      const code = text.charCodeAt(at) - 48;
      if (!(code >= 0 && code < 64)) throw badCharacter(text, at);
      at += 1;
      value += (code & 31) * scale;
      scale *= 32;
      more = (code & 32) !== 0;
      if (!more && (code & 16) !== 0) value -= scale;
    }
    if (length > 2) value += out[length - 2]!;
    if (!(value >= 0 && value <= 0xffffffff)) {
      throw new U2SegError('bad-format', `rleFromString: count ${length} must be in [0, 2^32), got ${value}.`);
    }
    out[length] = value;
    length += 1;
  }
  return length;
}

function badCharacter(text: string, at: number): U2SegError {
  return at >= text.length
    ? new U2SegError('bad-format', `rleFromString: the string ends inside count data (${text.length} characters).`)
    : new U2SegError(
        'bad-format',
        `rleFromString: character ${at} must be in '0'..'o', got ${JSON.stringify(text[at])}.`,
      );
}
