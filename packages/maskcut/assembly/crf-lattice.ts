// asc: library
// The permutohedral lattice of Adams, Baek and Davis (2010) as Kraehenbuehl and Koltun's dense CRF defines it: feature
// order and rounding are theirs, for the result depends on them.
//
// A lattice point has a key, linear in its coordinates (see `keyOf` in `src/crf/permutohedral-lattice.ts`), and a row, its
// place in the order of keys from 1; row 0 stands for "no such point". Pixels come in strips of columns, so that a tile,
// a run of pixels, is a rectangle of the photo: it meets each of its points many times, and numbers them by itself
// (`locals`). An entry is a point of a tile; `map` leads from it to the row.

/** Columns of a strip: pixels are ordered by strip, within a strip row by row. */
export const stripWidth: i32 = 64;
/** Pixels of a tile, a multiple of 4; its vertices are fewer than 2^16 - 1 and than half of its hash table's slots. */
export const tile: i32 = 4096;
