import { U2SegError, WorkerPool, type Backbone } from '@u2seg/core';
import { cropDescriptors } from './embed-instances.ts';
import { runsInWorkers } from './open-backbone.ts';
import type { LabelledPhoto, PhotoJob, PhotoWorkerData, WarmUpJob } from './photo-job.ts';
import { networkImage, networkSide } from './network-image.ts';
import { decodePhoto } from '../photos/decode-photo.ts';

/** One worker thread, and what it does before its first photo. */
interface PhotoWorker {
  readonly pool: WorkerPool<PhotoJob | WarmUpJob, LabelledPhoto | undefined>;
  readonly ready: Promise<unknown>;
}

/**
 * Labels photos on worker threads. A light backbone lives in each worker; a network stays on the caller's side, where
 * onnxruntime has threads of its own, and runs while the workers cut the photos before.
 *
 * Every worker is a pool of its own, so that one photo that exceeds its time can be stopped without the others.
 */
export class PhotoPool {
  readonly #data: PhotoWorkerData;
  readonly #backbone: Backbone;
  readonly #idle: PhotoWorker[] = [];
  readonly #waiting: ((worker: PhotoWorker) => void)[] = [];
  #extracting: Promise<unknown> = Promise.resolve();

  /** @param backbone - used where the workers have none; its `info` always */
  constructor(size: number, data: PhotoWorkerData, backbone: Backbone) {
    this.#data = data;
    this.#backbone = backbone;
    for (let i = 0; i < size; i += 1) this.#idle.push(this.#start());
  }

  /** @throws U2SegError `unavailable` if the photo took longer than it may, else what the stages throw */
  async label(path: string): Promise<LabelledPhoto & { readonly embeddings: Float32Array }> {
    const { config, folder } = this.#data;
    const alone = runsInWorkers(config.backbone);
    const image = alone ? undefined : await decodePhoto(folder, { path }, config.photos);
    const features =
      image === undefined
        ? undefined
        : await this.#inTurn(() =>
            this.#backbone.extract(networkImage(image, config.backbone, this.#backbone.info.patchSize)),
          );
    const job = { path, ...(image === undefined ? {} : { image }), ...(features === undefined ? {} : { features }) };
    const labelled = await this.#onWorker(job);
    if (labelled.embeddings !== undefined) return { ...labelled, embeddings: labelled.embeddings };
    const size = networkSide(config.backbone, this.#backbone.info.patchSize);
    const embeddings = await this.#inTurn(() => cropDescriptors(image!, labelled.proposals, this.#backbone, size));
    return { ...labelled, embeddings };
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.map(({ pool }) => pool.close()));
  }

  /** One photo at a time through the network: two would only share its threads and double its memory. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#extracting.then(work, work);
    this.#extracting = next.catch(() => undefined);
    return next;
  }

  async #onWorker(job: PhotoJob): Promise<LabelledPhoto> {
    let worker = this.#idle.pop() ?? (await new Promise<PhotoWorker>((resolve) => this.#waiting.push(resolve)));
    const seconds = this.#data.config.proposals.secondsPerPhoto;
    let lost = false;
    try {
      if (seconds === 0) return (await worker.pool.run(job))!;
      // The photo's time begins on a worker that is warm: its start, slow on a busy machine, is nobody's fault.
      await worker.ready;
      return await withinTime(worker.pool.run(job) as Promise<LabelledPhoto>, seconds);
    } catch (cause) {
      // Too slow, or dead: either way the next photo needs a new one, and a warm one.
      lost = seconds > 0 && cause instanceof U2SegError && cause.code === 'unavailable';
      throw cause;
    } finally {
      if (lost) {
        const old = worker;
        worker = this.#start();
        await old.pool.close();
      }
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  #start(): PhotoWorker {
    const url = new URL('./photo-worker.ts', import.meta.url);
    const pool: PhotoWorker['pool'] = new WorkerPool(url, { size: 1, workerData: this.#data });
    const limited = this.#data.config.proposals.secondsPerPhoto > 0;
    const ready = limited ? pool.run({ warmUp: true }) : Promise.resolve();
    // Whoever needs the worker meets the error.
    ready.catch(() => undefined);
    return { pool, ready };
  }
}

/**
 * Waits for `work`, but not longer than it may take.
 *
 * @throws U2SegError `unavailable` when it takes longer
 */
async function withinTime<T>(work: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let done = false;
  const limit = new Promise<never>((_, reject) => {
    const giveUp = (): void => {
      if (done) return;
      reject(
        new U2SegError('unavailable', `took longer than the ${seconds} s a photo may take (proposals.secondsPerPhoto)`),
      );
    };
    // After a turn of the event loop: where this thread was busy, the answer may wait behind the timer.
    timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), 1000 * seconds);
  });
  limit.catch(() => undefined);
  const finished = (): void => {
    done = true;
  };
  work.then(finished, finished);
  try {
    return await Promise.race([work, limit]);
  } finally {
    done = true;
    clearTimeout(timer);
  }
}
