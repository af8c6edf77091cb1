import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ioError } from './read-source.ts';

/**
 * Writes a file so that a reader sees the old content or the whole new one, never a part: a neighbour is written,
 * flushed to the disk and renamed. Missing folders are made.
 *
 * @throws U2SegError `io` (disk full, read-only, no permission) naming the file
 */
export async function writeAtomic(path: string, content: Uint8Array | string): Promise<void> {
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
    throw ioError('cannot write', path, cause);
  }
}
