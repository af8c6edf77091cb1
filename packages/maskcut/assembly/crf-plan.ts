// asc: library
// The plan of a mean field: words that `src/crf/mean-field.ts` writes.
import { tile } from './crf-lattice';

/** Word `i` of a plan. */
export function word(plan: usize, i: i32): i32 {
  return load<i32>(plan + ((<usize>i) << 2));
}

/** The same as an address. */
export function address(plan: usize, i: i32): usize {
  return <usize>load<i32>(plan + ((<usize>i) << 2));
}

export const pixelsWord: i32 = 0;
/** Values of a row: 1 or 4. */
export const widthWord: i32 = 1;
/** Groups of 4 labels. */
export const groupsWord: i32 = 2;
export const iterationsWord: i32 = 3;
/** 1: softmax over the groups; 0: each value is the log-odds of a problem of its own. */
export const labelledWord: i32 = 4;
export const kernelsWord: i32 = 5;
export const unaryWord: i32 = 6;
export const qWord: i32 = 7;
export const logitsWord: i32 = 8;
/** For each of the two halves a tile of values, with labels a block of logits. */
export const scratchWord: i32 = 9;
/** [iterations + 1] zeros. */
export const takenWord: i32 = 10;
/** [kernels * groups, 2]: kernel and group, dearest first. */
export const tasksWord: i32 = 11;
/** For each thread twice as much as the rows of a tile's points take, the second half zero. */
export const ownWord: i32 = 12;
export const ownBytesWord: i32 = 13;
/** Labels only: for each thread room where a group is blurred. */
export const workWord: i32 = 14;
export const workBytesWord: i32 = 15;
const firstKernelWord: i32 = 16;
const kernelWords: i32 = 19;

// Words of a kernel.
export const d1Word: i32 = 0;
export const localsWord: i32 = 1;
export const weightsWord: i32 = 2;
export const beforeWord: i32 = 3;
export const scaleWord: i32 = 4;
export const pointsWord: i32 = 5;
export const mapWord: i32 = 6;
export const tilesWord: i32 = 7;
/** Rows of one value: flags of the neighbours, bytes of an axis, headers, middle row. */
export const flagsWord: i32 = 8;
export const flagBytesWord: i32 = 9;
export const headersWord: i32 = 10;
export const middleWord: i32 = 11;
/** Rows of four: rows of the neighbours, [d + 1, points + 1, 2], and how far apart they are at most, [d + 1]. */
export const pairsWord: i32 = 12;
export const distancesWord: i32 = 13;
/** Values of the points; with labels what the kernel gives, a field like the unary. */
export const valuesWord: i32 = 14;
/** Log-odds only: two buffers like the values that are zero, for what the halves of the pixels splat. */
export const splatWord: i32 = 15;
/** Log-odds only: buffers like the values for the blur, `otherBytes` apart, four for rows of one value and one for four. */
export const otherWord: i32 = 17;
export const otherBytesWord: i32 = 18;

/** Words of kernel `i`. */
export function kernelAt(plan: usize, i: i32): usize {
  return plan + ((<usize>(firstKernelWord + i * kernelWords)) << 2);
}

/** Share of `part` of two in n, bounds at a multiple of the tile. */
export function boundOf(n: i32, part: i32): i32 {
  return part === 0 ? 0 : part === 2 ? n : min<i32>(n, ((n >> 1) + tile - 1) & -tile);
}

/** Rows that hold a kernel's values: the points from 1, at least one more, and zeros up to a multiple of 16. */
export function rowsOf(kernel: usize): i32 {
  return (word(kernel, pointsWord) + 17) & -16;
}

/** Pairs of an axis. */
export function pairsAt(kernel: usize, j: i32): usize {
  return address(kernel, pairsWord) + ((<usize>(j * (word(kernel, pointsWord) + 1))) << 3);
}

// Denormals make the lattice several times slower, and nothing below e^-50 can matter while iterating.
export const iterationFloor: f32 = -50;
export const resultFloor: f32 = -87;
