import { workerData } from 'node:worker_threads';
import { serveWorker } from '@u2seg/core';
import { openBackbone, runsInWorkers } from './open-backbone.ts';
import {
  labelPhoto,
  warmUp,
  type LabelledPhoto,
  type PhotoJob,
  type PhotoWorkerData,
  type WarmUpJob,
} from './photo-job.ts';

const data = workerData as PhotoWorkerData;
const backbone = runsInWorkers(data.config.backbone) ? await openBackbone(data.config.backbone) : undefined;

/** Worker of `PhotoPool`. */
serveWorker<PhotoJob | WarmUpJob, LabelledPhoto | undefined>(async (job) => {
  if (!('warmUp' in job)) return { result: await labelPhoto(job, data, backbone) };
  await warmUp(data, backbone);
  return { result: undefined };
});
