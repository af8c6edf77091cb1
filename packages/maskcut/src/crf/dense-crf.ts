import { assertImage, assertInteger, assertLength, U2SegError, type RgbImage } from '@u2seg/core';
import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { returnCrfArena, takeCrfArena, type CrfArena, type CrfThreads } from './crf-kernels.ts';
import { assertCrfKernels, crfIterations, cutlerCrfKernels, type CrfKernel } from './crf-settings.ts';
import { fieldBytes, filterPlane, meanField, type BuiltKernel, type FieldLayout } from './mean-field.ts';
import { buildLattice, pairsOf } from './permutohedral-lattice.ts';

export interface DenseCrfOptions {
  /**
   * Threads that work on the photo, 1 or 2; the results are the same bits. Where photos are worked on side by side, each on
   * a thread, 1 is right. The second thread starts with the first photo and serves the next ones too.
   */
  readonly threads?: CrfThreads;
}

/** threads: 2 on the program's main thread where there are two processors, 1 in a worker, which is one of several. */
export const denseCrfDefaults: Required<DenseCrfOptions> = {
  threads: isMainThread && availableParallelism() > 1 ? 2 : 1,
};

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

/**
 * Fully connected CRF with Gaussian edge potentials (Kraehenbuehl and Koltun 2011) on one photo.
 *
 * The lattices are built once, by the constructor, and shared by every inference on the photo. The approximation is
 * pydensecrf's: same lattice, rounding, blur, normalization and update, in float32; sums are taken in an order of our own,
 * the same on one thread and on two.
 *
 * Holds 30 to 60 bytes a pixel and kernel until `dispose`, and once several masks or labels are asked for 8 more for each
 * lattice point and axis.
 */
export class DenseCrf {
  readonly height: number;
  readonly width: number;
  readonly #arena: CrfArena;
  #kernels: readonly BuiltKernel[];
  #base: number;
  #disposed = false;

  /** @throws U2SegError `shape-mismatch` or `out-of-range` for an image or kernels that make no sense */
  constructor(image: RgbImage, kernels: readonly CrfKernel[] = cutlerCrfKernels, options: DenseCrfOptions = {}) {
    const { threads } = { ...denseCrfDefaults, ...options };
    assertImage('DenseCrf', image);
    assertCrfKernels('DenseCrf', kernels);
    assertInteger('DenseCrf: threads', threads, 1, 2);
    this.height = image.height;
    this.width = image.width;
    this.#arena = takeCrfArena(threads);
    this.#kernels = kernels.map((kernel) => this.#build(image, kernel));
    this.#base = this.#arena.mark();
  }

