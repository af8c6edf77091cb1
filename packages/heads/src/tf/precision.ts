/** In which numbers products of matrices and convolutions are taken. */
import { readFileSync } from 'node:fs';
import { U2SegError } from '@u2seg/core';
import { tensorflowKernels } from './tensorflow-kernels.ts';

/**
 * `bfloat16`: inputs and results of convolutions and hidden matrix products are rounded to 8 significant bits, sums inside
 * them, predictions, normalization, losses and parameters stay in float32 (what torch calls autocast).
 */
export type Precision = 'float32' | 'bfloat16';

/**
 * True if the processor multiplies bfloat16 itself (x86 `avx512_bf16` or `amx_bf16`, Arm `bf16`), so that it is faster than
 * float32; undefined where the operating system does not say.
 */
export function cpuHasBfloat16(cpuInfoPath = '/proc/cpuinfo'): boolean | undefined {
  let text: string;
  try {
    text = readFileSync(cpuInfoPath, 'utf8');
  } catch {
    return undefined;
  }
  const line = /^(?:flags|Features)\s*:(.*)$/mu.exec(text)?.[1];
  return line === undefined ? undefined : /\b(?:avx512_bf16|amx_bf16|bf16)\b/u.test(line);
}

/** @throws U2SegError `unavailable` if the current backend has no such arithmetic */
export function assertPrecision(where: string, precision: Precision): void {
  if (precision === 'float32' || tensorflowKernels() !== undefined) return;
  throw new U2SegError(
    'unavailable',
    `${where}: precision ${precision} needs native TensorFlow (npm run setup); the current backend has float32 only.`,
  );
}
