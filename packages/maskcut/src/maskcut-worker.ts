import { serveWorker } from '@u2seg/core';
import type { MaskCutAnswer, MaskCutJob } from './maskcut-pool.ts';
import { proposeMasks } from './propose-masks.ts';

/** Worker of `MaskCutPool`. */
serveWorker<MaskCutJob, MaskCutAnswer>(({ image, features, options }) => {
  const proposals = proposeMasks(image, features, options).map(({ mask, bboxXywh, area, details }) => ({
    counts: mask.counts,
    bboxXywh,
    area,
    details,
  }));
  return { result: { proposals }, transfer: proposals.map(({ counts }) => counts.buffer as ArrayBuffer) };
});
