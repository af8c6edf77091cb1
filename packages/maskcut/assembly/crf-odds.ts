// asc: library
// Mean fields of two labels: rows of one problem, or of four.
import { sigmoid, tanhOfHalf } from './crf-elements';
import { blur4, blurSweep1 } from './crf-filter';
import { tile } from './crf-lattice';
import {
  address,
  boundOf,
  d1Word,
  flagBytesWord,
  flagsWord,
  headersWord,
  iterationFloor,
  iterationsWord,
  kernelAt,
  kernelsWord,
  logitsWord,
  middleWord,
  otherBytesWord,
  otherWord,
  ownBytesWord,
  ownWord,
  pairsAt,
  pixelsWord,
  pointsWord,
  qWord,
  resultFloor,
  rowsOf,
  scratchWord,
  splatWord,
  unaryWord,
  valuesWord,
  widthWord,
  word,
} from './crf-plan';
import { barrier } from './crf-threads';
import { slice, splat } from './crf-tile';

/** After the control block lie the permutations that pack and unpack rows, see `src/crf/crf-kernels.ts`. */
const permutationsAt: usize = 512;

/**
 * One row a pixel, each value a problem of its own, of which the difference of the two probabilities is filtered. The two
 * halves of the pixels are splatted apart and added up, the points are blurred by shares.
 */
export function fieldOfOdds(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const width = word(plan, widthWord);
  const kernels = word(plan, kernelsWord);
  const iterations = word(plan, iterationsWord);
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
        const at = <usize>from * rowBytes;
        let base = address(plan, unaryWord);
        if (iteration > 0) {
          for (let i = 0; i < kernels; i++) {
            slice(
              kernelAt(plan, i),
              width,
              from,
              to,
              address(kernelAt(plan, i), valuesWord),
              own,
              base + at,
              logits + at,
            );
            base = logits;
          }
        }
        if (last) {
          sigmoid(from * width, (to * width + 3) & -4, base, address(plan, qWord), resultFloor);
          continue;
        }
        tanhOfHalf(from * width, (to * width + 3) & -4, base, scratch - at, iterationFloor);
        for (let i = 0; i < kernels; i++) {
          const kernel = kernelAt(plan, i);
          splat(kernel, width, from, to, scratch, sums, address(kernel, splatWord + part));
        }
      }
    }
    if (last) return;
    blurAll(control, plan, kernels, width, thread, threads);
  }
}

/** Adds up what the halves have splatted, and blurs it, each thread its share of the points; ends with a barrier. */
function blurAll(control: usize, plan: usize, kernels: i32, width: i32, thread: i32, threads: i32): void {
  barrier(control, threads);
  let axes = 0;
  for (let i = 0; i < kernels; i++) {
    addHalves(kernelAt(plan, i), width, thread, threads);
    if (width === 1) sweep(kernelAt(plan, i), 0, control + permutationsAt, thread, threads);
    axes = max<i32>(axes, word(kernelAt(plan, i), d1Word));
  }
  for (let j = 1; j <= axes; j++) {
    barrier(control, threads);
    for (let i = 0; i < kernels; i++) {
      const kernel = kernelAt(plan, i);
      if (j > word(kernel, d1Word)) continue;
      if (width === 1) sweep(kernel, j, control + permutationsAt, thread, threads);
      else blurShare(kernel, j - 1, thread, threads);
    }
  }
  barrier(control, threads);
}

/** Ends the blur along axis j - 1 and begins that along j, of this thread's share of the points. */
function sweep(kernel: usize, j: i32, permutations: usize, thread: i32, threads: i32): void {
  const end = rowsOf(kernel);
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

/** Blurs rows of four along axis j, this thread's share of the points. */
function blurShare(kernel: usize, j: i32, thread: i32, threads: i32): void {
  const end = word(kernel, pointsWord) + 1;
  const middle = threads === 1 ? end : end >> 1;
  const isEven = ((word(kernel, d1Word) - j) & 1) === 0;
  blur4(
    pairsAt(kernel, j),
    thread === 0 ? 0 : middle,
    thread === 0 ? middle : end,
    address(kernel, isEven ? valuesWord : otherWord),
    address(kernel, isEven ? otherWord : valuesWord),
  );
}

/** First buffer of the blur = what the two halves splatted, which becomes zero again; this thread's share of the points. */
function addHalves(kernel: usize, width: i32, thread: i32, threads: i32): void {
  const vectors = (rowsOf(kernel) * width) >> 2;
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
export function filterPlane(control: usize, plan: usize, thread: i32, threads: i32): void {
  const n = word(plan, pixelsWord);
  const kernel = kernelAt(plan, 0);
  const own = address(plan, ownWord) + <usize>thread * address(plan, ownBytesWord);
  const sums = own + (address(plan, ownBytesWord) >> 1);
  for (let part = thread; part < 2; part += threads) {
    for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
      const to = min<i32>(from + tile, boundOf(n, part + 1));
      const q = address(plan, qWord) + ((<usize>from) << 2);
      splat(kernel, 1, from, to, q, sums, address(kernel, splatWord + part));
    }
  }
  blurAll(control, plan, 1, 1, thread, threads);
  for (let part = thread; part < 2; part += threads) {
    for (let from = boundOf(n, part); from < boundOf(n, part + 1); from += tile) {
      const to = min<i32>(from + tile, boundOf(n, part + 1));
      const at = (<usize>from) << 2;
      const base = address(plan, unaryWord) + at;
      slice(kernel, 1, from, to, address(kernel, valuesWord), own, base, address(plan, logitsWord) + at);
    }
  }
}
