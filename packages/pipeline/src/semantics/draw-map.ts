/** Semantic maps of photos: drawn on a smaller copy, refined by a CRF on threads, and brought to the photo's size. */
import { availableParallelism } from 'node:os';
import { resampleNearest, WorkerPool, type RgbImage } from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';
import type { StegoCrf } from '@u2seg/self-train';
import type { PipelineConfig } from '../config/config.ts';
import type { SemanticCrfJob } from './semantic-crf-worker.ts';

export interface MapDrawer {
  /**
   * Draws the map of one photo.
   *
   * @param segment - labels [H, W] of the copy it is given
   * @returns [H, W] labels of the photo
   */
  draw(
    photo: RgbImage,
    segment: (image: RgbImage, crf: StegoCrf | undefined) => Promise<ArrayLike<number>>,
  ): Promise<Int32Array>;
  close(): Promise<void>;
}

/** Starts the CRF's threads where the settings want one. */
export function openMapDrawer({
  maxSide,
  crf: wanted,
}: Pick<PipelineConfig['semantics'], 'maxSide' | 'crf'>): MapDrawer {
  const crfs = wanted
    ? new WorkerPool<SemanticCrfJob, Uint8Array>(new URL('./semantic-crf-worker.ts', import.meta.url), {
        size: availableParallelism(),
      })
    : undefined;
  const crf: StegoCrf | undefined =
    crfs === undefined
      ? undefined
      : async (image, logProbabilities, labels) =>
          crfs.run({ image, logProbabilities, labels }, [logProbabilities.buffer as ArrayBuffer]);
  return {
    draw: async (photo, segment) => {
      const { height, width } = photo;
      const scale = maxSide === 0 ? 1 : Math.min(1, maxSide / Math.max(height, width));
      if (scale === 1) return Int32Array.from(await segment(photo, crf));
      const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
      const labels = Int32Array.from(await segment(resizePillow(photo, h, w, 'bilinear'), crf));
      return resampleNearest(labels, { height: h, width: w }, height, width);
    },
    close: async () => crfs?.close(),
  };
}
