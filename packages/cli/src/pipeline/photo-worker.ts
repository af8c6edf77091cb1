import { workerData } from 'node:worker_threads';
import { serveWorker } from '@u2seg/core';
import { openBackbone, runsInWorkers } from './open-backbone.ts';
import { labelPhoto, type LabelledPhoto, type PhotoJob, type PhotoWorkerData } from './photo-job.ts';

const data = workerData as PhotoWorkerData;
const backbone = runsInWorkers(data.config.backbone) ? await openBackbone(data.config.backbone) : undefined;

/** Worker of `PhotoPool`. */
serveWorker<PhotoJob, LabelledPhoto>(async (job) => ({ result: await labelPhoto(job, data, backbone) }));
