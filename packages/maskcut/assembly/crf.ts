// asc: --importMemory --sharedMemory --maximumMemory 65536 --enable threads
// Dense CRF kernels (Kraehenbuehl and Koltun 2011) for one thread, or two over one shared memory: the mean field, and the
// work a helper thread is handed.
import { sigmoid, softmaxGroups, subtractEach } from './crf-elements';
import { blurAxis, slice1, slice4, splat1, splat4 } from './crf-filter';
import { axisWords, buildPart, chainAxis, remap, tableBits } from './crf-lattice';
import { sleep, wake } from './env';

export { keepLarger, normalizer, scaled, toPlanes, toRows } from './crf-elements';
export { colorFeature, mergePart, positionFeatures, scratchBytes, tableBits } from './crf-lattice';

/** First free byte of the memory; everything above belongs to the caller. */
export function heapBase(): usize {
  return __heap_base;
}

// Control block of two threads, a cache line for each word: sequence number of the last command, of the last one done,
// arrivals at the barrier, its generation. The command follows: what to do and its plan.
const doneAt: usize = 64;
const arrivedAt: usize = 128;
const generationAt: usize = 192;
const commandAt: usize = 256;
/** Set by the helper's caller if it trapped, so that nobody waits for it for ever. */
const failedAt: usize = 448;
/** Looks at a word before the thread goes to sleep: some tens of microseconds. */
const spins: i32 = 20_000;

/** Waits until a word of the control block is no longer `old`. */
function awaitChange(control: usize, word: usize, old: i32): void {
  const at = control + word;
  for (let i = 0; i < spins; i++) if (atomic.load<i32>(at) !== old) return;
  while (atomic.load<i32>(at) === old) {
    sleep(at, old);
    if (atomic.load<i32>(control + failedAt) !== 0) unreachable();
  }
}

function barrier(control: usize, threads: i32): void {
  if (threads === 1) return;
  const generation = atomic.load<i32>(control + generationAt);
  if (atomic.add<i32>(control + arrivedAt, 1) === threads - 1) {
    atomic.store<i32>(control + arrivedAt, 0);
    atomic.add<i32>(control + generationAt, 1);
    wake(control + generationAt);
  } else awaitChange(control, generationAt, generation);
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
  else if (work === 2) chainAxes(plan, thread, threads);
  else if (work === 3) meanField(control, plan, thread, threads);
  else if (work === 4) filterPlane(control, plan, thread, threads);
}

function word(plan: usize, i: i32): i32 {
  return load<i32>(plan + ((<usize>i) << 2));
}

function address(plan: usize, i: i32): usize {
  return <usize>load<i32>(plan + ((<usize>i) << 2));
}

/**
 * Work 1: the two halves of the pixels, each on a lattice of its own.
 *
 * Words: d, features, padded, end of the first half, rows, weights; then for each half keys, table, scratch, and out:
 * number of points and bits of the table.
 */
function buildParts(plan: usize, thread: i32, threads: i32): void {
  const middle = word(plan, 3);
  for (let part = thread; part < 2; part += threads) {
    const own = plan + ((<usize>(6 + part * 5)) << 2);
    const count = buildPart(
      word(plan, 0),
      address(plan, 1),
      word(plan, 2),
      part === 0 ? 0 : middle,
      part === 0 ? middle : word(plan, 2),
      address(plan, 4),
      address(plan, 5),
      address(own, 0),
      address(own, 1),
      address(own, 2),
    );
    store<i32>(own, count, 12);
    store<i32>(own, tableBits(), 16);
  }
}

/**
 * Work 2: renames the rows of the second half, and strings the points together along every axis.
 *
 * Words: d, points, table, its bits, keys, first list, rows of a list, headers, map, rows, first and end of the rows to
 * rename; then for each thread next, taken, scratch.
 */
function chainAxes(plan: usize, thread: i32, threads: i32): void {
  const d = word(plan, 0);
  const own = plan + ((<usize>(12 + thread * 3)) << 2);
  const first = word(plan, 10);
  const end = word(plan, 11);
  const middle = threads === 1 ? end : first + ((end - first) >> 1);
  remap(address(plan, 9), thread === 0 ? first : middle, thread === 0 ? middle : end, address(plan, 8));
  for (let j = thread; j <= d; j += threads) {
    chainAxis(
      d,
      j,
      address(plan, 2),
      word(plan, 3),
      address(plan, 4),
      word(plan, 1),
      address(plan, 5) + ((<usize>(j * word(plan, 6))) << 2),
      word(plan, 6),
      address(plan, 7) + ((<usize>(j * axisWords)) << 2),
      address(own, 0),
      address(own, 1),
      address(own, 2),
    );
  }
}

/** Pixels that go through slice, normalization and splat together, while their weights are in the cache. */
const chunk: i32 = 1024;
// Denormals make the lattice several times slower, and nothing below e^-50 can matter while iterating.
const iterationFloor: f32 = -50;
const resultFloor: f32 = -87;

