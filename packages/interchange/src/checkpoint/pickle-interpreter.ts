import type { MemoryBudget } from './memory-budget.ts';
import { buildState, callGlobal, foreign, GlobalRef, type CallContext } from './pickle-calls.ts';
import { PickleCursor } from './pickle-cursor.ts';
import { integerOf, pushBytes, pushNumber, pushText } from './pickle-scalars.ts';
import { memoCost, PickleStack, valueCost } from './pickle-stack.ts';
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

/**
 * Runs one pickle (protocols 0 to 5) as a closed interpreter: it builds numbers, strings, bytes, lists, tuples, sets,
 * dictionaries, torch tensors and numpy arrays. Names outside the list of `pickle-globals.ts` become markers; no import,
 * attribute look-up or call is made on their behalf. Lists and tuples both come out as arrays.
 *
 * @throws U2SegError `bad-format` naming the byte that could not be read
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): Unpickled {
  return new PickleMachine(bytes, options).run();
}

const stopOpcode = 0x2e;

/**
 * Reads opcodes until `STOP`. One method a group of opcodes, which says whether the opcode was one of its group; those that
 * push what stands in the pickle itself are in `pickle-scalars.ts`.
 */
class PickleMachine {
  readonly #cursor: PickleCursor;
  readonly #stack: PickleStack;
  readonly #budget: MemoryBudget;
  readonly #context: CallContext;
  readonly #persistentLoad: UnpickleOptions['persistentLoad'];

  constructor(bytes: Uint8Array, options: UnpickleOptions) {
    const { where, budget, persistentLoad, loadFromBytes } = options;
    this.#cursor = new PickleCursor(bytes, options.at ?? 0, where);
    this.#stack = new PickleStack(this.#cursor, budget);
    this.#budget = budget;
    this.#context = { where, budget, tensors: [], foreignClasses: new Set(), loadFromBytes };
    this.#persistentLoad = persistentLoad;
  }

  run(): Unpickled {
    const cursor = this.#cursor;
    for (let opcode = cursor.uint8(); opcode !== stopOpcode; opcode = cursor.uint8()) {
      const known =
        this.#storeOrRecall(opcode) ||
        pushNumber(opcode, cursor, this.#stack) ||
        pushText(opcode, cursor, this.#stack) ||
        pushBytes(opcode, cursor, this.#stack) ||
        this.#openContainer(opcode) ||
        this.#fillContainer(opcode) ||
        this.#moveStack(opcode) ||
        this.#nameGlobal(opcode) ||
        this.#buildObject(opcode) ||
        this.#referOutside(opcode) ||
        this.#readFrame(opcode);
      if (!known) cursor.fail(`0x${opcode.toString(16)} is no pickle opcode that is read here.`);
    }
    const { tensors, foreignClasses } = this.#context;
    return { value: this.#stack.pop(), end: cursor.at, tensors, foreignClasses };
  }

  #readFrame(opcode: number): boolean {
    switch (opcode) {
      case 0x80: {
        // PROTO
        const version = this.#cursor.uint8();
        if (version > 5) this.#cursor.fail(`pickle protocol ${version}; 0 to 5 are read.`);
        return true;
      }
      case 0x95: // FRAME
        this.#cursor.uint64();
        return true;
      default:
        return false;
    }
  }

  #moveStack(opcode: number): boolean {
    const stack = this.#stack;
    switch (opcode) {
      case 0x28: // MARK
        stack.mark();
        return true;
      case 0x30: // POP
        stack.discard();
        return true;
      case 0x31: // POP_MARK
        stack.popMark();
        return true;
      case 0x32: // DUP
        stack.push(stack.top());
        return true;
      default:
        return false;
    }
  }

  /** Tuples, lists, dictionaries and sets, empty or of what lies on the stack. */
  #openContainer(opcode: number): boolean {
    const stack = this.#stack;
    switch (opcode) {
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        stack.pushContainer([]);
        return true;
      case 0x7d: // EMPTY_DICT
        stack.pushContainer(new CheckpointDict());
        return true;
      case 0x8f: // EMPTY_SET
        stack.pushContainer(new CheckpointSet());
        return true;
      case 0x74: // TUPLE
      case 0x6c: // LIST
        stack.push(stack.popMark());
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.pushContainer(stack.popMany(opcode - 0x84));
        return true;
      case 0x64: {
        // DICT
        const dict = new CheckpointDict();
        this.#setIn(dict, stack.popMark());
        stack.pushContainer(dict);
        return true;
      }
      case 0x91: // FROZENSET
        stack.pushContainer(new CheckpointSet(stack.popMark()));
        return true;
      default:
        return false;
    }
  }

  /** Values that go into the container below them. */
  #fillContainer(opcode: number): boolean {
    const stack = this.#stack;
    switch (opcode) {
      case 0x61: {
        // APPEND
        const value = stack.pop();
        this.#appendTo(stack.top(), [value]);
        return true;
      }
      case 0x65: // APPENDS
      case 0x90: {
        // ADDITEMS
        const values = stack.popMark();
        this.#appendTo(stack.top(), values);
        return true;
      }
      case 0x73: {
        // SETITEM
        const item = stack.popMany(2);
        this.#setIn(stack.top(), item);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const values = stack.popMark();
        this.#setIn(stack.top(), values);
        return true;
      }
      default:
        return false;
    }
  }

