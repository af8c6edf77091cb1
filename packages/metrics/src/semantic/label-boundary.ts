/** Half to even, as Python and numpy round. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Boundary of a label map as detectron2's SemSegEvaluator takes it for boundary IoU: the map minus its erosion, that is each
 * label minus the smallest label within `radius` pixels (a square window; outside the image counts as 0).
 *
 * The result is 0 inside a segment and a difference of labels at its edges, not a label: two maps agree at a boundary pixel when
 * these differences do. That is the reference's definition, kept so that numbers compare.
 *
 * @param labels - [H, W] row-major
 * @param ratio - radius as a share of the image's diagonal; at least one pixel
 */
export function labelBoundary(labels: Uint8Array, height: number, width: number, ratio = 0.02): Uint8Array {
  const radius = Math.max(1, roundHalfEven(ratio * Math.sqrt(height ** 2 + width ** 2)));
  const rows = new Uint8Array(labels.length);
  const line = new SlidingMinimum(Math.max(height, width), radius);
  for (let y = 0; y < height; y += 1) line.filter(labels, rows, y * width, 1, width);
  const eroded = new Uint8Array(labels.length);
  for (let x = 0; x < width; x += 1) line.filter(rows, eroded, x, width, height);
  for (let i = 0; i < labels.length; i += 1) eroded[i] = labels[i]! - eroded[i]!;
  return eroded;
}

/** Minimum over a window of 2 r + 1, zero outside: van Herk's two running minima per block. */
class SlidingMinimum {
  readonly #radius: number;
  readonly #forward: Uint8Array;
  readonly #backward: Uint8Array;

  constructor(longest: number, radius: number) {
    this.#radius = radius;
    this.#forward = new Uint8Array(longest);
    this.#backward = new Uint8Array(longest);
  }

  filter(from: Uint8Array, to: Uint8Array, start: number, stride: number, length: number): void {
    const r = this.#radius;
    const window = 2 * r + 1;
    const forward = this.#forward;
    const backward = this.#backward;
    for (let i = 0, at = start; i < length; i += 1, at += stride) {
      const value = from[at]!;
      forward[i] = i % window === 0 ? value : Math.min(forward[i - 1]!, value);
    }
    for (let i = length - 1, at = start + (length - 1) * stride; i >= 0; i -= 1, at -= stride) {
      const value = from[at]!;
      backward[i] = i === length - 1 || (i + 1) % window === 0 ? value : Math.min(backward[i + 1]!, value);
    }
    // within `radius` of the image's edge the window holds a zero
    for (let i = 0, at = start; i < length; i += 1, at += stride) {
      to[at] = i < r || i + r >= length ? 0 : Math.min(backward[i - r]!, forward[i + r]!);
    }
  }
}
