import { U2SegError, WorkerPool, type Backbone } from '@u2seg/core';
import { cropDescriptors } from './embed-instances.ts';
import { runsInWorkers } from './open-backbone.ts';
import { networkImage, type LabelledPhoto, type PhotoJob, type PhotoWorkerData } from './photo-job.ts';
import { decodePhoto } from './photo-index.ts';

/**
 * Labels photos on worker threads. A light backbone lives in each worker; a network stays on the caller's side, where
 * onnxruntime has threads of its own, and runs while the workers cut the photos before.
 *
 * Every worker is a pool of its own, so that one photo that exceeds its time can be stopped without the others.
 */
export class PhotoPool {
  readonly #data: PhotoWorkerData;
  readonly #backbone: Backbone;
  readonly #idle: WorkerPool<PhotoJob, LabelledPhoto>[] = [];
  readonly #waiting: ((pool: WorkerPool<PhotoJob, LabelledPhoto>) => void)[] = [];
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
    const size = Math.round(config.backbone.size / this.#backbone.info.patchSize) * this.#backbone.info.patchSize;
    const embeddings = await this.#inTurn(() => cropDescriptors(image!, labelled.proposals, this.#backbone, size));
    return { ...labelled, embeddings };
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.map((pool) => pool.close()));
  }

  /** One photo at a time through the network: two would only share its threads and double its memory. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#extracting.then(work, work);
    this.#extracting = next.catch(() => undefined);
    return next;
  }

  async #onWorker(job: PhotoJob): Promise<LabelledPhoto> {
    let pool =
      this.#idle.pop() ??
      (await new Promise<WorkerPool<PhotoJob, LabelledPhoto>>((resolve) => this.#waiting.push(resolve)));
    const seconds = this.#data.config.proposals.secondsPerPhoto;
    let timer: NodeJS.Timeout | undefined;
    let late = false;
    try {
      const work = pool.run(job);
      if (seconds === 0) return await work;
      const limit = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          late = true;
          reject(
            new U2SegError(
              'unavailable',
              `took longer than the ${seconds} s a photo may take (proposals.secondsPerPhoto)`,
            ),
          );
        }, 1000 * seconds);
      });
      work.catch(() => undefined);
      return await Promise.race([work, limit]);
    } finally {
      clearTimeout(timer);
      if (late) {
        const stuck = pool;
        pool = this.#start();
        await stuck.close();
      }
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(pool);
      else next(pool);
    }
  }

  #start(): WorkerPool<PhotoJob, LabelledPhoto> {
    return new WorkerPool(new URL('./photo-worker.ts', import.meta.url), { size: 1, workerData: this.#data });
  }
}
