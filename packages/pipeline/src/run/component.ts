/** Modules of users' own, in place of a part of the pipeline. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ioError, U2SegError } from '@u2seg/core';
import { hashFile } from './hash.ts';

/** Hashes of users' modules: other code, other results. */
export async function componentHashes(...paths: readonly (string | undefined)[]): Promise<(string | null)[]> {
  return Promise.all(
    paths.map(async (path) => {
      if (path === undefined) return null;
      return hashFile(path).catch((cause: unknown) => {
        throw ioError(`component ${path}: cannot be read`, cause);
      });
    }),
  );
}

/**
 * The function a user's module exports for a slot of the pipeline.
 *
 * @throws U2SegError `not-found` if the module cannot be loaded or has no such export
 */
export async function loadComponent<T>(path: string, name: string): Promise<T> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new U2SegError(
      'not-found',
      `component ${path}: cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  const found = module[name] ?? module['default'];
  if (typeof found !== 'function') {
    throw new U2SegError(
      'not-found',
      `component ${path}: must export a function ${name} (or a default), it exports ${Object.keys(module).join(', ') || 'nothing'}.`,
    );
  }
  return found as T;
}
