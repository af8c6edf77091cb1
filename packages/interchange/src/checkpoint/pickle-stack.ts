import { containerCost, type MemoryBudget } from './memory-budget.ts';
import type { PickleCursor } from './pickle-cursor.ts';
import type { CheckpointValue } from './pickle-values.ts';

/** What one value on the stack or in the memo costs, in bytes. */
export const valueCost = 24;
export const memoCost = 64;

/** Stack, marks and memo of one pickle. What is put on them is booked first; what is missing fails at the cursor's byte. */
export class PickleStack {
  readonly #cursor: PickleCursor;
  readonly #budget: MemoryBudget;
  readonly #values: CheckpointValue[] = [];
  /** Heights of the stack; values below the last one cannot be popped. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, CheckpointValue>();

  constructor(cursor: PickleCursor, budget: MemoryBudget) {
    this.#cursor = cursor;
    this.#budget = budget;
  }

  push(value: CheckpointValue): void {
    this.#budget.take(valueCost, 'values');
    this.#values.push(value);
  }

  pushContainer(value: CheckpointValue): void {
    this.#budget.take(containerCost, 'containers');
    this.#values.push(value);
  }

  pushText(value: string): void {
    this.#budget.take(valueCost + value.length, 'text');
    this.#values.push(value);
  }

  pop(): CheckpointValue {
    if (this.#values.length <= this.#floor()) this.#cursor.fail('the stack is empty.');
    return this.#values.pop()!;
  }

  /** The last `count` values, in the order they were pushed. */
  popMany(count: number): CheckpointValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  top(): CheckpointValue {
    if (this.#values.length === 0) this.#cursor.fail('the stack is empty.');
    return this.#values[this.#values.length - 1]!;
  }

  mark(): void {
    this.#budget.take(8, 'marks');
    this.#marks.push(this.#values.length);
  }

  /** The last mark and the values above it, which are returned. */
  popMark(): CheckpointValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) return this.#cursor.fail('a mark is missing.');
    const values = this.#values.splice(mark);
    this.#budget.take(containerCost + 8 * values.length, 'lists');
    return values;
  }

  /** Takes away the top value, or the mark where it lies on top. */
  discard(): void {
    if (this.#values.length > this.#floor()) this.#values.pop();
    else if (this.#marks.pop() === undefined) this.#cursor.fail('the stack is empty.');
  }

  /** Stores the top value, by default under the next number. */
  remember(index: number = this.#memo.size): void {
    this.#budget.take(memoCost, 'the memo');
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.#cursor.fail(`nothing was stored under ${index}.`);
    else this.push(value);
  }

  #floor(): number {
    return this.#marks[this.#marks.length - 1] ?? 0;
  }
}
