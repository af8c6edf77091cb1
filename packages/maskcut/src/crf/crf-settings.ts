import { U2SegError } from '@u2seg/core';

/** How a kernel is normalized; K is the filter, n its response to ones. pydensecrf's names and default. */
export type CrfNormalization = 'symmetric' | 'before' | 'after' | 'none';

interface CrfKernelBase {
  /** Standard deviation of the position, in pixels. */
  readonly sxy: number;
  /** Weight of the Potts term. */
  readonly compat: number;
  /** Default `symmetric`: n^-1/2 K n^-1/2. */
  readonly normalization?: CrfNormalization;
}

/** Smoothness: neighbours agree. */
export interface GaussianKernel extends CrfKernelBase {
  readonly kind: 'gaussian';
}

/** Appearance: neighbours of like colour agree. */
export interface BilateralKernel extends CrfKernelBase {
  readonly kind: 'bilateral';
  /** Standard deviation of each colour channel, in levels of [0, 255]. */
  readonly srgb: number;
  /** Order in which the channels enter the lattice, which is not symmetric in them. Default `rgb`. */
  readonly channelOrder?: 'rgb' | 'bgr';
}

export type CrfKernel = GaussianKernel | BilateralKernel;

/** CutLER's `crf.py`: 10 iterations (arXiv:2301.11320). */
export const cutlerCrfKernels: readonly CrfKernel[] = [
  { kind: 'gaussian', sxy: 3, compat: 7 },
  { kind: 'bilateral', sxy: 50, srgb: 5, compat: 10 },
];

/** STEGO's `crf.py`: 10 iterations, the image handed over as BGR (arXiv:2203.08414). */
export const stegoCrfKernels: readonly CrfKernel[] = [
  { kind: 'gaussian', sxy: 1, compat: 3 },
  { kind: 'bilateral', sxy: 67, srgb: 3, compat: 4, channelOrder: 'bgr' },
];

/** Mean-field iterations in CutLER, STEGO and pydensecrf's examples. */
export const crfIterations = 10;

export function channelIndices(kernel: BilateralKernel): readonly [number, number, number] {
  return kernel.channelOrder === 'bgr' ? [2, 1, 0] : [0, 1, 2];
}

/** @throws U2SegError `out-of-range` for a width that is not positive or a weight that is not finite */
export function assertCrfKernels(where: string, kernels: readonly CrfKernel[]): void {
  for (const kernel of kernels) {
    const widths = kernel.kind === 'gaussian' ? [kernel.sxy] : [kernel.sxy, kernel.srgb];
    if (widths.some((width) => !(width > 0 && Number.isFinite(width))) || !Number.isFinite(kernel.compat)) {
      throw new U2SegError(
        'out-of-range',
        `${where}: a kernel must have positive finite widths and a finite compat, got ${JSON.stringify(kernel)}.`,
      );
    }
  }
}
