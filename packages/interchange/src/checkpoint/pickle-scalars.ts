/** Opcodes that push a value which stands in the pickle itself. Each function says whether the opcode was one of its group. */
import { parseInteger, unescapePython, unquote, type PickleCursor } from './pickle-cursor.ts';
import type { PickleStack } from './pickle-stack.ts';

/** None, booleans, integers and floats. */
export function pushNumber(opcode: number, cursor: PickleCursor, stack: PickleStack): boolean {
  switch (opcode) {
    case 0x4e: // NONE
      stack.push(null);
      return true;
    case 0x88: // NEWTRUE
      stack.push(true);
      return true;
    case 0x89: // NEWFALSE
      stack.push(false);
      return true;
    case 0x49: {
      // INT; protocol 0 writes booleans as 00 and 01
      const text = cursor.line();
      stack.push(text === '00' || text === '01' ? text === '01' : integerOf(text, cursor));
      return true;
    }
    case 0x4a: // BININT
      stack.push(cursor.int32());
      return true;
    case 0x4b: // BININT1
      stack.push(cursor.uint8());
      return true;
    case 0x4d: // BININT2
      stack.push(cursor.uint16());
      return true;
    case 0x4c: // LONG
      stack.push(integerOf(cursor.line(), cursor));
      return true;
    case 0x8a: // LONG1
      stack.push(cursor.long(cursor.uint8()));
      return true;
    case 0x8b: // LONG4
      stack.push(cursor.long(cursor.uint32()));
      return true;
    case 0x46: // FLOAT
      stack.push(floatOf(cursor.line().trim(), cursor));
      return true;
    case 0x47: // BINFLOAT
      stack.push(cursor.float64BigEndian());
      return true;
    default:
      return false;
  }
}

/** Strings of Python 2 and 3, as text. */
export function pushText(opcode: number, cursor: PickleCursor, stack: PickleStack): boolean {
  switch (opcode) {
    case 0x53: // STRING
      stack.pushText(unquote(cursor.line()) ?? cursor.fail('a quoted string has no quotes.'));
      return true;
    case 0x54: // BINSTRING
      stack.pushText(cursor.latin1(cursor.uint32()));
      return true;
    case 0x55: // SHORT_BINSTRING
      stack.pushText(cursor.latin1(cursor.uint8()));
      return true;
    case 0x56: // UNICODE
      stack.pushText(unescapePython(cursor.line()));
      return true;
    case 0x58: // BINUNICODE
      stack.pushText(cursor.utf8(cursor.uint32()));
      return true;
    case 0x8c: // SHORT_BINUNICODE
      stack.pushText(cursor.utf8(cursor.uint8()));
      return true;
    case 0x8d: // BINUNICODE8
      stack.pushText(cursor.utf8(cursor.uint64()));
      return true;
    default:
      return false;
  }
}

/** Bytes and byte arrays, as views of the pickle. */
export function pushBytes(opcode: number, cursor: PickleCursor, stack: PickleStack): boolean {
  switch (opcode) {
    case 0x42: // BINBYTES
      stack.pushContainer(cursor.take(cursor.uint32()));
      return true;
    case 0x43: // SHORT_BINBYTES
      stack.pushContainer(cursor.take(cursor.uint8()));
      return true;
    case 0x8e: // BINBYTES8
    case 0x96: // BYTEARRAY8
      stack.pushContainer(cursor.take(cursor.uint64()));
      return true;
    default:
      return false;
  }
}

/** A decimal integer of protocol 0; a bigint beyond what a number holds. */
export function integerOf(text: string, cursor: PickleCursor): number | bigint {
  return parseInteger(text) ?? cursor.fail(`"${text.slice(0, 40)}" is no integer.`);
}

function floatOf(text: string, cursor: PickleCursor): number {
  const value = floatNames.get(text) ?? Number(text);
  if (text === '' || (Number.isNaN(value) && text !== 'nan')) cursor.fail(`"${text.slice(0, 40)}" is no number.`);
  return value;
}

const floatNames: ReadonlyMap<string, number> = new Map([
  ['inf', Infinity],
  ['-inf', -Infinity],
  ['nan', NaN],
]);
