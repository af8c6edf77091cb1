import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ioError } from './io-error.ts';

/**
 * Writes a file so that its name shows either the old content or the whole new one, never a part: a neighbour is written,
 * flushed to the disk and renamed. Missing folders are made.
 *
 * A disk that fills up in the middle of a write takes a part of it without an error; `writeFile` of a file handle goes on until
 * everything is written or an error comes, a bare `write` would not.
 *
 * @throws U2SegError `io` (disk full, read-only, no permission) or `not-found` naming the file; the neighbour is removed
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const partial = `${path}.${process.pid}-${randomUUID().slice(0, 8)}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(partial, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw ioError(`${path}: could not be written`, cause);
  }
}
