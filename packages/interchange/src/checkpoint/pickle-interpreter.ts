import { containerCost, type MemoryBudget } from './memory-budget.ts';
import { buildState, callGlobal, foreign, GlobalRef, type CallContext } from './pickle-calls.ts';
import { parseInteger, PickleCursor, unescapePython, unquote } from './pickle-cursor.ts';
import {
  CheckpointDict,
  CheckpointSet,
  ForeignObject,
  type CheckpointValue,
  type StoredTensor,
} from './pickle-values.ts';

export interface UnpickleOptions {
  /** Names the file and record in errors. */
  readonly where: string;
  readonly budget: MemoryBudget;
  /** Offset of the first opcode. */
  readonly at?: number;
  /** Resolves `BINPERSID`: how torch refers to storages. */
  readonly persistentLoad: (id: CheckpointValue) => CheckpointValue;
  readonly loadFromBytes: CallContext['loadFromBytes'];
}

export interface Unpickled {
  readonly value: CheckpointValue;
  /** Offset just after the pickle. */
  readonly end: number;
  /** Every tensor built, in order, not gathered yet. */
  readonly tensors: readonly StoredTensor[];
  /** Names of the classes that became markers. */
  readonly foreignClasses: ReadonlySet<string>;
}

/** What one value on the stack or in the memo costs, in bytes. */
const valueCost = 24;
const memoCost = 64;

