import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A peer's answer: seconds it took and the number it computed; `missing` says which package is not there. */
export interface PeerAnswer {
  readonly seconds?: number;
  /** Processor seconds of all its threads within the time measured. */
  readonly cpu?: number;
  readonly value?: number;
  readonly versions?: Readonly<Record<string, string>>;
  readonly missing?: string;
}

/** The Python process that runs the peers: one for the whole benchmark, so that its caches are warm as ours are. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #waiting: ((answer: PeerAnswer) => void)[] = [];
  #gone: string | undefined;

  /** @param python - `U2SEG_PEER_PYTHON`, else `python3` */
  constructor(folder: string, python: string = process.env['U2SEG_PEER_PYTHON'] ?? 'python3') {
    const script = fileURLToPath(new URL('../../metrics/peers.py', import.meta.url));
    this.#child = spawn(python, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    const leave = (why: string): void => {
      this.#gone = why;
      for (const answer of this.#waiting.splice(0)) answer({ missing: why });
    };
    this.#child.on('error', (error) => leave(error.message));
    this.#child.on('exit', (code) => leave(`${python} left with code ${String(code)}`));
    this.#child.stdin!.on('error', () => undefined);
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#waiting.shift()?.(JSON.parse(line) as PeerAnswer);
    });
  }

  ask(job: string, ...args: readonly string[]): Promise<PeerAnswer> {
    if (this.#gone !== undefined) return Promise.resolve({ missing: this.#gone });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin!.write(`${JSON.stringify({ job, args })}\n`);
    });
  }

  close(): void {
    this.#child.stdin!.end();
  }
}
