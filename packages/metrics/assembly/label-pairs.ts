// asc: --initialMemory 6 --maximumMemory 6
// Counts how often each pair of labels occurs in two 8-bit maps. The maps come in blocks of up to `blockBytes` pixels; the
// [256, 256] counts stay here until the caller has read them and set them back to zero.

const blockBytes: i32 = 32768;
const padding: usize = 64;
// each block has its first pixel once more in front, so that a pixel can be compared with the one before it
const first: usize = memory.data(32768 + 128, 16);
const second: usize = memory.data(32768 + 128, 16);
const pairs: usize = memory.data(256 * 256 * 4, 16);
const rows: usize = memory.data(256, 16);

/** Pixels a block can hold. */
export function blockSize(): i32 {
  return blockBytes;
}

/** Where a block of the first map goes. */
export function firstBlock(): usize {
  return first + padding;
}

/** Where a block of the second map goes. */
export function secondBlock(): usize {
  return second + padding;
}

/** [256, 256] u32 counts, first map's label x second map's. */
export function counts(): usize {
  return pairs;
}

/** [256] u8, 1 for a row of the counts that was added to. */
export function touchedRows(): usize {
  return rows;
}

/** 16 bits, one per pixel from `i` on, set where neither map changes from the pixel before. */
function same(a: usize, b: usize, i: usize): u64 {
  const equal = v128.and(
    i8x16.eq(v128.load(a + i), v128.load(a + i - 1)),
    i8x16.eq(v128.load(b + i), v128.load(b + i - 1)),
  );
  return <u64>(<u32>i8x16.bitmask(equal));
}

function add(p: usize, g: usize, pixels: u32): void {
  const at = pairs + ((p << 8) + g) * 4;
  store<u32>(at, load<u32>(at) + pixels);
  store<u8>(rows + p, 1);
}

/** Adds the pairs of the block's first `n` pixels, n > 0: 64 pixels at a time, one addition per stretch of equal pairs. */
export function countBlock(n: i32): void {
  const a = first + padding;
  const b = second + padding;
  let p = <usize>load<u8>(a);
  let g = <usize>load<u8>(b);
  store<u8>(a - 1, <u8>p);
  store<u8>(b - 1, <u8>g);
  let start: usize = 0;
  const end = <usize>n;
  const one: u64 = 1;
  for (let i: usize = 0; i < end; i += 64) {
    let changes = ~(
      same(a, b, i) |
      (same(a, b, i + 16) << 16) |
      (same(a, b, i + 32) << 32) |
      (same(a, b, i + 48) << 48)
    );
    // what lies behind the block's end is left over from another one
    if (i + 64 > end) changes &= (one << (end - i)) - 1;
    while (changes != 0) {
      const at = i + <usize>ctz(changes);
      changes &= changes - 1;
      add(p, g, <u32>(at - start));
      start = at;
      p = <usize>load<u8>(a + at);
      g = <usize>load<u8>(b + at);
    }
  }
  add(p, g, <u32>(end - start));
}
