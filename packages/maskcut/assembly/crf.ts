// asc: --importMemory --sharedMemory --maximumMemory 65536 --enable threads
// Dense CRF kernels (Kraehenbuehl and Koltun 2011) for one thread, or two over one shared memory: the mean field, and the
// work a helper thread is handed.
import { sigmoid, softmaxGroups, tanhOfHalf } from './crf-elements';
import { blurRows, blurSweep1, gather1, scatter1, slice1, slice4, splat1, splat4 } from './crf-filter';
import { buildTiles, flagNeighbours, pairsOfFlags, sortEntries, tile } from './crf-lattice';
import { sleep, wake } from './env';

export { fromStrips, keepLarger, normalizer, scaled, toPlanes, toRows, toStrips } from './crf-elements';
export { numberPoints, scratchBytes } from './crf-lattice';

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
/** After the control block lie the permutations that pack and unpack rows, see `src/crf-kernels.ts`. */
const permutationsAt: usize = 512;
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
  else if (work === 2) flagAxes(plan, thread, threads);
  else if (work === 3) meanField(control, plan, thread, threads);
  else if (work === 4) filterPlane(control, plan, thread, threads);
  else if (work === 5) pairAxes(plan, thread, threads);
}

function word(plan: usize, i: i32): i32 {
  return load<i32>(plan + ((<usize>i) << 2));
}

function address(plan: usize, i: i32): usize {
  return <usize>load<i32>(plan + ((<usize>i) << 2));
}

/**
 * Work 1: the entries of the pixels, sorted by halves of the tiles, or all at once by one thread.
 *
 * Words: d, w, h, first tile of the second half, tiles, image, tables, key weights, bits of an index, first bit above the
 * key, weights, locals, tiles' headers, entries, room to sort; then for each half scratch, its first entry, and out: number
 * of entries and where they are.
 */
function buildParts(plan: usize, thread: i32, threads: i32): void {
  const middle = word(plan, 3);
  const own = plan + ((<usize>(15 + thread * 4)) << 2);
  const start = word(own, 1);
  const entries = address(plan, 13);
  const end = buildTiles(
    word(plan, 0),
    word(plan, 1),
    word(plan, 2),
    thread === 0 ? 0 : middle,
    thread === 0 && threads > 1 ? middle : word(plan, 4),
    address(plan, 5),
    address(plan, 6),
    address(plan, 7),
    word(plan, 8),
    start,
    address(plan, 10),
    address(plan, 11),
    address(plan, 12),
    entries,
    address(own, 0),
  );
  const at = (<usize>start) << 3;
  const room = address(plan, 14) + at;
  store<i32>(own, end - start, 8);
  store<i32>(own, <i32>sortEntries(entries + at, end - start, word(plan, 8), word(plan, 9), room, address(own, 0)), 12);
}

/**
 * Work 2: which points have neighbours, axis by axis.
 *
 * Words: axes, points, keys, middle row, bytes of an axis' flags, flags, headers, float64 steps of the axes; then for each
 * thread scratch.
 */
function flagAxes(plan: usize, thread: i32, threads: i32): void {
  for (let j = thread; j < word(plan, 0); j += threads) {
    flagNeighbours(
      <i64>load<f64>(address(plan, 7) + ((<usize>j) << 3)),
      address(plan, 2),
      word(plan, 1),
      word(plan, 3),
      address(plan, 5) + <usize>j * address(plan, 4),
      address(plan, 6) + ((<usize>j) << 3),
      address(plan, 8 + thread),
    );
  }
}

/**
 * Work 5: rows of the neighbours, axis by axis, from what work 2 found.
 *
 * Words: axes, points, bytes of an axis' flags, flags, pairs; then for each thread scratch.
 */
function pairAxes(plan: usize, thread: i32, threads: i32): void {
  const points = word(plan, 1);
  for (let j = thread; j < word(plan, 0); j += threads) {
    pairsOfFlags(
      address(plan, 3) + <usize>j * address(plan, 2),
      points,
      address(plan, 4) + ((<usize>(j * (points + 1))) << 3),
      address(plan, 5 + thread),
    );
  }
}

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
/** A tile's pixels of values for each of the two halves. */
const scratchWord: i32 = 10;
/** [iterations + 1] zeros. */
const takenWord: i32 = 11;
/** [kernels * groups, 2]: kernel and group, dearest first. */
const tasksWord: i32 = 12;
/**
 * Rows of one value: for each thread twice as much as a tile's points take, the second half zero. Labels: for each thread
 * room for the values of the largest lattice.
 */
