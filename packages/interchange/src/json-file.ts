import { readFile } from 'node:fs/promises';
import { ioError, U2SegError } from '@u2seg/core';
import type { z } from 'zod';

/** JSON by schema; undefined where the file does not exist. @throws U2SegError `bad-format` naming file and field */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError(`${path}: could not be read`, cause);
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
