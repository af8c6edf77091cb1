import { assertImage, assertInteger, assertLength, U2SegError, type RgbImage } from '@u2seg/core';
import { returnCrfArena, takeCrfArena, type CrfArena } from './crf-kernels.ts';
import { assertCrfKernels, crfIterations, cutlerCrfKernels, type CrfKernel } from './crf-settings.ts';
import { blur, buildLattice, type PermutohedralLattice } from './permutohedral-lattice.ts';

export interface CrfInferOptions {
  /** L, the number of labels of `unary`. */
  readonly labels: number;
  /** Mean-field iterations; 0 gives the softmax of the negated unary. */
  readonly iterations?: number;
}

/** Marginals of a CRF with L labels. */
export interface CrfMarginals {
  /** [L, H, W] in [0, 1], summing to 1 over L. */
  readonly probabilities: Float32Array;
  /** [H, W] index of the most probable label, the first of equals. */
  readonly labels: Uint8Array | Uint16Array;
}

/** Marginals of a two-label CRF. */
export interface CrfForeground {
  /** [H, W] probability of label 1, in [0, 1]. */
  readonly probability: Float32Array;
  /** [H, W] log-odds of label 1, of which `probability` is the logistic function. */
  readonly logOdds: Float32Array;
  /** [H, W], 1 where label 1 is the more probable. */
  readonly mask: Uint8Array;
}

interface BuiltKernel {
  readonly compat: number;
  readonly lattice: PermutohedralLattice;
  /** [N] float32 factors before and after the filter; the latter includes the blur's constant but not `compat`. */
  readonly before: number;
  readonly after: number;
  /** [N] float32 response of the normalized filter to ones. */
  readonly ones: number;
}

// Denormals make the lattice several times slower, and nothing below e^-50 can matter while iterating.
const iterationFloor = -50;
const resultFloor = -87;
const chunk = 2048;

/**
 * Fully connected CRF with Gaussian edge potentials (Kraehenbuehl and Koltun 2011) on one photo.
 *
 * The lattices are built once, by the constructor, and shared by every inference on the photo. The approximation is
 * pydensecrf's: same lattice, rounding, blur, normalization and update, in float32.
 *
 * Holds about 60 bytes a pixel and kernel until `dispose`.
 */
export class DenseCrf {
  readonly height: number;
  readonly width: number;
  readonly #arena: CrfArena;
  readonly #kernels: readonly BuiltKernel[];
  readonly #base: number;
  #disposed = false;

  /** @throws U2SegError `shape-mismatch` or `out-of-range` for an image or kernels that make no sense */
  constructor(image: RgbImage, kernels: readonly CrfKernel[] = cutlerCrfKernels) {
    assertImage('DenseCrf', image);
    assertCrfKernels('DenseCrf', kernels);
    this.height = image.height;
    this.width = image.width;
    this.#arena = takeCrfArena();
    this.#kernels = kernels.map((kernel) => this.#build(image, kernel));
    this.#base = this.#arena.mark();
  }

