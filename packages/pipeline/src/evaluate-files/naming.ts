import { U2SegError } from '@u2seg/core';

/** Runs `work` and puts the files it is about in front of what it complains of. */
export function naming<T>(files: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof U2SegError)) throw cause;
    throw new U2SegError(cause.code, `${files}: ${cause.message}`, { cause });
  }
}
