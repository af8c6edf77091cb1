import { readFile, stat } from 'node:fs/promises';
import { U2SegError, type JsonObject } from '@u2seg/core';
import { objectAt, parseJson } from '@u2seg/core/internal';
import { fileError, quoteName } from '../read-source.ts';

/** Node's longest string; larger JSON must be split first. */
const maxJsonBytes = 512 * 1024 * 1024;

/**
 * Reads a JSON file whose top level is an object.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`, or `unsupported` above 512 MB
 */
export async function readJsonObject(path: string): Promise<JsonObject> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxJsonBytes) {
      throw new U2SegError(
        'unsupported',
        `${quoteName(path)} has ${size} bytes; JSON up to ${maxJsonBytes} can be read.`,
      );
    }
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof U2SegError) throw cause;
    throw fileError('cannot read', path, cause);
  }
  return objectAt(quoteName(path), parseJson(quoteName(path), text));
}
