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

/**
 * A pixel's labels lie in groups of 4, which are filtered on their own; slices and softmax go by halves of the pixels,
 * splats and blurs by kernel and group, so that the rows of a group stay in the cache.
 */
export function fieldOfLabels(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const groups = word(plan, groupsWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
  const unary = address(plan, unaryWord);
  const q = address(plan, qWord);
  const groupBytes = (<usize>((n + 3) & -4)) << 4;
  const tileBytes = (<usize>tile) << 4;
  const own = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  const sums = own + (address(plan, ownBytesWord) >> 1);
  const work = address(plan, workWord) + <usize>thread * address(plan, workBytesWord);
  for (let iteration = 0; iteration <= iterations; iteration++) {
    const last = iteration === iterations;
    for (let part = thread; part < 2; part += threads) {
      const scratch = address(plan, scratchWord) + <usize>part * <usize>groups * tileBytes;
      for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
        const to = min<i32>(from + tile, boundOf(n, part + 1));
        const at = (<usize>from) << 4;
        for (let g = 0; g < groups; g++) {
          const logits = scratch + <usize>g * tileBytes;
          let base = unary + <usize>g * groupBytes + at;
          if (iteration > 0) {
            for (let i = 0; i < kernels; i++) {
              slice(kernelAt(plan, i), 4, from, to, valuesOf(kernelAt(plan, i), g), own, base, logits);
              base = logits;
            }
          }
          if (base !== logits) memory.copy(logits, base, (<usize>(to - from)) << 4);
        }
        softmaxGroups(groups, to - from, scratch, tileBytes, q + at, groupBytes, last ? resultFloor : iterationFloor);
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
      filterGroup(kernelAt(plan, load<i32>(which)), g, n, q + <usize>g * groupBytes, sums, work);
    }
    barrier(control, threads);
  }
}

/**
 * Splats a group and blurs it. Along each axis but the last the rows move down in `work`, so far that none takes the
 * place of one that is still a neighbour: half the memory of two buffers, and the cache holds it. The row after the
 * last point stands for missing neighbours.
 */
function filterGroup(kernel: usize, g: i32, n: i32, q: usize, sums: usize, work: usize): void {
  const d = word(kernel, d1Word) - 1;
  const end = word(kernel, pointsWord) + 1;
  const distances = address(kernel, distancesWord);
  let values = work;
  for (let j = 0; j < d; j++) values += (<usize>load<i32>(distances + ((<usize>j) << 2))) << 4;
  memory.fill(values, 0, (<usize>(end + 1)) << 4);
  for (let from = 0; from < n; from += tile) {
    splat(kernel, 4, from, min<i32>(n, from + tile), q + ((<usize>from) << 4), sums, values);
  }
  for (let j = 0; j < d; j++) {
    const out = values - ((<usize>load<i32>(distances + ((<usize>j) << 2))) << 4);
    blur4(pairsAt(kernel, j), 0, end, values, out);
    values = out;
    v128.store(values + ((<usize>end) << 4), f32x4.splat(0));
  }
  blur4(pairsAt(kernel, d), 0, end, values, valuesOf(kernel, g));
}

/** Rows of a group's values on the points of a kernel. */
function valuesOf(kernel: usize, group: i32): usize {
  return address(kernel, valuesWord) + ((<usize>(group * (word(kernel, pointsWord) + 1))) << 4);
}
