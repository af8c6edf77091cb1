import { serveWorker } from '@u2seg/core';
import type { ComparedImage } from '@u2seg/metrics';
import { comparePair, type PairJob } from './compare-pair.ts';

/** Worker of `comparePairs`. */
serveWorker<PairJob, ComparedImage>(async (job) => ({ result: await comparePair(job) }));
