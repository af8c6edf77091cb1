import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { U2SegError, WorkerPool } from '../src/index.ts';
import { errorCodes, isErrorCode } from '../src/internal.ts';

/** A package whose worker answers as `answer`, an expression over the payload, says. */
async function workerUrl(answer: string, ...folders: readonly string[]): Promise<URL> {
  const root = join(await mkdtemp(join(tmpdir(), 'u2seg-pool-')), ...folders);
  await mkdir(join(root, 'dist'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(root, 'dist', 'worker.js'),
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', ({ id, payload }) => parentPort.postMessage({ id, ...(${answer}) }));`,
  );
  return pathToFileURL(join(root, 'src', 'worker.ts'));
}

let pool: WorkerPool<unknown, unknown> | undefined;
afterEach(async () => pool?.close());

describe('WorkerPool', () => {
  it.each([
    ['below a folder named src', ['usr', 'src', 'app']],
    ['below folders with spaces and umlauts', ['mit leerzeichen', 'ümlaut', '100 % #1']],
  ])('starts its workers %s', async (_, folders) => {
    pool = new WorkerPool(await workerUrl('{ result: payload * 2 }', ...folders), { size: 2 });
    expect(await Promise.all([1, 2, 3].map((n) => pool!.run(n)))).toEqual([2, 4, 6]);
  });

  it('rejects with the error the worker posts, by its code', async () => {
    pool = new WorkerPool(await workerUrl("{ error: { code: payload, message: 'no', stack: 'there' } }"), { size: 1 });
    for (const code of errorCodes) {
      await expect(pool.run(code)).rejects.toMatchObject({ name: 'U2SegError', code, message: 'no', stack: 'there' });
    }
  });

  it('takes a code that is none of ours for unavailable', async () => {
    pool = new WorkerPool(await workerUrl("{ error: { code: payload, message: 'no' } }"), { size: 1 });
    for (const code of ['ENOENT', '', undefined, 7, ['io']]) {
      await expect(pool.run(code)).rejects.toMatchObject({ code: 'unavailable', message: 'no' });
    }
  });

  it('names the file of a worker that does not start', async () => {
    const url = await workerUrl('{}', 'mit leerzeichen');
    pool = new WorkerPool(new URL('no-worker.ts', url), { size: 1 });
    const failure = await pool.run(0).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(U2SegError);
    expect((failure as U2SegError).code).toBe('unavailable');
    expect((failure as U2SegError).message).toContain(join('mit leerzeichen', 'dist', 'no-worker.js'));
  });
});

describe('isErrorCode', () => {
  it('knows every code and nothing else', () => {
    expect(errorCodes.every(isErrorCode)).toBe(true);
    expect(['', 'IO', 'toString', undefined, null, 0, {}].some(isErrorCode)).toBe(false);
  });
});
