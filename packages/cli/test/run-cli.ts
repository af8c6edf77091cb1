import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const bin = fileURLToPath(new URL('../bin/u2seg.js', import.meta.url));

export interface CliOptions {
  /** Kills the process when a line of its output matches. */
  readonly killWhen?: RegExp;
  readonly cwd?: string;
  /** Words before the command, for example those that take root's privileges away. */
  readonly before?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the built command as a user would. */
export function u2seg(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const [command, ...words] = [...(options.before ?? []), process.execPath, bin, ...args] as [string, ...string[]];
    const child = spawn(command, words, {
      cwd: options.cwd,
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    });
    let stdout = '';
    let stderr = '';
    const watch = (text: string): void => {
      if (options.killWhen?.test(text) === true) child.kill('SIGKILL');
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      watch(stdout);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      watch(stderr);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
