// asc: --importMemory --sharedMemory --maximumMemory 65536 --enable threads
// Dense CRF kernels (Kraehenbuehl and Koltun 2011) for one thread, or two over one shared memory, of which the second is
// handed its share of the work.
import { buildParts, flagAxes, pairAxes } from './crf-build';
import { fieldOfLabels } from './crf-labels';
import { fieldOfOdds, filterPlane } from './crf-odds';
import { labelledWord, word } from './crf-plan';
import { awaitChange, commandAt, doneAt } from './crf-threads';
import { wake } from './env';

export { filled, fromStrips, keepLarger, normalizer, scaled, toPlanes, toRows, toStrips } from './crf-elements';
export { numberPoints } from './crf-points';
export { scratchBytes } from './crf-simplex';

/** First free byte of the memory; everything above belongs to the caller. */
export function heapBase(): usize {
  return __heap_base;
}

/** Does the work `plan` describes on `threads` threads, 1 or 2; with 2 a helper must be in {@link serve}. */
export function dispatch(control: usize, work: i32, plan: usize, threads: i32): void {
  if (threads === 1) {
    perform(control, work, plan, 0, 1);
    return;
  }
  store<i32>(control + commandAt, work);
  store<i32>(control + commandAt, <i32>plan, 4);
  const command = atomic.add<i32>(control, 1) + 1;
  wake(control);
  perform(control, work, plan, 0, 2);
  while (true) {
    const done = atomic.load<i32>(control + doneAt);
    if (done === command) return;
    awaitChange(control, doneAt, done);
  }
}

/** Loop of the helper thread, which never returns. */
export function serve(control: usize): void {
  let seen = 0;
  while (true) {
    awaitChange(control, 0, seen);
    seen++;
    const work = load<i32>(control + commandAt);
    perform(control, work, <usize>load<i32>(control + commandAt, 4), 1, 2);
    atomic.store<i32>(control + doneAt, seen);
    wake(control + doneAt);
  }
}

function perform(control: usize, work: i32, plan: usize, thread: i32, threads: i32): void {
  if (work === 1) buildParts(plan, thread, threads);
  else if (work === 2) flagAxes(plan, thread, threads);
  else if (work === 3 && word(plan, labelledWord) !== 0) fieldOfLabels(control, plan, thread, threads);
  else if (work === 3) fieldOfOdds(control, plan, thread, threads);
  else if (work === 4) filterPlane(control, plan, thread, threads);
  else if (work === 5) pairAxes(plan, thread, threads);
}
