import { Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { compiledModuleUrl } from './compiled-module.ts';
import { isErrorCode, U2SegError, type ErrorCode } from './errors.ts';

/** A request as it reaches a worker, and the reply it posts back. */
export interface WorkerRequest<T> {
  readonly id: number;
  readonly payload: T;
}
export type WorkerReply<R> =
  | { readonly id: number; readonly result: R }
  | {
      readonly id: number;
      readonly error: { readonly code: ErrorCode; readonly message: string; readonly stack?: string };
    };

export interface WorkerPoolOptions {
  /** Number of worker threads, at least 1. */
  readonly size: number;
  /** Handed to every worker as `workerData`. */
  readonly workerData?: unknown;
}

/**
 * Fixed number of worker threads fed from one queue in order of arrival; results come back by promise.
 *
 * The worker module calls {@link serveWorker}. A worker that dies rejects what it was doing and is replaced.
 */
export class WorkerPool<T, R> {
  readonly #url: URL;
  readonly #options: WorkerPoolOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #queue: { payload: T; transfer: ArrayBuffer[]; resolve: (r: R) => void; reject: (e: unknown) => void }[] =
    [];
  readonly #running = new Map<Worker, { id: number; resolve: (r: R) => void; reject: (e: unknown) => void }>();
  #nextId = 0;
  #closed = false;

  constructor(moduleUrl: URL, options: WorkerPoolOptions) {
    this.#url = compiledModuleUrl(moduleUrl);
    this.#options = options;
    for (let i = 0; i < Math.max(1, options.size); i += 1) this.#spawn();
  }

  /** Number of worker threads. */
  get size(): number {
    return this.#all.size;
  }

  run(payload: T, transfer: readonly ArrayBuffer[] = []): Promise<R> {
    if (this.#closed) return Promise.reject(new U2SegError('wrong-usage', 'WorkerPool.run: the pool is closed.'));
    return new Promise<R>((resolve, reject) => {
      this.#queue.push({ payload, transfer: [...transfer], resolve, reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0))
      job.reject(new U2SegError('wrong-usage', 'WorkerPool: closed before the job ran.'));
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
    this.#all.clear();
    this.#idle.length = 0;
  }

  #spawn(): void {
    // Compiled modules need none of the parent's loaders; a test runner's export conditions would even lead them to
    // TypeScript sources, which a worker cannot run.
    const worker = new Worker(fileURLToPath(this.#url), { workerData: this.#options.workerData, execArgv: [] });
    worker.unref();
    this.#all.add(worker);
    this.#idle.push(worker);
    worker.on('message', (reply: WorkerReply<R>) => {
      const job = this.#running.get(worker);
      if (job === undefined || job.id !== reply.id) return;
      this.#running.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      if ('error' in reply) {
        // A type is no proof of what another thread posts.
        const { code, message, stack } = reply.error;
        const failure = new U2SegError(isErrorCode(code) ? code : 'unavailable', message);
        if (stack !== undefined) failure.stack = stack;
        job.reject(failure);
      } else job.resolve(reply.result);
      this.#dispatch();
    });
    worker.on('error', (cause) => this.#lost(worker, cause));
    worker.on('exit', () => this.#lost(worker, new Error('the worker thread exited')));
  }

  #lost(worker: Worker, cause: unknown): void {
    if (!this.#all.delete(worker)) return;
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    const job = this.#running.get(worker);
    this.#running.delete(worker);
    const reason = cause instanceof Error ? cause.message : String(cause);
    const module = fileURLToPath(this.#url);
    const failure = new U2SegError('unavailable', `WorkerPool: worker ${module} stopped: ${reason}.`, { cause });
    job?.reject(failure);
    if (this.#closed) return;
    if (job !== undefined) {
      this.#spawn();
      this.#dispatch();
    } else if (this.#all.size === 0) {
      for (const waiting of this.#queue.splice(0)) waiting.reject(failure);
      this.#closed = true;
    }
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && this.#idle.length > 0) {
      const job = this.#queue.shift()!;
      const worker = this.#idle.pop()!;
      const id = this.#nextId;
      this.#nextId += 1;
      this.#running.set(worker, { id, resolve: job.resolve, reject: job.reject });
      worker.ref();
      worker.postMessage({ id, payload: job.payload }, job.transfer);
    }
  }
}
