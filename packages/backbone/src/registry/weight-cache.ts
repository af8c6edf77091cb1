import { U2SegError, writeFileAtomic } from '@u2seg/core';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { downloadFile, fileSha256, type DownloadOptions } from './download.ts';
import type { OfficialWeights } from './official-weights.ts';

export interface WeightCacheOptions extends DownloadOptions {
  /** Folder of the files; see {@link defaultCacheDirectory}. */
  readonly cacheDirectory?: string;
  /** Never touch the network. */
  readonly offline?: boolean;
}

/** A file of weights on this machine. */
export interface CachedWeights {
  readonly path: string;
  /** SHA-256 of the file as it is now, in hex. */
  readonly sha256: string;
}

/** `$XDG_CACHE_HOME/u2seg/weights`, by default `~/.cache/u2seg/weights`. */
export function defaultCacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'u2seg', 'weights');
}

/**
 * Finds official weights in the cache, or downloads them into it. Processes that share a cache take turns.
 *
 * The checksum is the published one where there is one. Otherwise the first download pins it, in `<file>.sha256` (the form
 * `sha256sum -c` reads), and every later use must match: weights that change are noticed.
 *
 * @throws U2SegError `unavailable` naming the file, its address and `--weights` when it is neither cached nor
 * reachable; `conflict` when a file does not have its checksum
 */
export async function fetchWeights(entry: OfficialWeights, options: WeightCacheOptions = {}): Promise<CachedWeights> {
  const directory = options.cacheDirectory ?? defaultCacheDirectory();
  const path = join(directory, entry.file);
  if (await exists(path)) return verify(entry, path);
  if (options.offline === true) throw unavailable(entry, directory, 'this run is offline');
  await mkdir(directory, { recursive: true });
  const release = await lock(path, { realpath: false, retries: { retries: 600, factor: 1, minTimeout: 1000 } });
  try {
    if (!(await exists(path))) {
      try {
        await downloadFile(entry.address, path, options);
      } catch (cause) {
        throw unavailable(entry, directory, cause instanceof Error ? cause.message : String(cause), cause);
      }
    }
    return await verify(entry, path);
  } finally {
    await release();
  }
}

function unavailable(entry: OfficialWeights, directory: string, reason: string, cause?: unknown): U2SegError {
  return new U2SegError(
    'unavailable',
    `Weights "${entry.name}" are not in ${directory} and could not be downloaded: ${reason}. ` +
      `Fetch ${entry.file} from ${entry.address} where there is a network and pass it with --weights <file>, ` +
      `or copy it into that folder.`,
    { cause },
  );
}

async function verify(entry: OfficialWeights, path: string): Promise<CachedWeights> {
  const sha256 = await fileSha256(path);
  const pinFile = `${path}.sha256`;
  const pinned = entry.sha256 ?? (await readPin(pinFile));
  if (pinned === undefined) await writeFileAtomic(pinFile, `${sha256}  ${entry.file}\n`);
  else if (pinned !== sha256) {
    throw new U2SegError(
      'conflict',
      `Weights "${entry.name}": ${path} has the SHA-256 ${sha256}, but ${pinned} is ${entry.sha256 === undefined ? `pinned in ${pinFile}` : 'published'}. ` +
        'Delete the file to download it again; delete the pin too if you trust the new one.',
    );
  }
  return { path, sha256 };
}

async function readPin(path: string): Promise<string | undefined> {
  const content = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]{64}/u.exec(content)?.[0];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