const ownWord: i32 = 13;
const ownBytesWord: i32 = 14;
const firstKernelWord: i32 = 16;
const kernelWords: i32 = 18;
// Words of a kernel.
const d1Word: i32 = 0;
const localsWord: i32 = 1;
const weightsWord: i32 = 2;
const beforeWord: i32 = 3;
const scaleWord: i32 = 4;
const pointsWord: i32 = 5;
const mapWord: i32 = 6;
const tilesWord: i32 = 7;
/** Rows of one value: flags of the neighbours, bytes of an axis, headers, middle row. */
const flagsWord: i32 = 8;
const flagBytesWord: i32 = 9;
const headersWord: i32 = 10;
const middleWord: i32 = 11;
/** Longer rows: rows of the neighbours; an axis takes 8 bytes a point. */
const pairsWord: i32 = 12;
const valuesWord: i32 = 13;
/** Log-odds only: two buffers like the values that are zero, for what the halves of the pixels splat. */
const splatWord: i32 = 14;
/** Log-odds only: four buffers like the values for the blur, `otherBytes` apart; the first alone for longer rows. */
const otherWord: i32 = 16;
const otherBytesWord: i32 = 17;

function kernelAt(plan: usize, i: i32): usize {
  return plan + ((<usize>(firstKernelWord + i * kernelWords)) << 2);
}

/** Work 3: mean-field steps; the result is the same bits on one thread and on two. */
function meanField(control: usize, plan: usize, thread: i32, threads: i32): void {
  if (word(plan, labelledWord) !== 0) fieldOfLabels(control, plan, thread, threads);
  else fieldOfOdds(control, plan, thread, threads);
}

/** Share of `part` of two in n, bounds at a multiple of the tile. */
function boundOf(n: i32, part: i32): i32 {
  return part === 0 ? 0 : part === 2 ? n : min<i32>(n, ((n >> 1) + tile - 1) & -tile);
}

/**
 * One row a pixel, each value a problem of its own, of which the difference of the two probabilities is filtered. The two
 * halves of the pixels are splatted apart and added up, the points are blurred by shares.
 */
function fieldOfOdds(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const lanes = word(plan, lanesWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
  const width = lanes === 0 ? 1 : lanes << 2;
  const logits = address(plan, logitsWord);
  const own = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  const sums = own + (address(plan, ownBytesWord) >> 1);
  const rowBytes = (<usize>width) << 2;
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>tile * rowBytes;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
        const to = min<i32>(from + tile, boundOf(n, part + 1));
        let base = address(plan, unaryWord);
        if (iteration > 0) {
          for (let i = 0; i < kernels; i++) {
            slice(kernelAt(plan, i), lanes, from, to, own, base, logits);
            base = logits;
          }
        }
        if (last) {
          sigmoid(from * width, (to * width + 3) & -4, base, address(plan, qWord), resultFloor);
          continue;
        }
        const into = scratch - <usize>from * rowBytes;
        tanhOfHalf(from * width, (to * width + 3) & -4, base, into, iterationFloor);
        for (let i = 0; i < kernels; i++) splat(kernelAt(plan, i), lanes, from, to, into, sums, part);
      }
    }
    if (last) return;
    blurAll(control, plan, kernels, lanes, thread, threads);
  }
}

/** Splats pixels [from, to) of one tile and half; `sums` is room for the tile's values, zero before and after. */
function splat(kernel: usize, lanes: i32, from: i32, to: i32, q: usize, sums: usize, half: i32): void {
  const d1 = word(kernel, d1Word);
  const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
  const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
  const before = address(kernel, beforeWord) + ((<usize>from) << 2);
  const header = address(kernel, tilesWord) + ((<usize>(from / tile)) << 3);
  const map = address(kernel, mapWord) + ((<usize>load<i32>(header)) << 2);
  const values = address(kernel, splatWord + half);
  if (lanes === 0) {
    splat1(d1, to - from, locals, weights, before, q + ((<usize>from) << 2), sums);
    scatter1(map, load<i32>(header, 4), values, sums);
  } else {
    splat4(d1, lanes, to - from, locals, weights, map, before, q + ((<usize>(from * lanes)) << 4), values);
  }
}

/** Slices pixels [from, to) of one tile; `own` is room for the tile's values. */
function slice(kernel: usize, lanes: i32, from: i32, to: i32, own: usize, base: usize, out: usize): void {
  const d1 = word(kernel, d1Word);
  const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
  const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
  const scale = address(kernel, scaleWord) + ((<usize>from) << 2);
  const header = address(kernel, tilesWord) + ((<usize>(from / tile)) << 3);
  const map = address(kernel, mapWord) + ((<usize>load<i32>(header)) << 2);
  const values = address(kernel, valuesWord);
  if (lanes === 0) {
    const at = (<usize>from) << 2;
    gather1(map, load<i32>(header, 4), values, own);
    slice1(d1, to - from, locals, weights, scale, own, base + at, out + at);
  } else {
    const at = (<usize>(from * lanes)) << 4;
    slice4(d1, lanes, to - from, locals, weights, map, scale, values, base + at, out + at);
  }
}

