/** Where a result comes from: what code, on what machine. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What decides a result, besides configuration and data; the same on every run of the same code. */
export interface CodeVersion {
  readonly u2seg: string;
  /** Git commit of the sources, `unknown` outside a repository; `-dirty` where files were changed since. */
  readonly commit: string;
  readonly node: string;
  /** Of the libraries that compute, where they are installed. */
  readonly libraries: Readonly<Record<string, string>>;
}

const computing = [
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs-node-gpu',
  'onnxruntime-node',
  'sharp',
] as const;

export async function codeVersion(): Promise<CodeVersion> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  const git = async (...args: string[]): Promise<string | undefined> => {
    try {
      return (await promisify(execFile)('git', ['-C', folder, ...args])).stdout.trim();
    } catch {
      return undefined;
    }
  };
  const head = await git('rev-parse', 'HEAD');
  // A package installed from npm below somebody else's repository must not report that repository's commit.
  const own = head !== undefined && (await git('ls-files', '--error-unmatch', 'package.json')) !== undefined;
  const changed = own ? await git('status', '--porcelain', '--untracked-files=no') : '';
  return {
    u2seg: manifest.version,
    commit: own ? `${head}${changed === '' ? '' : '-dirty'}` : 'unknown',
    node: process.versions.node,
    libraries: await installedVersions(folder, computing),
  };
}

/** Versions of packages as Node finds them from a folder, upwards. */
async function installedVersions(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of names) {
    for (let at = folder; ; at = dirname(at)) {
      const text = await readFile(join(at, 'node_modules', name, 'package.json'), 'utf8').catch(() => undefined);
      if (text !== undefined) versions[name] = (JSON.parse(text) as { version: string }).version;
      if (text !== undefined || dirname(at) === at) break;
    }
  }
  return versions;
}

/** The machine a run was made on. */
export function machine(): {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
} {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}
