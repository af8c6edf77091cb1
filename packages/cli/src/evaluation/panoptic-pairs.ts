/** Which annotation of a prediction belongs to which of the ground truth, and their PNGs. */
import { basename, dirname, extname, join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readPanopticPng } from '@u2seg/datasets';
import type { PanopticAnnotation, PanopticDataset, PanopticSegment } from '@u2seg/metrics';
import type { EvaluationOptions } from './evaluation.ts';

export interface PanopticPair {
  readonly name: string;
  /** The two PNGs, for error messages. */
  readonly files: string;
  readonly height: number;
  readonly width: number;
  readonly gt: { readonly ids: Uint32Array; readonly segments: readonly PanopticSegment[] };
  readonly prediction: { readonly ids: Uint32Array; readonly segments: readonly PanopticSegment[] };
}

/** Annotations of one image in both files. */
export interface AnnotationPairs {
  readonly found: ReadonlyMap<PanopticAnnotation, PanopticAnnotation>;
  readonly nameOf: (annotation: PanopticAnnotation) => string;
  /** Predictions for images without ground truth. */
  readonly unmatched: readonly string[];
}

/** Annotated images with their predictions, one at a time. */
export async function* readPairs(
  gt: PanopticDataset,
  { gt: gtPath, pred: predictionPath }: Pick<EvaluationOptions, 'gt' | 'pred'>,
  { found, nameOf }: AnnotationPairs,
): AsyncGenerator<PanopticPair> {
  const sizes = new Map(gt.images.map((image) => [image.id, image]));
  for (const annotation of gt.annotations) {
    const name = nameOf(annotation);
    const predicted = found.get(annotation);
    if (predicted === undefined)
      throw new U2SegError('not-found', `${predictionPath}: has no annotation for image ${name} of ${gtPath}.`);
    const gtPng = join(pngFolder(gtPath), annotation.fileName);
    const predictionPng = join(pngFolder(predictionPath), predicted.fileName);
    const [truth, map] = await Promise.all([readPanopticPng(gtPng), readPanopticPng(predictionPng)]);
    const size = sizes.get(annotation.imageId);
    if (size !== undefined && (size.height !== truth.height || size.width !== truth.width)) {
      throw new U2SegError(
        'shape-mismatch',
        `${gtPng}: has ${truth.width} x ${truth.height} pixels, image ${size.id} of ${gtPath} ${size.width} x ${size.height}.`,
      );
    }
    if (truth.height !== map.height || truth.width !== map.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${predictionPng}: has ${map.width} x ${map.height} pixels, its ground truth ${gtPng} ${truth.width} x ${truth.height}.`,
      );
    }
    yield {
      name,
      files: `${predictionPng} against ${gtPng}`,
      height: truth.height,
      width: truth.width,
      gt: { ids: truth.ids, segments: annotation.segments },
      prediction: { ids: map.ids, segments: predicted.segments },
    };
  }
}

/** The PNGs lie in a folder named like the JSON. */
function pngFolder(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}

/**
 * Annotations of one image in both files: by the name of the image's file where both list their images under different names
 * (ids may then differ), else by id.
 */
export function pairAnnotations(gt: PanopticDataset, prediction: PanopticDataset): AnnotationPairs {
  const named = ({ images, annotations }: PanopticDataset): ReadonlyMap<number, string> | undefined => {
    const names = new Map(images.map(({ id, fileName }) => [id, fileName]));
    const used = annotations.map(({ imageId }) => names.get(imageId) ?? '');
    return new Set(used).size === used.length && !used.includes('') ? names : undefined;
  };
  const [gtNames, predictionNames] = [named(gt), named(prediction)];
  const byName = gtNames !== undefined && predictionNames !== undefined;
  const keyOf = (names: ReadonlyMap<number, string> | undefined, { imageId }: PanopticAnnotation): string =>
    (byName ? names?.get(imageId) : undefined) ?? `${imageId}`;
  const predicted = new Map(prediction.annotations.map((one) => [keyOf(predictionNames, one), one]));
  const found = new Map<PanopticAnnotation, PanopticAnnotation>();
  for (const annotation of gt.annotations) {
    const key = keyOf(gtNames, annotation);
    const match = predicted.get(key);
    if (match !== undefined) found.set(annotation, match);
    predicted.delete(key);
  }
  return {
    found,
    nameOf: (annotation) => gtNames?.get(annotation.imageId) ?? `${annotation.imageId}`,
    unmatched: [...predicted.keys()],
  };
}
