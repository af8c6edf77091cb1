import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A Python peer that answers one line of JSON to each line it is given. */
export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Starts `U2SEG_PEER_PYTHON` (default `python3`) and waits for its first line; undefined, with the reason on standard error, where the
   * peer cannot run.
   */
  static async start<T>(script: string, args: readonly string[]): Promise<{ peer: PeerProcess; hello: T } | undefined> {
    return PeerProcess.startCommand<T>(process.env['U2SEG_PEER_PYTHON'] ?? 'python3', [script, ...args]);
  }

  /** The same with any command that answers lines. */
  static async startCommand<T>(
    command: string,
    args: readonly string[],
  ): Promise<{ peer: PeerProcess; hello: T } | undefined> {
    const child = spawn(command, args, { stdio: 'pipe' });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const failed = new Promise<undefined>((resolve) => {
      child.on('error', (error) => {
        errors += error.message;
        resolve(undefined);
      });
      child.on('exit', () => resolve(undefined));
    });
    const peer = new PeerProcess(child);
    const hello = await Promise.race([peer.#lines.next(), failed]);
    if (hello === undefined || hello.done === true) {
      console.error(`no peer: ${command}: ${errors.trim().split('\n').at(-1) ?? 'it ended'}`);
      return undefined;
    }
    return { peer, hello: JSON.parse(hello.value) as T };
  }

  async ask<T>(command: string): Promise<T> {
    this.#child.stdin.write(`${command}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new Error(`the peer ended while it ran "${command}"`);
    return JSON.parse(answer.value) as T;
  }

  stop(): void {
    this.#child.stdin.end();
  }
}
