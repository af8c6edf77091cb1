/** Every {@link ErrorCode}. */
export const errorCodes = [
  'shape-mismatch',
  'out-of-range',
  'bad-format',
  'not-converged',
  'not-found',
  'unsupported',
  'unavailable',
  'conflict',
  'wrong-usage',
  'io',
] as const;

/** What kind of failure an {@link U2SegError} reports. */
export type ErrorCode = (typeof errorCodes)[number];

/** Whether a value that crossed a thread, process or file boundary is one of our codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return (errorCodes as readonly unknown[]).includes(value);
}

/**
 * Base of every error this repository throws on purpose. Branch on `code`, not on `message`.
 *
 * The message says where, what was wanted and what came: `maskCut: features.data must be [4, 3] (12 values), got 10 values.`
 */
export class U2SegError extends Error {
  override readonly name: string = 'U2SegError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Throws `shape-mismatch` unless `actual` values were given where `shape` wants their product.
 *
 * @param where - the call and argument, for example `maskCut: features.data`
 */
export function assertLength(where: string, actual: number, shape: readonly number[]): void {
  const wanted = shape.reduce((product, size) => product * size, 1);
  if (actual !== wanted) {
    throw new U2SegError(
      'shape-mismatch',
      `${where} must be [${shape.join(', ')}] (${wanted} values), got ${actual} values.`,
    );
  }
}

/** Throws `out-of-range` unless `min <= value <= max`; NaN never passes. */
export function assertInRange(where: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) {
    throw new U2SegError('out-of-range', `${where} must be in [${min}, ${max}], got ${value}.`);
  }
}

/** Throws `out-of-range` unless `value` is an integer with `min <= value <= max`. */
export function assertInteger(where: string, value: number, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new U2SegError('out-of-range', `${where} must be an integer in [${min}, ${max}], got ${value}.`);
  }
}
