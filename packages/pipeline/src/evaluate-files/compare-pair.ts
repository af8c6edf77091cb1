import { U2SegError } from '@u2seg/core';
import { readPanopticPng } from '@u2seg/datasets';
import { compareImage, type ClusteredSegment, type ComparedImage, type PanopticSegment } from '@u2seg/metrics';
import { naming } from './naming.ts';

/** One image of the ground truth and its prediction: plain data, for a worker thread. */
export interface PairJob {
  readonly name: string;
  readonly gtPng: string;
  readonly predictionPng: string;
  /** Size of the image as `file` lists it. */
  readonly listed?: { readonly id: number; readonly height: number; readonly width: number; readonly file: string };
  readonly gt: readonly PanopticSegment[];
  readonly prediction: readonly ClusteredSegment[];
}

/**
 * Reads the two PNGs and compares them.
 *
 * @throws U2SegError naming the PNG: `shape-mismatch` for a size other than listed or other than the ground truth's, `bad-format`
 *   for a pixel whose segment is not listed, or a listed segment without pixels
 */
export async function comparePair(job: PairJob): Promise<ComparedImage> {
  const { name, gtPng, predictionPng, listed } = job;
  const [truth, map] = await Promise.all([readPanopticPng(gtPng), readPanopticPng(predictionPng)]);
  const { height, width } = truth;
  if (listed !== undefined && (listed.height !== height || listed.width !== width)) {
    throw new U2SegError(
      'shape-mismatch',
      `${gtPng}: has ${width} x ${height} pixels, image ${listed.id} of ${listed.file} ${listed.width} x ${listed.height}.`,
    );
  }
  if (map.height !== height || map.width !== width) {
    throw new U2SegError(
      'shape-mismatch',
      `${predictionPng}: has ${map.width} x ${map.height} pixels, its ground truth ${gtPng} ${width} x ${height}.`,
    );
  }
  return naming(`${predictionPng} against ${gtPng}`, () =>
    compareImage({
      name,
      height,
      width,
      gt: { ids: truth.ids, segments: job.gt },
      prediction: { ids: map.ids, segments: job.prediction },
    }),
  );
}
