// asc: library
// How two threads over one shared memory wait for each other.
import { sleep, wake } from './env';

// Control block of two threads, a cache line for each word: sequence number of the last command, of the last one done,
// arrivals at the barrier, its generation. The command follows: what to do and its plan.
export const doneAt: usize = 64;
const arrivedAt: usize = 128;
const generationAt: usize = 192;
export const commandAt: usize = 256;
/** Set by the helper's caller if it trapped, so that nobody waits for it for ever. */
const failedAt: usize = 448;
/** Looks at a word before the thread goes to sleep: some tens of microseconds. */
const spins: i32 = 20_000;

/** Waits until a word of the control block is no longer `old`. */
export function awaitChange(control: usize, word: usize, old: i32): void {
  const at = control + word;
  for (let i = 0; i < spins; i++) if (atomic.load<i32>(at) !== old) return;
  while (atomic.load<i32>(at) === old) {
    sleep(at, old);
    if (atomic.load<i32>(control + failedAt) !== 0) unreachable();
  }
}

/** Waits until the other thread is here too. */
export function barrier(control: usize, threads: i32): void {
  if (threads === 1) return;
  const generation = atomic.load<i32>(control + generationAt);
  if (atomic.add<i32>(control + arrivedAt, 1) === threads - 1) {
    atomic.store<i32>(control + arrivedAt, 0);
    atomic.add<i32>(control + generationAt, 1);
    wake(control + generationAt);
  } else awaitChange(control, generationAt, generation);
}