  /**
   * Mean-field inference with L labels and Potts compatibility.
   *
   * @param unary - [L, H, W] energies, smaller is more likely
   * @throws U2SegError `shape-mismatch`, `out-of-range`, or `wrong-usage` after `dispose`
   */
  infer(unary: Float32Array, options: CrfInferOptions): CrfMarginals {
    const { labels, iterations = crfIterations } = options;
    assertInteger('DenseCrf.infer: labels', labels, 1, 65535);
    assertInteger('DenseCrf.infer: iterations', iterations, 0);
    assertLength('DenseCrf.infer: unary', unary.length, [labels, this.height, this.width]);
    const n = this.height * this.width;
    if (labels === 2) {
      const odds = new Float32Array(n);
      for (let k = 0; k < n; k += 1) odds[k] = unary[k]! - unary[n + k]!;
      const [foreground] = this.inferLogOdds([odds], iterations) as [CrfForeground];
      const probabilities = new Float32Array(2 * n);
      for (let k = 0; k < n; k += 1) probabilities[k] = 1 - foreground.probability[k]!;
      probabilities.set(foreground.probability, n);
      return { probabilities, labels: foreground.mask };
    }
    const lanes = Math.ceil(labels / 4);
    const width = lanes * 4;
    const done = this.#iterate(lanes, iterations, true, (at) => {
      const rows = this.#arena.f32(at, n * width).fill(-1e30);
      for (let l = 0; l < labels; l += 1) for (let k = 0; k < n; k += 1) rows[k * width + l] = -unary[l * n + k]!;
    });
    const rows = this.#arena.f32(done.probabilities, n * width);
    const probabilities = new Float32Array(labels * n);
    const best = labels <= 256 ? new Uint8Array(n) : new Uint16Array(n);
    for (let k = 0; k < n; k += 1) {
      let top = rows[k * width]!;
      for (let l = 0; l < labels; l += 1) {
        const p = rows[k * width + l]!;
        probabilities[l * n + k] = p;
        if (p > top) {
          top = p;
          best[k] = l;
        }
      }
    }
    return { probabilities, labels: best };
  }

  /**
   * Two-label inference for several unaries at once; four share one pass, at little more than the cost of one.
   *
   * The two marginals sum to 1, so only label 1 is filtered: the other follows from the filter's response to ones.
   *
   * @param logOdds - of each, [H, W]: energy of label 0 minus energy of label 1
   */
  inferLogOdds(logOdds: readonly Float32Array[], iterations: number = crfIterations): CrfForeground[] {
    const n = this.height * this.width;
    assertInteger('DenseCrf.inferLogOdds: iterations', iterations, 0);
    for (const odds of logOdds) assertLength('DenseCrf.inferLogOdds: logOdds', odds.length, [this.height, this.width]);
    const results: CrfForeground[] = [];
    for (let first = 0; first < logOdds.length; first += 4) {
      const group = logOdds.slice(first, first + 4);
      const lanes = group.length === 1 ? 0 : 1;
      const width = lanes === 0 ? 1 : 4;
      const { probabilities, logits } = this.#iterate(lanes, iterations, false, (at) => {
        const rows = this.#arena.f32(at, n * width);
        if (group.length < width) rows.fill(0);
        group.forEach((odds, lane) => {
          for (let k = 0; k < n; k += 1) rows[k * width + lane] = odds[k]!;
        });
      });
      const p = this.#arena.f32(probabilities, n * width);
      const x = this.#arena.f32(logits, n * width);
      group.forEach((_, lane) => {
        const probability = new Float32Array(n);
        const odds = new Float32Array(n);
        const mask = new Uint8Array(n);
        for (let k = 0; k < n; k += 1) {
          probability[k] = p[k * width + lane]!;
          odds[k] = x[k * width + lane]!;
          mask[k] = odds[k]! > 0 ? 1 : 0;
        }
        results.push({ probability, logOdds: odds, mask });
      });
    }
    return results;
  }

  /**
   * CutLER's refinement of binary masks: the unary is -log of the softmax of (1 - mask, mask), so that a pixel starts
   * with probability 0.731 for its own label; the result is the more probable label.
   *
   * @param masks - each [H, W], 0 or 1
   * @returns masks in the same order, each [H, W], 0 or 1
   */
  refineMasks(masks: readonly Uint8Array[], iterations: number = crfIterations): Uint8Array[] {
    const odds = masks.map((mask) => {
      assertLength('DenseCrf.refineMasks: masks', mask.length, [this.height, this.width]);
      return Float32Array.from(mask, (value) => (value === 0 ? -1 : 1));
    });
    return this.inferLogOdds(odds, iterations).map((result) => result.mask);
  }

  /** Gives the memory back for the next photo. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    returnCrfArena(this.#arena);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #build(image: RgbImage, kernel: CrfKernel): BuiltKernel {
    const arena = this.#arena;
    const n = this.height * this.width;
    const lattice = buildLattice(arena, image, kernel);
    const before = arena.allocate(n * 4);
    const after = arena.allocate(n * 4);
    const ones = arena.allocate(n * 4);
    const scratch = arena.mark();
    const alpha = Math.fround(1 / (1 + 2 ** -lattice.d));
    arena.f32(before, n).fill(1);
    arena.f32(after, n).fill(alpha);
    const unit = arena.allocate(n * 4);
    arena.f32(unit, n).fill(1);
    this.#filterOnes(lattice, before, after, unit, ones);
    const norm = arena.f32(ones, n);
    const b = arena.f32(before, n);
    const a = arena.f32(after, n);
    const normalization = kernel.normalization ?? 'symmetric';
    // 'none' is the bare filter: the released code computes a mean factor N / sum(n) but never applies it.
    if (normalization !== 'none') {
      for (let k = 0; k < n; k += 1) {
        const factor = normalization === 'symmetric' ? 1 / Math.sqrt(norm[k]! + 1e-20) : 1 / (norm[k]! + 1e-20);
        if (normalization !== 'after') b[k] = factor;
        if (normalization !== 'before') a[k] = alpha * factor;
      }
    }
    this.#filterOnes(lattice, before, after, unit, ones);
    arena.release(scratch);
    return { compat: kernel.compat, lattice, before, after, ones };
  }

  #filterOnes(lattice: PermutohedralLattice, before: number, after: number, unit: number, out: number): void {
    const arena = this.#arena;
    const n = this.height * this.width;
    const scratch = arena.mark();
    const bytes = (lattice.points + 1) * 4;
    const values = arena.allocate(bytes);
    const other = arena.allocate(bytes);
    arena.u8(values, bytes).fill(0);
    arena.u8(other, 4).fill(0);
    const { rows, weights } = lattice;
    arena.kernels.splat1(lattice.d + 1, 0, n, rows, weights, before, unit, values);
    const blurred = blur(arena, lattice, 0, values, other);
    arena.f32(out, n).fill(0);
    arena.kernels.slice1(lattice.d + 1, 0, n, rows, weights, after, blurred, out);
    arena.release(scratch);
  }

  /** `lanes` of four values a pixel, 0 for a single one; `labelled`: softmax over the lanes, else each on its own. */
  #iterate(
    lanes: number,
    iterations: number,
    labelled: boolean,
    fill: (at: number) => void,
  ): { probabilities: number; logits: number } {
    if (this.#disposed) throw new U2SegError('wrong-usage', 'DenseCrf: used after dispose.');
    const arena = this.#arena;
    const { kernels } = arena;
    const n = this.height * this.width;
    const width = lanes === 0 ? 1 : lanes * 4;
    const padded = Math.ceil(n / 4) * 4;
    arena.release(this.#base);
    const unary = arena.allocate(padded * width * 4);
    const logits = arena.allocate(padded * width * 4);
    const q = arena.allocate(padded * width * 4);
    const built = this.#kernels.map((kernel) => {
      const bytes = (kernel.lattice.points + 1) * width * 4;
      return {
        ...kernel,
        bytes,
        scale: arena.allocate(n * 4),
        values: arena.allocate(bytes),
        other: arena.allocate(bytes),
      };
    });
    arena.f32(unary, padded * width).fill(0);
    fill(unary);
    // Of two labels only the first is filtered: compat * (f1 - f0) = compat * (2 f1 - ones).
    for (const kernel of built) {
      const scale = arena.f32(kernel.scale, n);
      const after = arena.f32(kernel.after, n);
      const factor = labelled ? kernel.compat : 2 * kernel.compat;
      for (let k = 0; k < n; k += 1) scale[k] = factor * after[k]!;
    }
    const negate = (from: number, to: number, at: number, floor: number): void => {
      if (labelled) kernels.softmax4(lanes, from, to, at, q, floor);
      else kernels.sigmoid(from * width, Math.ceil((to * width) / 4) * 4, at, q, floor);
    };
    const floorOf = (iteration: number): number => (iteration === iterations ? resultFloor : iterationFloor);
    negate(0, n, unary, floorOf(0));
    if (!labelled && iterations > 0) {
      const base = arena.f32(unary, n * width);
      for (const kernel of built) {
        const ones = arena.f32(kernel.ones, n);
        for (let k = 0; k < n; k += 1) {
          for (let l = 0; l < width; l += 1) base[k * width + l]! -= kernel.compat * ones[k]!;
        }
      }
    }
    for (let iteration = 1; iteration <= iterations; iteration += 1) {
      for (const kernel of built) {
        arena.u8(kernel.values, kernel.bytes).fill(0);
        arena.u8(kernel.other, width * 4).fill(0);
      }
      for (let from = 0; from < n; from += chunk) {
        const to = Math.min(n, from + chunk);
        for (const { lattice, before, values } of built) {
          if (lanes === 0) kernels.splat1(lattice.d + 1, from, to, lattice.rows, lattice.weights, before, q, values);
          else kernels.splat4(lattice.d + 1, lanes, from, to, lattice.rows, lattice.weights, before, q, values);
        }
      }
      const blurred = built.map(({ lattice, values, other }) => blur(arena, lattice, lanes, values, other));
      const whole = arena.u8(0, arena.bytes);
      for (let from = 0; from < n; from += chunk) {
        const to = Math.min(n, from + chunk);
        whole.copyWithin(logits + from * width * 4, unary + from * width * 4, unary + to * width * 4);
        built.forEach(({ lattice, scale }, i) => {
          const { rows, weights } = lattice;
          if (lanes === 0) kernels.slice1(lattice.d + 1, from, to, rows, weights, scale, blurred[i]!, logits);
          else kernels.slice4(lattice.d + 1, lanes, from, to, rows, weights, scale, blurred[i]!, logits);
        });
        negate(from, to, logits, floorOf(iteration));
      }
    }
    return { probabilities: q, logits: iterations === 0 ? unary : logits };
  }
}
