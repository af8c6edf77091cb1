/** Failed system calls as sentences people can act on. */
import { U2SegError, type ErrorCode } from './errors.ts';

const plainReasons: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['not-found', 'no such file'],
  ENOTDIR: ['not-found', 'a part of the path is not a folder'],
  EACCES: ['io', 'permission denied'],
  EPERM: ['io', 'permission denied'],
  ELOOP: ['io', 'too many symbolic links (a loop)'],
  EISDIR: ['bad-format', 'it is a folder, not a file'],
  ENOSPC: ['io', 'no space left on the disk'],
  EDQUOT: ['io', 'the disk quota is used up'],
  EFBIG: ['io', 'the file is larger than the system allows'],
  EROFS: ['io', 'the file system is read-only'],
  EMFILE: ['io', 'too many files are open (ulimit -n)'],
  ENAMETOOLONG: ['io', 'the name is too long'],
};

/** Why a system call failed, as a clause; the system's own words where we have none. */
export function explainIoError(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? '';
  return plainReasons[code]?.[1] ?? (cause instanceof Error ? cause.message : String(cause));
}

/**
 * A failed system call as an error of ours.
 *
 * @param what - who did what with which file, for example `writeCheckpoint: cannot write "a.bin"`
 */
export function ioError(what: string, cause: unknown): U2SegError {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? '';
  return new U2SegError(plainReasons[code]?.[0] ?? 'io', `${what}: ${explainIoError(cause)}.`, { cause });
}
