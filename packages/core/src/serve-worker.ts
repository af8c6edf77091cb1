import { parentPort } from 'node:worker_threads';
import { U2SegError } from './errors.ts';
import type { WorkerReply, WorkerRequest } from './worker-pool.ts';

/**
 * Makes the current worker thread answer the requests of a `WorkerPool` with `handler`.
 *
 * @param handler - its result is cloned to the caller; buffers it lists under `transfer` are moved instead
 */
export function serveWorker<T, R>(
  handler: (
    payload: T,
  ) =>
    | Promise<{ readonly result: R; readonly transfer?: readonly ArrayBuffer[] }>
    | { readonly result: R; readonly transfer?: readonly ArrayBuffer[] },
): void {
  const port = parentPort;
  if (port === null) throw new U2SegError('wrong-usage', 'serveWorker: must be called inside a worker thread.');
  port.on('message', async (request: WorkerRequest<T>) => {
    let reply: WorkerReply<R>;
    let transfer: readonly ArrayBuffer[] = [];
    try {
      const answer = await handler(request.payload);
      reply = { id: request.id, result: answer.result };
      transfer = answer.transfer ?? [];
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const code = cause instanceof U2SegError ? cause.code : 'unavailable';
      reply = {
        id: request.id,
        error: { code, message: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) },
      };
    }
    port.postMessage(reply, [...transfer]);
  });
}