/** Adds up what the halves have splatted, and blurs it, each thread its share of the points; ends with a barrier. */
function blurAll(control: usize, plan: usize, kernels: i32, lanes: i32, thread: i32, threads: i32): void {
  barrier(control, threads);
  let axes = 0;
  for (let i = 0; i < kernels; i++) {
    addHalves(kernelAt(plan, i), lanes === 0 ? 1 : lanes << 2, thread, threads);
    if (lanes === 0) sweep(kernelAt(plan, i), 0, control + permutationsAt, thread, threads);
    axes = max<i32>(axes, word(kernelAt(plan, i), d1Word));
  }
  for (let j = 1; j <= axes; j++) {
    barrier(control, threads);
    for (let i = 0; i < kernels; i++) {
      const kernel = kernelAt(plan, i);
      if (j > word(kernel, d1Word)) continue;
      if (lanes === 0) sweep(kernel, j, control + permutationsAt, thread, threads);
      else blurShare(kernel, j - 1, lanes, thread, threads);
    }
  }
  barrier(control, threads);
}

/** Ends the blur along axis j - 1 and begins that along j, of this thread's share of the points. */
function sweep(kernel: usize, j: i32, permutations: usize, thread: i32, threads: i32): void {
  const end = (word(kernel, pointsWord) + 16) & -16;
  const middle = threads === 1 ? end : word(kernel, middleWord);
  const flags = address(kernel, flagsWord) + <usize>j * address(kernel, flagBytesWord);
  const header = address(kernel, headersWord) + ((<usize>j) << 3);
  const bytes = address(kernel, otherBytesWord);
  const lists = address(kernel, otherWord);
  const into = lists + (((<usize>j) & 1) << 1) * bytes;
  const from = lists + (((<usize>(j + 1)) & 1) << 1) * bytes;
  const endsBefore = j === 0 || thread === 0;
  const startsBefore = j === word(kernel, d1Word) || thread === 0;
  const afterMiddle = (<usize>load<i32>(header)) << 2;
  const beforeMiddle = (<usize>load<i32>(header, 4)) << 2;
  const limited = thread === 0 && threads === 2;
  blurSweep1(
    thread === 0 ? 0 : middle,
    thread === 0 ? middle : end,
    address(kernel, valuesWord),
    j === 0 ? 0 : flags - address(kernel, flagBytesWord),
    // The k-th of the one list belongs to the k-th row of the other kind.
    from + (endsBefore ? 0 : (<usize>load<i32>(header - 8, 4)) << 2),
    from + bytes + (endsBefore ? 0 : (<usize>load<i32>(header - 8)) << 2),
    j === word(kernel, d1Word) ? 0 : flags,
    into + (startsBefore ? 0 : afterMiddle),
    into + bytes + (startsBefore ? 0 : beforeMiddle),
    limited ? into + afterMiddle : usize.MAX_VALUE,
    limited ? into + bytes + beforeMiddle : usize.MAX_VALUE,
    permutations,
  );
}

/** Blurs longer rows along axis j, this thread's share of the points. */
function blurShare(kernel: usize, j: i32, lanes: i32, thread: i32, threads: i32): void {
  const d1 = word(kernel, d1Word);
  const end = word(kernel, pointsWord) + 1;
  const middle = threads === 1 ? end : end >> 1;
  const isEven = ((d1 - j) & 1) === 0;
  blurRows(
    address(kernel, pairsWord) + <usize>j * ((<usize>end) << 3),
    lanes,
    thread === 0 ? 0 : middle,
    thread === 0 ? middle : end,
    address(kernel, isEven ? valuesWord : otherWord),
    address(kernel, isEven ? otherWord : valuesWord),
  );
}

