import { boxAreas, type BoxArray } from './box-array.ts';

const round = Math.fround;

/** A 224-pixel box belongs to level 4 (FPN, equation 1). */
const canonicalSize = 224;
const canonicalLevel = 4;

/**
 * Pyramid level of each box: floor(4 + log2(sqrt(area) / 224)), clamped.
 *
 * @returns [N] offsets from `minLevel`
 */
export function assignLevels(boxes: BoxArray, minLevel = 2, maxLevel = 5): Int32Array {
  return Int32Array.from(boxAreas(boxes), (area) => {
    const size = round(Math.sqrt(area));
    const logarithm = round(Math.log2(round(round(size / canonicalSize) + 1e-8)));
    const level = Math.floor(round(canonicalLevel + logarithm));
    return Math.min(Math.max(Number.isNaN(level) ? minLevel : level, minLevel), maxLevel) - minLevel;
  });
}
