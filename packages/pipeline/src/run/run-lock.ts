import { hostname } from 'node:os';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, U2SegError } from '@u2seg/core';
import type { Shard } from './partitions.ts';

/** Keeps a second process out of a run folder; call it to let others in. */
export type ReleaseLock = () => Promise<void>;

const wholeRun = 'run.lock';

/**
 * Takes the lock of a run folder: of the whole run, or of one shard, beside which other shards may work. A lock whose process is
 * gone (killed, machine restarted) is taken over.
 *
 * Not a lock with a heartbeat: a training step may keep the thread busy for longer than any sensible timeout.
 *
 * @throws U2SegError `conflict` naming the process that holds it; `io` where it cannot be written
 */
export async function lockRun(folder: string, shard?: Shard): Promise<ReleaseLock> {
  const name = shard === undefined ? wholeRun : `shard-${shard.index + 1}-of-${shard.count}.lock`;
  const release = await takeLock(folder, name);
  const locks = await readdir(folder);
  const others = locks.filter(
    (other) =>
      other !== name && (other === wholeRun || (shard === undefined && /^shard-\d+-of-\d+\.lock$/u.test(other))),
  );
  for (const other of others) {
    const path = join(folder, other);
    const holder = await readHolder(path);
    if (holder === undefined || !isAlive(holder)) continue;
    await release();
    throw taken(folder, path, holder);
  }
  return release;
}

async function takeLock(folder: string, name: string): Promise<ReleaseLock> {
  const path = join(folder, name);
  const own = JSON.stringify({ pid: process.pid, host: hostname() });
  for (let attempt = 0; ; attempt += 1) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(own);
      await file.close();
      return async () => rm(path, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw ioError(`${folder}: cannot be written`, cause);
      }
    }
    const holder = await readHolder(path);
    if (attempt > 2 || (holder !== undefined && isAlive(holder))) throw taken(folder, path, holder);
    await rm(path, { force: true });
  }
}

function taken(folder: string, path: string, holder: Holder | undefined): U2SegError {
  return new U2SegError(
    'conflict',
    `${folder}: process ${holder?.pid ?? 'unknown'} on ${holder?.host ?? 'this machine'} is working on this run; wait for it, or delete ${path} if it is gone.`,
  );
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Undefined when the file is gone or was cut off while it was written. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return Number.isInteger(value.pid) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
