import { serveWorker, type RgbImage } from '@u2seg/core';
import { DenseCrf } from '@u2seg/maskcut';
import { stegoCrfKernels } from '@u2seg/maskcut/internal';

/** One photo's label map to sharpen: [K, H, W] log-probabilities. */
export interface SemanticCrfJob {
  readonly image: RgbImage;
  readonly logProbabilities: Float32Array;
  readonly labels: number;
}

/** Runs STEGO's dense CRF beside the caller. */
serveWorker<SemanticCrfJob, Uint8Array | Uint16Array>(({ image, logProbabilities, labels }) => {
  using crf = new DenseCrf(image, stegoCrfKernels);
  const unary = logProbabilities.map((value) => -value);
  const result = crf.infer(unary, { labels }).labels;
  return { result, transfer: [result.buffer as ArrayBuffer] };
});