/** First buffer of the blur = what the two halves splatted, which becomes zero again; this thread's share of the points. */
function addHalves(kernel: usize, width: i32, thread: i32, threads: i32): void {
  const vectors = (((word(kernel, pointsWord) + 16) & -16) * width) >> 2;
  const middle = threads === 1 ? vectors : (word(kernel, middleWord) * width) >> 2;
  const from = (<usize>(thread === 0 ? 0 : middle)) << 4;
  const to = (<usize>(thread === 0 ? middle : vectors)) << 4;
  const isOther = width > 1 && (word(kernel, d1Word) & 1) === 1;
  const values = address(kernel, isOther ? otherWord : valuesWord);
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
  const own = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  const sums = own + (address(plan, ownBytesWord) >> 1);
  for (let part = thread; part < 2; part += threads) {
    for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
      splat(kernel, 0, from, min<i32>(from + tile, boundOf(n, part + 1)), address(plan, qWord), sums, part);
    }
  }
  blurAll(control, plan, 1, 0, thread, threads);
  for (let part = thread; part < 2; part += threads) {
    for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
      const to = min<i32>(from + tile, boundOf(n, part + 1));
      slice(kernel, 0, from, to, own, address(plan, unaryWord), address(plan, logitsWord));
    }
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
  const tileBytes = (<usize>tile) << 6;
  const other = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>groups * tileBytes;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
        const to = min<i32>(from + tile, boundOf(n, part + 1));
        for (let g = 0; g < groups; g++) {
          const lanes = g === groups - 1 ? lastLanes : 4;
          const logits = scratch + <usize>g * tileBytes;
          let base = unary + <usize>g * groupBytes + ((<usize>from * lanes) << 4);
          if (iteration > 0) {
            for (let i = 0; i < kernels; i++) {
              sliceRows(kernelAt(plan, i), lanes, from, to, valuesOf(kernelAt(plan, i), g), base, logits);
              base = logits;
            }
          }
          if (base !== logits) memory.copy(logits, base, (<usize>(to - from) * lanes) << 4);
        }
        const into = q + ((<usize>from) << 6);
        const floor = last ? resultFloor : iterationFloor;
        const lastBack = (<usize>from * (4 - lastLanes)) << 4;
        softmaxGroups(groups, lastLanes, to - from, scratch, tileBytes, into, groupBytes, lastBack, floor);
      }
    }
    if (last) return;
    barrier(control, threads);
    const taken = address(plan, takenWord) + ((<usize>iteration) << 2);
    while (true) {
      const task = atomic.add<i32>(taken, 1);
      if (task >= kernels * groups) break;
      const which = address(plan, tasksWord) + ((<usize>task) << 3);
      const g = load<i32>(which, 4);
      filterGroup(
        kernelAt(plan, load<i32>(which)),
        g,
        g === groups - 1 ? lastLanes : 4,
        n,
        q + <usize>g * groupBytes,
        other,
      );
    }
    barrier(control, threads);
  }
}

/** Splats a group of labels and blurs it; `other` is room for as many values. */
function filterGroup(kernel: usize, g: i32, lanes: i32, n: i32, q: usize, other: usize): void {
  const d1 = word(kernel, d1Word);
  const end = word(kernel, pointsWord) + 1;
  let values = (d1 & 1) === 0 ? valuesOf(kernel, g) : other;
  let out = (d1 & 1) === 0 ? other : valuesOf(kernel, g);
  memory.fill(values, 0, (<usize>(end * lanes)) << 4);
  for (let from = 0; from < n; from += tile) {
    const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
    const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
    const before = address(kernel, beforeWord) + ((<usize>from) << 2);
    const rows = q + ((<usize>(from * lanes)) << 4);
    splat4(d1, lanes, min<i32>(tile, n - from), locals, weights, mapOf(kernel, from), before, rows, values);
  }
  for (let j = 0; j < d1; j++) {
    blurRows(address(kernel, pairsWord) + <usize>j * ((<usize>end) << 3), lanes, 0, end, values, out);
    const swap = values;
    values = out;
    out = swap;
  }
}

/** Slices rows of labels of pixels [from, to) of one tile. */
function sliceRows(kernel: usize, lanes: i32, from: i32, to: i32, values: usize, base: usize, out: usize): void {
  const d1 = word(kernel, d1Word);
  const locals = address(kernel, localsWord) + ((<usize>(from * d1)) << 1);
  const weights = address(kernel, weightsWord) + ((<usize>(from * d1)) << 2);
  const scale = address(kernel, scaleWord) + ((<usize>from) << 2);
  slice4(d1, lanes, to - from, locals, weights, mapOf(kernel, from), scale, values, base, out);
}

/** Map of the tile that starts at pixel `from`. */
function mapOf(kernel: usize, from: i32): usize {
  const header = address(kernel, tilesWord) + ((<usize>(from / tile)) << 3);
  return address(kernel, mapWord) + ((<usize>load<i32>(header)) << 2);
}

/** Rows of a group's values on the points of a kernel. */
function valuesOf(kernel: usize, group: i32): usize {
  return address(kernel, valuesWord) + ((<usize>(group * (word(kernel, pointsWord) + 1))) << 6);
}