// Words of the mean field's plan.
const pixelsWord: i32 = 0;
/** Of a row; 0 for a single value. */
const lanesWord: i32 = 1;
const groupsWord: i32 = 2;
const lastLanesWord: i32 = 3;
const iterationsWord: i32 = 4;
/** 1: softmax over a row; 0: each value is the log-odds of a problem of its own. */
const labelledWord: i32 = 5;
const kernelsWord: i32 = 6;
const unaryWord: i32 = 7;
const qWord: i32 = 8;
const logitsWord: i32 = 9;
/** A chunk of values for each of the two halves. */
const scratchWord: i32 = 10;
/** [iterations + 1] zeros. */
const takenWord: i32 = 11;
/** [kernels * groups, 2]: kernel and group, dearest first. */
const tasksWord: i32 = 12;
const firstKernelWord: i32 = 16;
const kernelWords: i32 = 16;
// Words of a kernel.
const d1Word: i32 = 0;
const rowsWord: i32 = 1;
const weightsWord: i32 = 2;
const beforeWord: i32 = 3;
const scaleWord: i32 = 4;
const pointsWord: i32 = 5;
const axesWord: i32 = 6;
const valuesWord: i32 = 7;
/** Two buffers like the values, zero: what the halves of the pixels splat. Log-odds only. */
const splatWord: i32 = 8;
/** Log-odds only: response to ones, and the kernel's weight as float32. */
const onesWord: i32 = 10;
const compatWord: i32 = 11;

function kernelAt(plan: usize, i: i32): usize {
  return plan + ((<usize>(firstKernelWord + i * kernelWords)) << 2);
}

/** Work 3: mean-field steps; the result is the same bits on one thread and on two. */
function meanField(control: usize, plan: usize, thread: i32, threads: i32): void {
  if (word(plan, labelledWord) !== 0) fieldOfLabels(control, plan, thread, threads);
  else fieldOfOdds(control, plan, thread, threads);
}

/** Share of `part` of two in n, bounds at a multiple of the chunk. */
function boundOf(n: i32, part: i32): i32 {
  return part === 0 ? 0 : part === 2 ? n : min<i32>(n, ((n >> 1) + chunk - 1) & -chunk);
}

/**
 * One row a pixel, each value a problem of its own. The two halves of the pixels are splatted apart and added up, the
 * points are blurred by shares of each axis.
 */
function fieldOfOdds(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const lanes = word(plan, lanesWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
  const width = lanes === 0 ? 1 : lanes << 2;
  const unary = address(plan, unaryWord);
  const logits = address(plan, logitsWord);
  const rowBytes = (<usize>width) << 2;
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>chunk * rowBytes;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += chunk) {
        const to = min<i32>(from + chunk, boundOf(n, part + 1));
        let base = unary;
        if (iteration > 0) {
          for (let i = 0; i < kernels; i++) {
            slice(kernelAt(plan, i), lanes, from, to, address(kernelAt(plan, i), valuesWord), base, logits);
            base = logits;
          }
        }
        const into = last ? address(plan, qWord) : scratch - <usize>from * rowBytes;
        sigmoid(from * width, (to * width + 3) & -4, base, into, last ? resultFloor : iterationFloor);
        if (last) continue;
        for (let i = 0; i < kernels; i++) {
          const kernel = kernelAt(plan, i);
          if (iteration === 0) {
            const compat = load<f32>(kernel + ((<usize>compatWord) << 2));
            subtractEach(from, to, width, compat, address(kernel, onesWord), unary);
          }
          splat(kernel, lanes, from, to, into, address(kernel, splatWord + part));
        }
      }
    }
    if (last) return;
    barrier(control, threads);
    let axes = 0;
    for (let i = 0; i < kernels; i++) {
      addHalves(kernelAt(plan, i), width, thread, threads);
      axes = max<i32>(axes, word(kernelAt(plan, i), d1Word));
    }
    for (let j = 0; j < axes; j++) {
      barrier(control, threads);
      for (let i = 0; i < kernels; i++) {
        const kernel = kernelAt(plan, i);
        if (j >= word(kernel, d1Word)) continue;
        const header = address(kernel, axesWord) + ((<usize>(j * axisWords)) << 2);
        blurAxis(header, lanes, thread, threads, address(kernel, valuesWord));
      }
    }
    barrier(control, threads);
  }
}

function splat(kernel: usize, lanes: i32, from: i32, to: i32, q: usize, values: usize): void {
  const d1 = word(kernel, d1Word);
  const rows = address(kernel, rowsWord);
  const weights = address(kernel, weightsWord);
  const before = address(kernel, beforeWord);
  if (lanes === 0) splat1(d1, from, to, rows, weights, before, q, values);
  else splat4(d1, lanes, from, to, rows, weights, before, q, values);
}

