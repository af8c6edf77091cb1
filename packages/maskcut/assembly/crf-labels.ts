// asc: library
// Mean field of many labels.
import { softmaxGroups } from './crf-elements';
import { blur4 } from './crf-filter';
import { tile } from './crf-lattice';
import {
  address,
  boundOf,
  d1Word,
  distancesWord,
  groupsWord,
  iterationFloor,
  iterationsWord,
  kernelAt,
  kernelsWord,
  ownBytesWord,
  ownWord,
  pairsAt,
  pixelsWord,
  pointsWord,
  qWord,
  resultFloor,
  scratchWord,
  takenWord,
  tasksWord,
  unaryWord,
  valuesWord,
  word,
  workBytesWord,
  workWord,
} from './crf-plan';
import { barrier } from './crf-threads';
import { slice, splat } from './crf-tile';

/** Pixels whose logits are summed and normalized together, and the distance of their groups: not a power of 2. */
const block: i32 = 512;
const blockStride: usize = (512 << 4) + 64;

/**
 * A pixel's labels lie in groups of 4, which are filtered on their own, by kernel and group: splat, blur and slice, while
 * the rows of the group are in the cache. Sums and softmax go by halves of the pixels.
 */
export function fieldOfLabels(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const groups = word(plan, groupsWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
  const q = address(plan, qWord);
  const groupBytes = (<usize>((n + 3) & -4)) << 4;
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>groups * blockStride;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += block) {
        const count = min<i32>(block, boundOf(n, part + 1) - from);
        const at = (<usize>from) << 4;
        for (let g = 0; g < groups; g++) {
          const logits = scratch + <usize>g * blockStride;
          const offset = <usize>g * groupBytes + at;
          const unary = address(plan, unaryWord) + offset;
          if (iteration === 0 || kernels === 0) memory.copy(logits, unary, (<usize>count) << 4);
          else if (kernels === 1) memory.copy(logits, given(plan, 0) + offset, (<usize>count) << 4);
          else add(given(plan, 0) + offset, given(plan, 1) + offset, count, logits);
          for (let i = 2; iteration > 0 && i < kernels; i++) add(logits, given(plan, i) + offset, count, logits);
        }
        softmaxGroups(groups, count, scratch, blockStride, q + at, groupBytes, last ? resultFloor : iterationFloor);
      }
    }
    if (last) return;
    barrier(control, threads);
    const taken = address(plan, takenWord) + ((<usize>iteration) << 2);
    while (true) {
      const task = atomic.add<i32>(taken, 1);
      if (task >= kernels * groups) break;
      const which = address(plan, tasksWord) + ((<usize>task) << 3);
      filterGroup(plan, load<i32>(which), <usize>load<i32>(which, 4) * groupBytes, thread);
    }
    barrier(control, threads);
  }
}

/** What kernel `i` gave. */
function given(plan: usize, i: i32): usize {
  return address(kernelAt(plan, i), valuesWord);
}

/** out = a + b for `count` rows of 4. */
function add(a: usize, b: usize, count: i32, out: usize): void {
  for (let at: usize = 0; at < (<usize>count) << 4; at += 16) {
    v128.store(out + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  }
}

/**
 * Filters the group that lies at `offset` in the field: what kernel `i` gives, in its values, with the unary for the first.
 *
 * Along each axis the rows move down in the thread's room, so far that none takes the place of one that is still a
 * neighbour: half the memory of two buffers, and the cache holds it. The row after the last point stands for missing
 * neighbours.
 */
function filterGroup(plan: usize, i: i32, offset: usize, thread: i32): void {
  const kernel = kernelAt(plan, i);
  const n = word(plan, pixelsWord);
  const own = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  const sums = own + (address(plan, ownBytesWord) >> 1);
  const d1 = word(kernel, d1Word);
  const end = word(kernel, pointsWord) + 1;
  const distances = address(kernel, distancesWord);
  let values = address(plan, workWord) + <usize>thread * address(plan, workBytesWord);
  for (let j = 0; j < d1; j++) values += (<usize>load<i32>(distances + ((<usize>j) << 2))) << 4;
  memory.fill(values, 0, (<usize>(end + 1)) << 4);
  for (let from = 0; from < n; from += tile) {
    const q = address(plan, qWord) + offset + ((<usize>from) << 4);
    splat(kernel, 4, from, min<i32>(n, from + tile), q, sums, values);
  }
  for (let j = 0; j < d1; j++) {
    const out = values - ((<usize>load<i32>(distances + ((<usize>j) << 2))) << 4);
    blur4(pairsAt(kernel, j), 0, end, values, out);
    values = out;
    v128.store(values + ((<usize>end) << 4), f32x4.splat(0));
  }
  for (let from = 0; from < n; from += tile) {
    const at = offset + ((<usize>from) << 4);
    const base = i === 0 ? address(plan, unaryWord) + at : 0;
    slice(kernel, 4, from, min<i32>(n, from + tile), values, own, base, address(kernel, valuesWord) + at);
  }
}
