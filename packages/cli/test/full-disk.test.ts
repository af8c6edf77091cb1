import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readImageHeader } from '@u2seg/datasets';
import { readSafetensors } from '@u2seg/interchange';
import { afterAll, describe, expect, it } from 'vitest';
import { smallRun, summaryOf } from './small-run.ts';

/** A mount namespace of one's own: root has it, others where the kernel lets users have namespaces. */
const unshare = ['unshare', '--mount', '--map-root-user'] as const;
const canMount =
  spawnSync(unshare[0], [...unshare.slice(1), 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' }).status ===
  0;

/** What the disk still takes (bytes) when this much of the JSON events was printed. */
const moments: readonly (readonly [name: string, pattern: string, left: number, message: RegExp])[] = [
  ['partition', '"stage":"propose","done":17', 8192, /propose\/.*\.arrow: could not be written: no space left/u],
  ['semantic checkpoint', '"stage":"stego","done":30', 8192, /stego-.*: could not be written: no space left/u],
  ['label PNGs', '"stage":"write labels","done":9', 0, /labels\/.*: no space left/u],
  ['training checkpoint', '"stage":"train","done":1', 1_000_000, /checkpoint-.*: could not be written: no space left/u],
  ['later in training', '"stage":"train","done":3', 0, /stages\/train\/.*: could not be written: no space left/u],
  ['round', '"begin","stage":"rounds".*"stage":"train","done":1', 1_000_000, /rounds\/.*: no space left/u],
  ['predictions', '"stage":"predict","done":17', 4096, /predict\/.*\.arrow: could not be written: no space left/u],
  ['report', '"begin","stage":"report"', 65_536, /report\.html: could not be written: no space left/u],
];

let root: string;
afterAll(async () => rm(root, { recursive: true, force: true }));

/** Every file under its final name is whole. */
async function assertWhole(run: string): Promise<number> {
  const files = (await readdir(run, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const bytes = new Uint8Array(await readFile(path));
    if (name.endsWith('.arrow')) expect(Buffer.from(bytes).toString('latin1'), path).toMatch(/^ARROW1.*ARROW1$/su);
    else if (name.endsWith('.safetensors')) readSafetensors(bytes, path);
    else if (name.endsWith('.png')) await readImageHeader(path);
    else if (name.endsWith('.json')) JSON.parse(Buffer.from(bytes).toString());
    else if (name.endsWith('.html')) expect(Buffer.from(bytes).toString().trimEnd()).toMatch(/<\/html>$/u);
    else expect(name, path).toMatch(/\.jsonl$|tfevents|\.part$|\.made-from$/u);
  }
  return files.length;
}

describe.skipIf(!canMount)('a disk that fills up (needs a mount namespace: root, or user namespaces)', () => {
  it('ends the command with a sentence, leaves no part of a file, and with space it goes on to the same summary', async () => {
    root = await mkdtemp(join(tmpdir(), 'u2seg-full-'));
    const args = await smallRun(root);
    const job = {
      mount: join(root, 'disk'),
      copy: join(root, 'copies'),
      bin: fileURLToPath(new URL('../bin/u2seg.js', import.meta.url)),
      args,
      moments: moments.map(([name, pattern, left]) => [name, pattern, left]),
    };
    const driver = fileURLToPath(new URL('fill-disk.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(
      unshare[0],
      [...unshare.slice(1), process.execPath, driver, JSON.stringify(job)],
      { maxBuffer: 2 ** 26 },
    );
    const { attempts, last, summary } = JSON.parse(stdout) as {
      attempts: { name: string; code: number; filled: boolean; stderr: string; last: string }[];
      last: { code: number; stderr: string };
      summary: string;
    };
    for (const [i, { name, code, filled, stderr, last: event }] of attempts.entries()) {
      expect({ name, filled, code }).toEqual({ name, filled: true, code: 1 });
      // no stack, and no file handle left to the garbage collector
      expect(stderr, name).not.toMatch(/ at .*\.js:\d+|garbage collection/u);
      expect(JSON.parse(event), name).toMatchObject({ event: 'error', code: 'io' });
      expect((JSON.parse(event) as { message: string }).message).toMatch(moments[i]![3]);
      expect(await assertWhole(join(job.copy, name)), name).toBeGreaterThan(3);
    }
    expect(last.code, last.stderr).toBe(0);
    expect(summary).toBe(await summaryOf(args, join(root, 'whole')));
  }, 1_800_000);
});
