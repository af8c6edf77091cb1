/** Permissions do not bind root; these run a piece of a test as a user whom they bind. */
import { spawnSync } from 'node:child_process';

/** Debian's and most others' `nobody`. */
const nobody = 65_534;

const isRoot = process.getuid?.() === 0;

/** Uid that owns what {@link asOrdinaryUser} works on: `chown` the folder to it first. */
export const ordinaryUid: number | undefined = isRoot ? nobody : process.getuid?.();

/**
 * Runs `work` in this process under a user who is not root, and comes back. Where the test is no root it just runs.
 *
 * The user is of the whole process, so nothing else may run meanwhile.
 */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (!isRoot) return work();
  process.seteuid!(nobody);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}

/** Words to put before a command so that permissions bind it: none for an ordinary user, undefined where it cannot be done. */
export function boundByPermissions(): readonly string[] | undefined {
  if (process.platform === 'win32') return undefined;
  if (!isRoot) return [];
  // Root without its capabilities: the owner of its files, and bound by their modes.
  const words = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
  return spawnSync(words[0]!, [...words.slice(1), 'true']).status === 0 ? words : undefined;
}