  /** Threads that the next inference can count on: 1 until the second thread has started. */
  get threadsRunning(): CrfThreads {
    return this.#arena.running;
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
    const layout: FieldLayout = { width: 4, groups: Math.ceil(labels / 4), labelled: true };
    const arena = this.#begin(true);
    const padded = Math.ceil(n / 4) * 4;
    const rows = arena.allocate(fieldBytes(layout, padded));
    const q = arena.allocate(fieldBytes(layout, padded));
    const top = arena.allocate(padded * 4);
    const best = arena.allocate(padded * 4);
    // A group's planes lie where later its probabilities do, and in the end where its energies were.
    const planeOf = (group: number, l: number): number => group + (l % 4) * padded * 4;
    for (let first = 0; first < labels; first += 4) {
      const group = q + first * padded * 4;
      const last = Math.min(labels, first + 4);
      for (let l = first; l < last; l += 1) {
        this.#intoStrips(top, unary.subarray(l * n, (l + 1) * n), planeOf(group, l));
      }
      arena.kernels.filled((4 - last + first) * padded, 1e30, group + (last - first) * padded * 4);
      arena.kernels.toRows(padded, -1, group, rows + first * padded * 4);
    }
    meanField(arena, n, layout, iterations, { unary: rows, q }, this.#kernels);
    const probabilities = new Float32Array(labels * n);
    const ordered = arena.allocate(padded * 4);
    arena.kernels.filled(padded, -1, top);
    for (let first = 0; first < labels; first += 4) {
      const group = rows + first * padded * 4;
      arena.kernels.toPlanes(padded, q + first * padded * 4, group);
      for (let l = first; l < Math.min(labels, first + 4); l += 1) {
        const plane = planeOf(group, l);
        arena.kernels.keepLarger(padded, l, plane, top, best);
        probabilities.set(this.#fromStrips(plane, ordered), l * n);
      }
    }
    this.#fromStrips(best, ordered);
    const winners = arena.i32(ordered, n);
    return { probabilities, labels: labels <= 256 ? Uint8Array.from(winners) : Uint16Array.from(winners) };
  }

  /**
   * Two-label inference for several unaries at once; four share one pass, at little more than the cost of one.
   *
   * The filter is linear, so only the difference of the two marginals is filtered.
   *
   * @param logOdds - of each, [H, W]: energy of label 0 minus energy of label 1
   */
  inferLogOdds(logOdds: readonly Float32Array[], iterations: number = crfIterations): CrfForeground[] {
    const n = this.height * this.width;
    assertInteger('DenseCrf.inferLogOdds: iterations', iterations, 0);
    for (const odds of logOdds) assertLength('DenseCrf.inferLogOdds: logOdds', odds.length, [this.height, this.width]);
    const results: CrfForeground[] = [];
    const padded = Math.ceil(n / 4) * 4;
    for (let first = 0; first < logOdds.length; first += 4) {
      const group = logOdds.slice(first, first + 4);
      const layout: FieldLayout = { width: group.length === 1 ? 1 : 4, groups: 1, labelled: false };
      const arena = this.#begin(group.length > 1);
      const plane = arena.allocate(padded * 4);
      const planes = arena.allocate(4 * padded * 4);
      const unary = arena.allocate(fieldBytes(layout, padded));
      const q = arena.allocate(fieldBytes(layout, padded));
      if (group.length === 1) {
        arena.f32(unary + (padded - 4) * 4, 4).fill(0);
        this.#intoStrips(plane, group[0]!, unary);
      } else {
        arena.f32(planes, 4 * padded).fill(0);
        group.forEach((odds, lane) => this.#intoStrips(plane, odds, planes + lane * padded * 4));
        arena.kernels.toRows(padded, 1, planes, unary);
      }
      const done = meanField(arena, n, layout, iterations, { unary, q }, this.#kernels);
      const take = (rows: number): Float32Array[] => {
        if (group.length === 1) return [this.#fromStrips(rows, plane).slice()];
        arena.kernels.toPlanes(padded, rows, planes);
        return group.map((_, lane) => this.#fromStrips(planes + lane * padded * 4, plane).slice());
      };
      const odds = take(done.logits);
      take(done.probabilities).forEach((probability, lane) => {
        const mask = new Uint8Array(n);
        for (let k = 0; k < n; k += 1) mask[k] = odds[lane]![k]! > 0 ? 1 : 0;
        results.push({ probability, logOdds: odds[lane]!, mask });
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
    for (const mask of masks) assertLength('DenseCrf.refineMasks: masks', mask.length, [this.height, this.width]);
    return this.inferLogOdds(masks.map(maskLogOdds), iterations).map((result) => result.mask);
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

  /** Puts a plane [H, W] in the lattices' order of pixels; `plane` is room for it. */
  #intoStrips(plane: number, values: Float32Array, out: number): void {
    this.#arena.f32(plane, values.length).set(values);
    this.#arena.kernels.toStrips(this.width, this.height, plane, out);
  }

  /** The other way round; a view of the arena. */
  #fromStrips(strips: number, out: number): Float32Array {
    this.#arena.kernels.fromStrips(this.width, this.height, strips, out);
    return this.#arena.f32(out, this.height * this.width);
  }

  #build(image: RgbImage, kernel: CrfKernel): BuiltKernel {
    const arena = this.#arena;
    const n = this.height * this.width;
    const lattice = buildLattice(arena, image, kernel);
    const bytes = Math.ceil(n / 4) * 16;
    const before = arena.allocate(bytes);
    const after = arena.allocate(bytes);
    const scratch = arena.mark();
    const alpha = Math.fround(1 / (1 + 2 ** -lattice.d));
    const normalization = kernel.normalization ?? 'symmetric';
    const built: BuiltKernel = { compat: kernel.compat, lattice, before, after };
    arena.kernels.filled(n, alpha, after);
    // 'none' is the bare filter: the released code computes a mean factor N / sum(n) but never applies it.
    if (normalization === 'none') arena.kernels.filled(n, 1, before);
    else {
      const unit = arena.allocate(bytes);
      const norm = arena.allocate(bytes);
      arena.kernels.filled(n, 1, unit);
      filterPlane(arena, n, { ...built, before: unit }, unit, norm);
      arena.kernels.normalizer(n, normalization === 'symmetric', norm, before);
      if (normalization !== 'before') arena.kernels.scaled(n, alpha, before, after);
      if (normalization === 'after') arena.kernels.filled(n, 1, before);
    }
    arena.release(scratch);
    return built;
  }

  /** The arena with room above what stays for the photo; with the neighbours' rows if rows hold several values. */
  #begin(needsPairs: boolean): CrfArena {
    if (this.#disposed) throw new U2SegError('wrong-usage', 'DenseCrf: used after dispose.');
    this.#arena.release(this.#base);
    if (needsPairs && this.#kernels.some(({ neighbours }) => neighbours === undefined)) {
      this.#kernels = this.#kernels.map((kernel) => ({ ...kernel, neighbours: pairsOf(this.#arena, kernel.lattice) }));
      this.#base = this.#arena.mark();
    }
    return this.#arena;
  }
}

/** Log-odds of label 1 in CutLER's unary: 1 on the mask and -1 elsewhere. */
export function maskLogOdds(mask: Uint8Array): Float32Array {
  const odds = new Float32Array(mask.length);
  for (let k = 0; k < odds.length; k += 1) odds[k] = mask[k] === 0 ? -1 : 1;
  return odds;
}
