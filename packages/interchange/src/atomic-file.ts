import { readFile } from 'node:fs/promises';
import { U2SegError } from '@u2seg/core';
import writeFileAtomically from 'write-file-atomic';
import type { z } from 'zod';

/**
 * Writes a file so that its name shows either the old content or the new, never a part: temporary file, fsync, rename.
 *
 * @throws U2SegError `io` naming the file; the temporary file is removed
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFileAtomically(
      path,
      typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength),
    );
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOSPC'
        ? 'the disk is full'
        : code === 'EROFS' || code === 'EACCES' || code === 'EPERM'
          ? 'writing is not permitted there'
          : cause instanceof Error
            ? cause.message
            : String(cause);
    throw new U2SegError('io', `${path}: could not be written: ${why}.`, { cause });
  }
}

/** JSON by schema; undefined where the file does not exist. @throws U2SegError `bad-format` naming file and field */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new U2SegError(
      'io',
      `${path}: could not be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new U2SegError(
      'bad-format',
      `${path}: not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new U2SegError('bad-format', `${path}: ${issue.path.join('.') || 'the document'}: ${issue.message}.`);
  }
  return parsed.data;
}
