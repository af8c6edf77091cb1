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
}

/** A kernel with the two buffers of one inference; `values` holds what is splatted or blurred last. */
interface RunningKernel {
  readonly lattice: PermutohedralLattice;
  readonly before: number;
  /** [N] float32: `after` times the weight of the kernel. */
  readonly scale: number;
  readonly bytes: number;
  values: number;
  other: number;
}

// Denormals make the lattice several times slower, and nothing below e^-50 can matter while iterating.
const iterationFloor = -50;
const resultFloor = -87;
/** Pixels that go through slice, softmax and splat together, while their weights are in the cache. */
const chunk = 1024;

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
  #base: number;
  #ones: readonly number[] | undefined;
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
    const arena = this.#arena;
    const done = this.#iterate(lanes, iterations, true, (rows, plane) => {
      if (width > labels) arena.f32(rows, n * width).fill(-1e30);
      for (let l = 0; l < labels; l += 1) {
        arena.f32(plane, n).set(unary.subarray(l * n, (l + 1) * n));
        arena.kernels.toLane(n, width, l, -1, plane, rows);
      }
    });
    const probabilities = new Float32Array(labels * n);
    for (let l = 0; l < labels; l += 1) {
      arena.kernels.fromLane(n, width, l, done.probabilities, done.plane);
      probabilities.set(arena.f32(done.plane, n), l * n);
    }
    arena.kernels.argmax(n, width, labels, done.probabilities, done.plane);
    const best = new Uint16Array(arena.u8(done.plane, n * 2).slice().buffer);
    return { probabilities, labels: labels <= 256 ? Uint8Array.from(best) : best };
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
      const arena = this.#arena;
      const done = this.#iterate(lanes, iterations, false, (rows, plane) => {
        if (lanes === 0) arena.f32(rows, n).set(group[0]!);
        else {
          if (group.length < width) arena.f32(rows, n * width).fill(0);
          group.forEach((odds, lane) => {
            arena.f32(plane, n).set(odds);
            arena.kernels.toLane(n, width, lane, 1, plane, rows);
          });
        }
      });
      for (let lane = 0; lane < group.length; lane += 1) {
        const plane = (rows: number): Float32Array => {
          if (lanes === 0) return arena.f32(rows, n).slice();
          arena.kernels.fromLane(n, width, lane, rows, done.plane);
          return arena.f32(done.plane, n).slice();
        };
        const odds = plane(done.logits);
        const mask = new Uint8Array(n);
        for (let k = 0; k < n; k += 1) mask[k] = odds[k]! > 0 ? 1 : 0;
        results.push({ probability: plane(done.probabilities), logOdds: odds, mask });
      }
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
    const scratch = arena.mark();
    const alpha = Math.fround(1 / (1 + 2 ** -lattice.d));
    const unit = arena.allocate(n * 4);
    const norm = arena.allocate(n * 4);
    arena.f32(unit, n).fill(1);
    arena.f32(before, n).fill(1);
    arena.f32(after, n).fill(alpha);
    const normalization = kernel.normalization ?? 'symmetric';
    // 'none' is the bare filter: the released code computes a mean factor N / sum(n) but never applies it.
    if (normalization !== 'none') {
      this.#filterOnes(lattice, before, after, unit, norm);
      const root = normalization === 'symmetric';
      if (normalization !== 'after') arena.kernels.normalizer(n, root, 1, norm, before);
      if (normalization !== 'before') arena.kernels.normalizer(n, root, alpha, norm, after);
    }
    arena.release(scratch);
    return { compat: kernel.compat, lattice, before, after };
  }

  /** [N] float32 for each kernel: the response of the normalized filter to ones, computed when first wanted. */
  #responsesToOnes(): readonly number[] {
    if (this.#ones !== undefined) return this.#ones;
    const arena = this.#arena;
    const n = this.height * this.width;
    arena.release(this.#base);
    const ones = this.#kernels.map(() => arena.allocate(n * 4));
    this.#base = arena.mark();
    const unit = arena.allocate(n * 4);
    arena.f32(unit, n).fill(1);
    this.#kernels.forEach(({ lattice, before, after }, i) => {
      this.#filterOnes(lattice, before, after, unit, ones[i]!);
    });
    this.#ones = ones;
    return ones;
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
    arena.kernels.slice1(lattice.d + 1, 0, n, rows, weights, after, blurred, out, out);
    arena.release(scratch);
  }

  /**
   * Mean-field steps on rows of 4 * lanes values a pixel, or of a single one where `lanes` is 0; `labelled`: softmax over
   * the row, else each value on its own is the log-odds of a two-label problem.
   *
   * @param fill - writes the negated unary, or the log-odds, into rows; `plane` is [N] float32 of scratch
   */
  #iterate(
    lanes: number,
    iterations: number,
    labelled: boolean,
    fill: (rows: number, plane: number) => void,
  ): { readonly probabilities: number; readonly logits: number; readonly plane: number } {
    if (this.#disposed) throw new U2SegError('wrong-usage', 'DenseCrf: used after dispose.');
    const arena = this.#arena;
    const { kernels } = arena;
    const n = this.height * this.width;
    const width = lanes === 0 ? 1 : lanes * 4;
    const padded = Math.ceil(n / 4) * 4;
    const ones = labelled ? [] : this.#responsesToOnes();
    arena.release(this.#base);
    const plane = arena.allocate(padded * 4);
    const unary = arena.allocate(padded * width * 4);
    const q = arena.allocate(padded * width * 4);
    // Only the two-label result needs all logits.
    const logits = arena.allocate((labelled ? chunk : padded) * width * 4);
    const scratchQ = arena.allocate(chunk * width * 4);
    const running = this.#kernels.map((kernel): RunningKernel => {
      const { lattice, before } = kernel;
      const scale = arena.allocate(padded * 4);
      // Of two labels only the second is filtered: compat * (f1 - f0) = compat * (2 f1 - ones).
      kernels.scaled(n, labelled ? kernel.compat : 2 * kernel.compat, kernel.after, scale);
      const bytes = (lattice.points + 1) * width * 4;
      return { lattice, before, scale, bytes, values: arena.allocate(bytes), other: arena.allocate(bytes) };
    });
    arena.f32(unary + (padded - 4) * width * 4, 4 * width).fill(0);
    fill(unary, plane);
    const normalize = (from: number, to: number, at: number, into: number, floor: number): void => {
      if (labelled) kernels.softmax4(lanes, from, to, at, into, floor);
      else kernels.sigmoid(from * width, Math.ceil((to * width) / 4) * 4, at, into, floor);
    };
    if (iterations === 0) {
      normalize(0, n, unary, q, resultFloor);
      return { probabilities: q, logits: unary, plane };
    }
    const rowBytes = width * 4;
    for (let iteration = 0; iteration <= iterations; iteration += 1) {
      for (const kernel of running) {
        if (iteration > 0) this.#blur(kernel, lanes);
        // From here on `values` is read and `other` written.
        if (iteration < iterations) arena.u8(kernel.other, kernel.bytes).fill(0);
      }
      if (iteration === 1) ones.forEach((at, i) => kernels.subtractEach(n, width, this.#kernels[i]!.compat, at, unary));
      const last = iteration === iterations;
      for (let from = 0; from < n; from += chunk) {
        const to = Math.min(n, from + chunk);
        const back = from * rowBytes;
        const sliced = labelled || !last ? logits - back : logits;
        const into = last ? q : scratchQ - back;
        let base = unary;
        if (iteration > 0) {
          for (const { lattice, scale, values } of running) {
            const { d, rows, weights } = lattice;
            if (lanes === 0) kernels.slice1(d + 1, from, to, rows, weights, scale, values, base, sliced);
            else kernels.slice4(d + 1, lanes, from, to, rows, weights, scale, values, base, sliced);
            base = sliced;
          }
        }
        normalize(from, to, base, into, last ? resultFloor : iterationFloor);
        if (last) continue;
        for (const { lattice, before, other } of running) {
          const { d, rows, weights } = lattice;
          if (lanes === 0) kernels.splat1(d + 1, from, to, rows, weights, before, into, other);
          else kernels.splat4(d + 1, lanes, from, to, rows, weights, before, into, other);
        }
      }
    }
    return { probabilities: q, logits: running.length === 0 ? unary : logits, plane };
  }

  /** What was splatted into `other` becomes the blurred `values`. */
  #blur(kernel: RunningKernel, lanes: number): void {
    const { values, other, lattice } = kernel;
    this.#arena.u8(values, Math.max(1, lanes * 4) * 4).fill(0);
    kernel.values = blur(this.#arena, lattice, lanes, other, values);
    kernel.other = kernel.values === values ? other : values;
  }
}