  #storeOrRecall(opcode: number): boolean {
    const [cursor, stack] = [this.#cursor, this.#stack];
    switch (opcode) {
      case 0x70: // PUT
        stack.remember(this.#memoLine());
        return true;
      case 0x71: // BINPUT
        stack.remember(cursor.uint8());
        return true;
      case 0x72: // LONG_BINPUT
        stack.remember(cursor.uint32());
        return true;
      case 0x94: // MEMOIZE
        stack.remember();
        return true;
      case 0x67: // GET
        stack.recall(this.#memoLine());
        return true;
      case 0x68: // BINGET
        stack.recall(cursor.uint8());
        return true;
      case 0x6a: // LONG_BINGET
        stack.recall(cursor.uint32());
        return true;
      default:
        return false;
    }
  }

  /** Names of classes and functions: a marker, or an entry of the closed list. */
  #nameGlobal(opcode: number): boolean {
    const [cursor, stack] = [this.#cursor, this.#stack];
    switch (opcode) {
      case 0x63: {
        // GLOBAL
        const module = cursor.line();
        this.#pushGlobal(module, cursor.line());
        return true;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = stack.pop();
        this.#pushGlobal(stack.pop(), name);
        return true;
      }
      default:
        return false;
    }
  }

  /** Calls of names, and the state of what they gave. */
  #buildObject(opcode: number): boolean {
    const [cursor, stack, context] = [this.#cursor, this.#stack, this.#context];
    switch (opcode) {
      case 0x92: // NEWOBJ_EX; its keyword arguments are not used
        stack.pop();
        this.#callPopped();
        return true;
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        this.#callPopped();
        return true;
      case 0x69: {
        // INST
        const module = cursor.line();
        const callable = new GlobalRef(`${module}.${cursor.line()}`);
        stack.push(callGlobal(context, callable, stack.popMark()));
        return true;
      }
      case 0x6f: {
        // OBJ
        const [callable, ...args] = stack.popMark();
        stack.push(callGlobal(context, callable ?? cursor.fail('an object without a class.'), args));
        return true;
      }
      case 0x62: {
        // BUILD
        const state = stack.pop();
        buildState(context, stack.top(), state);
        return true;
      }
      default:
        return false;
    }
  }

  /** What lies outside the pickle: torch's storages, and a registry that lives in another process. */
  #referOutside(opcode: number): boolean {
    const [cursor, stack] = [this.#cursor, this.#stack];
    switch (opcode) {
      case 0x51: // BINPERSID
        stack.push(this.#persistentLoad(stack.pop()));
        return true;
      case 0x50: // PERSID
        stack.push(this.#persistentLoad(cursor.line()));
        return true;
      case 0x82: // EXT1
        this.#pushExtension(cursor.uint8());
        return true;
      case 0x83: // EXT2
        this.#pushExtension(cursor.uint16());
        return true;
      case 0x84: // EXT4
        this.#pushExtension(cursor.int32());
        return true;
      default:
        return false;
    }
  }

  #appendTo(target: CheckpointValue, values: readonly CheckpointValue[]): void {
    this.#budget.take(valueCost * values.length, 'lists');
    if (Array.isArray(target)) for (const value of values) target.push(value);
    else if (target instanceof CheckpointSet) for (const value of values) target.add(value);
    else if (!(target instanceof ForeignObject)) {
      this.#cursor.fail('values are appended to something that is no list.');
    }
  }

  #setIn(target: CheckpointValue, values: readonly CheckpointValue[]): void {
    if (values.length % 2 !== 0) this.#cursor.fail('a dictionary gets a key without a value.');
    this.#budget.take(memoCost * values.length, 'dictionaries');
    if (target instanceof CheckpointDict) {
      for (let i = 0; i < values.length; i += 2) target.set(values[i]!, values[i + 1]!);
    } else if (!(target instanceof ForeignObject)) {
      this.#cursor.fail('items are set in something that is no dictionary.');
    }
  }

  /** Calls the name below the arguments. */
  #callPopped(): void {
    const args = this.#stack.pop();
    if (!Array.isArray(args)) return this.#cursor.fail('arguments must be a tuple.');
    this.#stack.push(callGlobal(this.#context, this.#stack.pop(), args));
  }

  #pushGlobal(module: CheckpointValue, name: CheckpointValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') return this.#cursor.fail('a name must be text.');
    this.#budget.take(module.length + name.length, 'names');
    this.#stack.pushContainer(new GlobalRef(`${module}.${name}`));
  }

  #pushExtension(code: number): void {
    this.#stack.push(foreign(this.#context, new ForeignObject(`copyreg extension ${code}`)));
  }

  #memoLine(): number {
    const index = integerOf(this.#cursor.line(), this.#cursor);
    return typeof index === 'number' && index >= 0 ? index : this.#cursor.fail('a memo index must be an integer >= 0.');
  }
}