function slice(kernel: usize, lanes: i32, from: i32, to: i32, values: usize, base: usize, out: usize): void {
  const d1 = word(kernel, d1Word);
  const rows = address(kernel, rowsWord);
  const weights = address(kernel, weightsWord);
  const scale = address(kernel, scaleWord);
  if (lanes === 0) slice1(d1, from, to, rows, weights, scale, values, base, out);
  else slice4(d1, lanes, from, to, rows, weights, scale, values, base, out);
}

/** values = what the two halves splatted, which becomes zero again; this thread's share of the points. */
function addHalves(kernel: usize, width: i32, thread: i32, threads: i32): void {
  const vectors = ((word(kernel, pointsWord) + 1) * width + 3) >> 2;
  const middle = threads === 1 ? vectors : vectors >> 1;
  const from = (<usize>(thread === 0 ? 0 : middle)) << 4;
  const to = (<usize>(thread === 0 ? middle : vectors)) << 4;
  const values = address(kernel, valuesWord);
  const first = address(kernel, splatWord);
  const second = address(kernel, splatWord + 1);
  const zero = f32x4.splat(0);
  for (let at = from; at < to; at += 16) {
    v128.store(values + at, f32x4.add(v128.load(first + at), v128.load(second + at)));
    v128.store(first + at, zero);
    v128.store(second + at, zero);
  }
}

/** Work 4: logits = unary + what the first kernel makes of `q`, one value a pixel. */
function filterPlane(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const kernel = kernelAt(plan, 0);
  for (let part = thread; part < 2; part += threads) {
    splat(kernel, 0, boundOf(n, part), boundOf(n, part + 1), address(plan, qWord), address(kernel, splatWord + part));
  }
  barrier(control, threads);
  addHalves(kernel, 1, thread, threads);
  for (let j = 0; j < word(kernel, d1Word); j++) {
    barrier(control, threads);
    const header = address(kernel, axesWord) + ((<usize>(j * axisWords)) << 2);
    blurAxis(header, 0, thread, threads, address(kernel, valuesWord));
  }
  barrier(control, threads);
  for (let part = thread; part < 2; part += threads) {
    slice(
      kernel,
      0,
      boundOf(n, part),
      boundOf(n, part + 1),
      address(kernel, valuesWord),
      address(plan, unaryWord),
      address(plan, logitsWord),
    );
  }
}

/**
 * A row of labels a pixel, in groups of 16 that are filtered on their own; slices and softmax go by halves of the pixels,
 * splats and blurs by kernel and group.
 */
function fieldOfLabels(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const groups = word(plan, groupsWord);
  const lastLanes = word(plan, lastLanesWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
  const unary = address(plan, unaryWord);
  const q = address(plan, qWord);
  const groupBytes = (<usize>((n + 3) & -4)) << 6;
  const chunkBytes = (<usize>chunk) << 6;
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>groups * chunkBytes;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += chunk) {
        const to = min<i32>(from + chunk, boundOf(n, part + 1));
        for (let g = 0; g < groups; g++) {
          const lanes = g === groups - 1 ? lastLanes : 4;
          const back = (<usize>from * lanes) << 4;
          const logits = scratch + <usize>g * chunkBytes;
          let base = unary + <usize>g * groupBytes;
          if (iteration > 0) {
            for (let i = 0; i < kernels; i++) {
              slice(kernelAt(plan, i), lanes, from, to, valuesOf(kernelAt(plan, i), g), base, logits - back);
              base = logits - back;
            }
          }
          if (base !== logits - back) memory.copy(logits, base + back, (<usize>(to - from) * lanes) << 4);
        }
        const into = q + ((<usize>from) << 6);
        const floor = last ? resultFloor : iterationFloor;
        const lastBack = (<usize>from * (4 - lastLanes)) << 4;
        softmaxGroups(groups, lastLanes, to - from, scratch, chunkBytes, into, groupBytes, lastBack, floor);
      }
    }
    if (last) return;
    barrier(control, threads);
    const taken = address(plan, takenWord) + ((<usize>iteration) << 2);
    while (true) {
      const task = atomic.add<i32>(taken, 1);
      if (task >= kernels * groups) break;
      const which = address(plan, tasksWord) + ((<usize>task) << 3);
      const kernel = kernelAt(plan, load<i32>(which));
      const g = load<i32>(which, 4);
      const lanes = g === groups - 1 ? lastLanes : 4;
      const values = valuesOf(kernel, g);
      memory.fill(values, 0, (<usize>(word(kernel, pointsWord) + 1) * lanes) << 4);
      splat(kernel, lanes, 0, n, q + <usize>g * groupBytes, values);
      for (let j = 0; j < word(kernel, d1Word); j++) {
        blurAxis(address(kernel, axesWord) + ((<usize>(j * axisWords)) << 2), lanes, 0, 1, values);
      }
    }
    barrier(control, threads);
  }
}

/** Rows of a group's values on the points of a kernel. */
function valuesOf(kernel: usize, group: i32): usize {
  return address(kernel, valuesWord) + ((<usize>(group * (word(kernel, pointsWord) + 1))) << 6);
}
