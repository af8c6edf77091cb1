/** A partition of an image into connected regions. */
export interface Regions {
  /** [H, W] region of each pixel, in [0, count). */
  readonly labels: Int32Array;
  readonly count: number;
}

const levels = 256;

/**
 * Watershed by flooding (Meyer 1991) of a map quantized to 256 levels: one region around each regional minimum, every pixel in one
 * region, ties first come first served.
 *
 * @param map - [H, W], at least 0
 * @param ceiling - value that becomes the highest level
 */
export function watershed(map: Float32Array, height: number, width: number, ceiling: number): Regions {
  const n = height * width;
  const level = new Uint8Array(n);
  const scale = ceiling > 0 ? (levels - 1) / ceiling : 0;
  for (let i = 0; i < n; i += 1) level[i] = Math.min(levels - 1, Math.round(map[i]! * scale));
  const { labels, count } = regionalMinima(level, height, width);

  const queued = new Uint8Array(n);
  const next = new Int32Array(n).fill(-1);
  const heads = new Int32Array(levels).fill(-1);
  const tails = new Int32Array(levels).fill(-1);
  let current = 0;
  const push = (i: number): void => {
    if (labels[i]! >= 0 || queued[i] === 1) return;
    queued[i] = 1;
    const at = Math.max(level[i]!, current);
    if (heads[at]! < 0) heads[at] = i;
    else next[tails[at]!] = i;
    tails[at] = i;
  };
  const around = (i: number, visit: (j: number) => void): void => {
    const x = i % width;
    if (x > 0) visit(i - 1);
    if (x < width - 1) visit(i + 1);
    if (i >= width) visit(i - width);
    if (i + width < n) visit(i + width);
  };
  for (let i = 0; i < n; i += 1) if (labels[i]! >= 0) around(i, push);
  while (current < levels) {
    const i = heads[current]!;
    if (i < 0) {
      current += 1;
      continue;
    }
    heads[current] = next[i]!;
    let best = -1;
    around(i, (j) => {
      if (labels[j]! >= 0 && (best < 0 || level[j]! < level[best]!)) best = j;
    });
    labels[i] = labels[best]!;
    around(i, push);
  }
  return { labels, count };
}

/** Labels of the plateaus without a lower neighbour, -1 elsewhere. */
function regionalMinima(level: Uint8Array, height: number, width: number): Regions {
  const n = height * width;
  const labels = new Int32Array(n).fill(-1);
  const seen = new Uint8Array(n);
  const plateau = new Int32Array(n);
  let count = 0;
  for (let start = 0; start < n; start += 1) {
    if (seen[start] === 1) continue;
    const value = level[start]!;
    let [size, isMinimum] = [1, true];
    plateau[0] = start;
    seen[start] = 1;
    const visit = (j: number): void => {
      if (level[j]! < value) isMinimum = false;
      else if (level[j] === value && seen[j] === 0) {
        seen[j] = 1;
        plateau[size] = j;
        size += 1;
      }
    };
    for (let k = 0; k < size; k += 1) {
      const i = plateau[k]!;
      const x = i % width;
      if (x > 0) visit(i - 1);
      if (x < width - 1) visit(i + 1);
      if (i >= width) visit(i - width);
      if (i + width < n) visit(i + width);
    }
    if (!isMinimum) continue;
    for (let k = 0; k < size; k += 1) labels[plateau[k]!] = count;
    count += 1;
  }
  return { labels, count };
}
