/** Reading a file so that every failure names it. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ioError, U2SegError } from '@u2seg/core';

/** A file by path or `file:` URL, or its bytes. */
export type ImageSource = string | URL | Uint8Array;

/** Quotes a name so that newlines, spaces and control characters in it stay visible in a message. */
export function quoteName(name: string): string {
  return JSON.stringify(name);
}

/** How messages call a source: the quoted path, or `<bytes>`. */
export function nameOfSource(source: ImageSource): string {
  if (source instanceof Uint8Array) return '<bytes>';
  return quoteName(typeof source === 'string' ? source : fileURLToPath(source));
}

/** Wraps a failed system call: who did what with which file, and why it failed. */
export function fileError(doing: string, path: string, cause: unknown): U2SegError {
  return ioError(`${doing} ${quoteName(path)}`, cause);
}

/**
 * Whole content of a source. Pipes, sockets and devices are refused rather than waited for.
 *
 * @throws U2SegError `not-found`, `io`, or `bad-format` for a folder or an empty file
 */
export async function readSource(where: string, source: ImageSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) {
    if (source.length === 0) throw new U2SegError('bad-format', `${where}: <bytes> is empty (0 bytes).`);
    return source;
  }
  const path = typeof source === 'string' ? source : fileURLToPath(source);
  let bytes: Uint8Array;
  try {
    // O_NONBLOCK: opening a named pipe without a writer must not hang before it can be refused
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const info = await file.stat();
      if (info.isDirectory()) throw Object.assign(new Error('folder'), { code: 'EISDIR' });
      if (!info.isFile()) throw new Error('it is not a regular file');
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError(`${where}: cannot read`, path, cause);
  }
  if (bytes.length === 0) throw new U2SegError('bad-format', `${where}: ${quoteName(path)} is empty (0 bytes).`);
  return bytes;
}
