import { type ProgressEvent, U2SegError } from '@u2seg/core';
import { downloadFile, fetchWeights, findOfficialWeights, loadBackbone, officialWeights } from '@u2seg/backbone';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const content = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251));
const sha256 = createHash('sha256').update(content).digest('hex');

let folder: string;
/** Bytes of an answer that breaks off; the connection is cut once they have arrived. */
const partBytes = 50_000;

let server: Server | undefined;
let interrupted: ServerResponse | undefined;
let requests: { range: string | undefined; ifRange: string | undefined }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'u2seg-weights-'));
  requests = [];
});

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  interrupted = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Serves `content` with ranges; the first `breaks` answers stop after `partBytes`. */
async function serve(options: { breaks?: number; etag?: () => string; ranges?: boolean } = {}): Promise<string> {
  let breaks = options.breaks ?? 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const range = request.headers.range;
    const ifRange = request.headers['if-range'] as string | undefined;
    requests.push({ range, ifRange });
    const etag = options.etag?.() ?? '"1"';
    const from = /^bytes=(\d+)-$/u.exec(range ?? '')?.[1];
    const partial = options.ranges !== false && from !== undefined && ifRange === etag;
    const start = partial ? Number(from) : 0;
    if (start >= content.length) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(partial ? 206 : 200, {
      etag,
      'content-length': content.length - start,
      ...(partial ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    if (breaks > 0) {
      breaks -= 1;
      response.write(content.subarray(start, start + partBytes));
      interrupted = response;
    } else {
      response.end(content.subarray(start));
    }
  };
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/weights.pth`;
}

const cutOff = {
  onProgress: ({ done }: ProgressEvent): void => {
    if (done >= partBytes) interrupted?.destroy();
  },
};

const errorOf = async (action: () => Promise<unknown>): Promise<U2SegError> => {
  try {
    await action();
  } catch (error) {
    if (error instanceof U2SegError) return error;
    throw error;
  }
  throw new Error('no error');
};

const entry = (address: string) =>
  ({ name: 'test', file: 'weights.pth', address, license: 'Apache-2.0', architecture: 'vit', source: 'test' }) as const;

describe('downloadFile', () => {
  it('downloads a file and tells how far it is', async () => {
    const path = join(folder, 'a');
    const done: number[] = [];
    await downloadFile(await serve(), path, { onProgress: (event) => done.push(event.done) });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(done.at(-1)).toBe(content.length);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  it('continues a download that broke off', async () => {
    const path = join(folder, 'a');
    const address = await serve({ breaks: 1 });
    const error = await errorOf(() => downloadFile(address, path, cutOff));
    expect(error.code).toBe('unavailable');
    expect(error.message).toContain('run again to continue');
    expect(existsSync(path)).toBe(false);
    await downloadFile(address, path);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(requests[1]!.range).toMatch(/^bytes=[1-9]\d*-$/u);
    expect(requests[1]!.ifRange).toBe('"1"');
  });

  it('begins again when the file changed on the server', async () => {
    const path = join(folder, 'a');
    let version = 1;
    const address = await serve({ breaks: 1, etag: () => `"${version}"` });
    await errorOf(() => downloadFile(address, path, cutOff));
    version = 2;
    await downloadFile(address, path);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('begins again when the server knows no ranges', async () => {
    const path = join(folder, 'a');
    const address = await serve({ breaks: 1, ranges: false });
    await errorOf(() => downloadFile(address, path, cutOff));
    await downloadFile(address, path);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('recovers from a part that is longer than the file', async () => {
    const path = join(folder, 'a');
    writeFileSync(`${path}.part`, Buffer.alloc(content.length + 5));
    writeFileSync(`${path}.part.etag`, '"1"');
    const address = await serve();
    expect((await errorOf(() => downloadFile(address, path))).code).toBe('unavailable');
    await downloadFile(address, path);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('gives up on a server that falls silent', async () => {
    const silent = createServer(() => undefined);
    server = silent;
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/x`;
    const error = await errorOf(() => downloadFile(address, join(folder, 'a'), { stallTimeout: 100 }));
    expect(error.code).toBe('unavailable');
  });
});

describe('fetchWeights', () => {
  it('pins the checksum on first download and notices a change', async () => {
    const address = await serve();
    const first = await fetchWeights(entry(address), { cacheDirectory: folder });
    expect(first.sha256).toBe(sha256);
    expect(readFileSync(`${first.path}.sha256`, 'utf8')).toBe(`${sha256}  weights.pth\n`);
    await fetchWeights(entry(address), { cacheDirectory: folder, offline: true });
    expect(requests).toHaveLength(1);
    writeFileSync(first.path, 'something else');
    const error = await errorOf(() => fetchWeights(entry(address), { cacheDirectory: folder }));
    expect(error.code).toBe('conflict');
  });

  it('refuses a download that has not the published checksum', async () => {
    const published = { ...entry(await serve()), sha256: '0'.repeat(64) };
    expect((await errorOf(() => fetchWeights(published, { cacheDirectory: folder }))).code).toBe('conflict');
  });

  it('downloads once for two that ask at the same time', async () => {
    const address = await serve();
    const both = await Promise.all([1, 2].map(() => fetchWeights(entry(address), { cacheDirectory: folder })));
    expect(both.map((weights) => weights.sha256)).toEqual([sha256, sha256]);
    expect(requests).toHaveLength(1);
  });

  it('names file, address and flag when offline', async () => {
    const error = await errorOf(() => loadBackbone('dino-vits8', { cacheDirectory: '/nowhere', offline: true }));
    expect(error.code).toBe('unavailable');
    expect(error.message).toMatchInlineSnapshot(
      `"Weights "dino-vits8" are not in /nowhere and could not be downloaded: this run is offline. Fetch dino_deitsmall8_pretrain.pth from https://dl.fbaipublicfiles.com/dino/dino_deitsmall8_pretrain/dino_deitsmall8_pretrain.pth where there is a network and pass it with --weights <file>, or copy it into that folder."`,
    );
  });

  it('names them too when the server cannot be reached', async () => {
    const address = await serve();
    server!.close();
    server!.closeAllConnections();
    const error = await errorOf(() => fetchWeights(entry(address), { cacheDirectory: folder }));
    expect(error.code).toBe('unavailable');
    expect(error.message).toContain(address);
    expect(error.message).toContain('--weights');
  });
});

describe('officialWeights', () => {
  it('has one entry a name, each with address and licence and no invented checksum', () => {
    expect(new Set(officialWeights.map(({ name }) => name)).size).toBe(officialWeights.length);
    for (const { address, license, sha256: published } of officialWeights) {
      expect(new URL(address).protocol).toBe('https:');
      expect(license).not.toBe('');
      expect(published).toBeUndefined();
    }
    expect(() => findOfficialWeights('dino')).toThrow(/dino-vits8/u);
  });
});
