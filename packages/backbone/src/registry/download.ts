import { U2SegError, type OnProgress } from '@u2seg/core';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';

export interface DownloadOptions {
  readonly onProgress?: OnProgress;
  /** Stops the download; what has arrived is kept and continued from next time. */
  readonly signal?: AbortSignal;
  /** Longest wait for the next bytes, in milliseconds. */
  readonly stallTimeout?: number;
}

/** A minute without a byte counts as a dead connection. */
export const downloadDefaults: Required<Pick<DownloadOptions, 'stallTimeout'>> = { stallTimeout: 60_000 };

/**
 * Downloads `address` to `path`. The bytes collect in `path.part`; a download that broke off continues there if the
 * server still has the same file (`Range` with `If-Range`), and begins again if not. `path` appears only when complete.
 *
 * @throws U2SegError `unavailable` naming address and reason, when there is no network or the server refuses
 */
export async function downloadFile(address: string, path: string, options: DownloadOptions = {}): Promise<void> {
  const { stallTimeout } = { ...downloadDefaults, ...options };
  const part = `${path}.part`;
  const tagFile = `${path}.part.etag`;
  const fail = (reason: string, cause?: unknown): never => {
    throw new U2SegError('unavailable', `downloadFile: ${address}: ${reason}`, { cause });
  };
  const have = await sizeOf(part);
  const tag = have > 0 ? await readFile(tagFile, 'utf8').catch(() => '') : '';
  const resumable = have > 0 && tag !== '';

  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(), stallTimeout);
  const signal = options.signal === undefined ? stall.signal : AbortSignal.any([stall.signal, options.signal]);
  try {
    let response: Response;
    try {
      const headers = resumable ? { Range: `bytes=${have}-`, 'If-Range': tag } : {};
      response = await fetch(address, { headers: { 'Accept-Encoding': 'identity', ...headers }, signal });
    } catch (cause) {
      return fail(`cannot be reached (${reasonOf(cause)}).`, cause);
    }
    if (response.status === 416) {
      // What was kept is longer than the file is now.
      await response.body?.cancel();
      await Promise.all([rm(part, { force: true }), rm(tagFile, { force: true })]);
      return fail('the file changed on the server; run again to start from its beginning.');
    }
    if (!response.ok || response.body === null) return fail(`the server answered ${response.status}.`);
    const start = response.status === 206 ? have : 0;
    if (start === have && have > 0 && !rangeStartsAt(response, have))
      return fail('the server sent another range than asked.');
    await writeFile(tagFile, strongTag(response));
    const length = response.headers.get('content-length');
    const total = length === null ? undefined : start + Number(length);

    const file = await open(part, start > 0 ? 'a' : 'w');
    let done = start;
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        await file.writeFile(chunk);
        done += chunk.byteLength;
        timer.refresh();
        options.onProgress?.({ stage: 'download', done, ...(total === undefined ? {} : { total }), unit: 'bytes' });
      }
      await file.sync();
    } catch (cause) {
      return fail(`broke off after ${done} bytes (${reasonOf(cause)}); run again to continue.`, cause);
    } finally {
      await file.close();
    }
    if (total !== undefined && done !== total)
      return fail(`ended after ${done} of ${total} bytes; run again to continue.`);
    await rename(part, path);
    await rm(tagFile, { force: true });
  } finally {
    clearTimeout(timer);
  }
}

/** SHA-256 of a file in hex, read as a stream. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** `If-Range` wants a strong validator: an ETag, else the date. Without either, a download cannot be continued. */
function strongTag(response: Response): string {
  const tag = response.headers.get('etag');
  return tag !== null && !tag.startsWith('W/') ? tag : (response.headers.get('last-modified') ?? '');
}

function rangeStartsAt(response: Response, start: number): boolean {
  return response.status !== 206 || (response.headers.get('content-range') ?? '').startsWith(`bytes ${start}-`);
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message : String(inner);
}