/**
 * Runs one pickle (protocols 0 to 5) as a closed interpreter: it builds numbers, strings, bytes, lists, tuples, sets,
 * dictionaries, torch tensors and numpy arrays. Names outside the list of `pickle-globals.ts` become markers; no import,
 * attribute look-up or call is made on their behalf. Lists and tuples both come out as arrays.
 *
 * @throws U2SegError `bad-format` naming the byte that could not be read
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): Unpickled {
  const cursor = new PickleCursor(bytes, options.at ?? 0, options.where);
  const { budget } = options;
  const context: CallContext = {
    where: options.where,
    budget,
    tensors: [],
    foreignClasses: new Set(),
    loadFromBytes: options.loadFromBytes,
  };
  const stack: CheckpointValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, CheckpointValue>();

  const push = (value: CheckpointValue): void => {
    budget.take(valueCost, 'values');
    stack.push(value);
  };
  const pushContainer = (value: CheckpointValue): void => {
    budget.take(containerCost, 'containers');
    stack.push(value);
  };
  const pushText = (value: string): void => {
    budget.take(valueCost + value.length, 'text');
    stack.push(value);
  };
  const floor = (): number => marks[marks.length - 1] ?? 0;
  const pop = (): CheckpointValue => {
    if (stack.length <= floor()) cursor.fail('the stack is empty.');
    return stack.pop()!;
  };
  const top = (): CheckpointValue => {
    if (stack.length === 0) cursor.fail('the stack is empty.');
    return stack[stack.length - 1]!;
  };
  const popMark = (): CheckpointValue[] => {
    const mark = marks.pop();
    if (mark === undefined) return cursor.fail('a mark is missing.');
    const values = stack.splice(mark);
    budget.take(containerCost + 8 * values.length, 'lists');
    return values;
  };
  const remember = (index: number): void => {
    budget.take(memoCost, 'the memo');
    memo.set(index, top());
  };
  const recall = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) cursor.fail(`nothing was stored under ${index}.`);
    else push(value);
  };
  const tuple = (count: number): void => {
    const values = Array.from({ length: count }, pop).reverse();
    pushContainer(values);
  };
  const appendTo = (target: CheckpointValue, values: readonly CheckpointValue[]): void => {
    budget.take(valueCost * values.length, 'lists');
    if (Array.isArray(target)) for (const value of values) target.push(value);
    else if (target instanceof CheckpointSet) for (const value of values) target.add(value);
    else if (!(target instanceof ForeignObject)) cursor.fail('values are appended to something that is no list.');
  };
  const setIn = (target: CheckpointValue, values: readonly CheckpointValue[]): void => {
    if (values.length % 2 !== 0) cursor.fail('a dictionary gets a key without a value.');
    budget.take(memoCost * values.length, 'dictionaries');
    if (target instanceof CheckpointDict) {
      for (let i = 0; i < values.length; i += 2) target.set(values[i]!, values[i + 1]!);
    } else if (!(target instanceof ForeignObject)) cursor.fail('items are set in something that is no dictionary.');
  };
  const asList = (value: CheckpointValue): CheckpointValue[] =>
    Array.isArray(value) ? value : cursor.fail('arguments must be a tuple.');
  const global = (module: CheckpointValue, name: CheckpointValue): void => {
    if (typeof module !== 'string' || typeof name !== 'string') return cursor.fail('a name must be text.');
    budget.take(module.length + name.length, 'names');
    pushContainer(new GlobalRef(`${module}.${name}`));
  };
  const integerLine = (): number | bigint => {
    const text = cursor.line();
    return parseInteger(text) ?? cursor.fail(`"${text.slice(0, 40)}" is no integer.`);
  };
  const memoLine = (): number => {
    const index = integerLine();
    return typeof index === 'number' && index >= 0 ? index : cursor.fail('a memo index must be an integer >= 0.');
  };

  for (;;) {
    const opcode = cursor.uint8();
    switch (opcode) {
      case 0x80: {
        // PROTO
        const version = cursor.uint8();
        if (version > 5) cursor.fail(`pickle protocol ${version}; 0 to 5 are read.`);
        break;
      }
      case 0x95: // FRAME
        cursor.uint64();
        break;
      case 0x2e: {
        // STOP
        const value = pop();
        return { value, end: cursor.at, tensors: context.tensors, foreignClasses: context.foreignClasses };
      }
      case 0x28: // MARK
        budget.take(8, 'marks');
        marks.push(stack.length);
        break;
      case 0x30: // POP
        if (stack.length > floor()) stack.pop();
        else if (marks.pop() === undefined) cursor.fail('the stack is empty.');
        break;
      case 0x31: // POP_MARK
        popMark();
        break;
      case 0x32: // DUP
        push(top());
        break;

      case 0x4e: // NONE
        push(null);
        break;
      case 0x88: // NEWTRUE
        push(true);
        break;
      case 0x89: // NEWFALSE
        push(false);
        break;
      case 0x49: {
        // INT; protocol 0 writes booleans as 00 and 01
        const text = cursor.line();
        if (text === '00' || text === '01') push(text === '01');
        else push(parseInteger(text) ?? cursor.fail(`"${text.slice(0, 40)}" is no integer.`));
        break;
      }
      case 0x4a: // BININT
        push(cursor.int32());
        break;
      case 0x4b: // BININT1
        push(cursor.uint8());
        break;
      case 0x4d: // BININT2
        push(cursor.uint16());
        break;
      case 0x4c: // LONG
        push(integerLine());
        break;
      case 0x8a: // LONG1
        push(cursor.long(cursor.uint8()));
        break;
      case 0x8b: // LONG4
        push(cursor.long(cursor.uint32()));
        break;
      case 0x46: {
        // FLOAT
        const text = cursor.line().trim();
        const value = floatNames.get(text) ?? Number(text);
        if (text === '' || (Number.isNaN(value) && text !== 'nan')) cursor.fail(`"${text.slice(0, 40)}" is no number.`);
        push(value);
        break;
      }
      case 0x47: // BINFLOAT
        push(cursor.float64BigEndian());
        break;

      case 0x53: {
        // STRING
        const text = unquote(cursor.line());
        pushText(text ?? cursor.fail('a quoted string has no quotes.'));
        break;
      }
      case 0x54: // BINSTRING
        pushText(cursor.latin1(cursor.uint32()));
        break;
      case 0x55: // SHORT_BINSTRING
        pushText(cursor.latin1(cursor.uint8()));
        break;
      case 0x56: // UNICODE
        pushText(unescapePython(cursor.line()));
        break;
      case 0x58: // BINUNICODE
        pushText(cursor.utf8(cursor.uint32()));
        break;
      case 0x8c: // SHORT_BINUNICODE
        pushText(cursor.utf8(cursor.uint8()));
        break;
      case 0x8d: // BINUNICODE8
        pushText(cursor.utf8(cursor.uint64()));
        break;
      case 0x42: // BINBYTES
        pushContainer(cursor.take(cursor.uint32()));
        break;
      case 0x43: // SHORT_BINBYTES
        pushContainer(cursor.take(cursor.uint8()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        pushContainer(cursor.take(cursor.uint64()));
        break;

      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        pushContainer([]);
        break;
      case 0x7d: // EMPTY_DICT
        pushContainer(new CheckpointDict());
        break;
      case 0x8f: // EMPTY_SET
        pushContainer(new CheckpointSet());
        break;
      case 0x74: // TUPLE
      case 0x6c: // LIST
        push(popMark());
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        tuple(opcode - 0x84);
        break;
      case 0x64: {
        // DICT
        const values = popMark();
        const dict = new CheckpointDict();
        setIn(dict, values);
        pushContainer(dict);
        break;
      }
      case 0x91: // FROZENSET
        pushContainer(new CheckpointSet(popMark()));
        break;
      case 0x61: {
        // APPEND
        const value = pop();
        appendTo(top(), [value]);
        break;
      }
      case 0x65: // APPENDS
      case 0x90: {
        // ADDITEMS
        const values = popMark();
        appendTo(top(), values);
        break;
      }
      case 0x73: {
        // SETITEM
        const value = pop();
        const key = pop();
        setIn(top(), [key, value]);
        break;
      }
      case 0x75: {
        // SETITEMS
        const values = popMark();
        setIn(top(), values);
        break;
      }

      case 0x70: // PUT
        remember(memoLine());
        break;
      case 0x71: // BINPUT
        remember(cursor.uint8());
        break;
      case 0x72: // LONG_BINPUT
        remember(cursor.uint32());
        break;
      case 0x94: // MEMOIZE
        remember(memo.size);
        break;
      case 0x67: // GET
        recall(memoLine());
        break;
      case 0x68: // BINGET
        recall(cursor.uint8());
        break;
      case 0x6a: // LONG_BINGET
        recall(cursor.uint32());
        break;

      case 0x63: {
        // GLOBAL
        const module = cursor.line();
        global(module, cursor.line());
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        global(pop(), name);
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = asList(pop());
        push(callGlobal(context, pop(), args));
        break;
      }
      case 0x92: {
        // NEWOBJ_EX
        pop();
        const args = asList(pop());
        push(callGlobal(context, pop(), args));
        break;
      }
      case 0x69: {
        // INST
        const module = cursor.line();
        const callable = new GlobalRef(`${module}.${cursor.line()}`);
        push(callGlobal(context, callable, popMark()));
        break;
      }
      case 0x6f: {
        // OBJ
        const [callable, ...args] = popMark();
        push(callGlobal(context, callable ?? cursor.fail('an object without a class.'), args));
        break;
      }
      case 0x62: {
        // BUILD
        const state = pop();
        buildState(context, top(), state);
        break;
      }
      case 0x51: // BINPERSID
        push(options.persistentLoad(pop()));
        break;
      case 0x50: // PERSID
        push(options.persistentLoad(cursor.line()));
        break;
      case 0x82: // EXT1: an entry of a registry that lives in another process
      case 0x83: // EXT2
      case 0x84: {
        // EXT4
        const code = opcode === 0x82 ? cursor.uint8() : opcode === 0x83 ? cursor.uint16() : cursor.int32();
        push(foreign(context, new ForeignObject(`copyreg extension ${code}`)));
        break;
      }
      default:
        cursor.fail(`0x${opcode.toString(16)} is no pickle opcode that is read here.`);
    }
  }
}

const floatNames = new Map<string, number>([
  ['inf', Infinity],
  ['-inf', -Infinity],
  ['nan', NaN],
]);
