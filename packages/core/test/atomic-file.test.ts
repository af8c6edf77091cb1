import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asOrdinaryUser, ordinaryUid } from '@u2seg/testing';
import { compiledModuleUrl, explainIoError, ioError, writeFileAtomic } from '../src/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-atomic-'));
});

describe('writeFileAtomic', () => {
  it('writes text and bytes, over what was there, and makes folders', async () => {
    const path = join(folder, 'a', 'b.txt');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, Uint8Array.of(0x6e, 0x65, 0x77));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(join(folder, 'a'))).toEqual(['b.txt']);
  });

  it.skipIf(process.platform === 'win32')('leaves the old file where the new one does not fit', async () => {
    const path = join(folder, 'kept.txt');
    await writeFile(path, 'old');
    const module = compiledModuleUrl(new URL('../src/atomic-file.ts', import.meta.url)).href;
    const script = `
      const { writeFileAtomic } = await import(${JSON.stringify(module)});
      await writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(100_000)).catch(({ code, message }) => console.log(code, message));`;
    // The kernel takes the bytes up to the limit and only refuses the next ones, as on a disk that fills up.
    const { stdout } = spawnSync(
      'sh',
      ['-c', 'ulimit -f 8 && exec "$0" --input-type=module -e "$1"', process.execPath, script],
      { encoding: 'utf8' },
    );
    expect(stdout.replaceAll(folder, '…')).toBe(
      'io …/kept.txt: could not be written: the file is larger than the system allows.\n',
    );
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['kept.txt']);
  });

  it.skipIf(ordinaryUid === undefined)('names the file that may not be written', async () => {
    await chmod(folder, 0o555);
    await expect(asOrdinaryUser(async () => writeFileAtomic(join(folder, 'a.txt'), ''))).rejects.toMatchObject({
      code: 'io',
      message: `${join(folder, 'a.txt')}: could not be written: permission denied.`,
    });
    await chmod(folder, 0o755);
  });
});

describe('explainIoError', () => {
  it('has words of its own for what people meet, and the system’s for the rest', () => {
    const failure = (code: string): Error => Object.assign(new Error(`${code}: as the system says it`), { code });
    expect(explainIoError(failure('ENOSPC'))).toBe('no space left on the disk');
    expect(explainIoError(failure('EIO'))).toBe('EIO: as the system says it');
    expect(explainIoError('text')).toBe('text');
    expect(ioError('read: "a"', failure('ENOENT'))).toMatchObject({
      code: 'not-found',
      message: 'read: "a": no such file.',
    });
  });
});
