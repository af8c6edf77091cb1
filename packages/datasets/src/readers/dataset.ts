/** What every reader gives: images in a fixed order, and the annotations of one image when they are asked for. */
import type { BboxXywh, Rle } from '@u2seg/core';
import type { LabelMap } from '../label-png.ts';

export interface DatasetCategory {
  /** Id in the data set's files; not contiguous. */
  readonly id: number;
  readonly name: string;
  readonly supercategory: string;
  readonly isThing: boolean;
}

export interface DatasetImage {
  /** Unique; the number of a COCO image as text, the file's name elsewhere. */
  readonly id: string;
  /** Absolute path; that the file exists is not promised until it is read. */
  readonly path: string;
}

export interface AnnotatedSegment {
  readonly categoryId: number;
  readonly isThing: boolean;
  /** Absent where the data set has boxes only. */
  readonly mask?: Rle;
  /** Input pixels, as annotated (not tightened to the mask). */
  readonly bboxXywh: BboxXywh;
  /** Pixels, as annotated; of the box where there is no mask. */
  readonly area: number;
  /** A group or an ignored region: no single object. */
  readonly isCrowd: boolean;
  /** Pascal VOC's flag; such objects are left out of VOC's own scores. */
  readonly isDifficult?: boolean;
}

export interface DatasetSample extends DatasetImage {
  readonly height: number;
  readonly width: number;
  /** Things and, in panoptic data, stuff; in the order of the file. Empty where nothing is annotated. */
  readonly segments: readonly AnnotatedSegment[];
  /** Category id per pixel, for data sets annotated that way; `voidLabel` where nothing is known. */
  readonly semantic?: LabelMap & { readonly voidLabel: number };
}

/** An opened data set. Opening reads the index; pixels and masks are read by {@link Dataset.load}, one image at a time. */
export interface Dataset {
  /** For example `coco-panoptic`. */
  readonly name: string;
  readonly split: string;
  readonly categories: readonly DatasetCategory[];
  /** In a fixed order: as listed in the index file, by id where there is none. */
  readonly images: readonly DatasetImage[];
  /**
   * Size and annotations of one of {@link Dataset.images}.
   *
   * @throws U2SegError naming file, record and field where the annotation is malformed
   */
  load(image: DatasetImage): Promise<DatasetSample>;
}

/** Walks a data set in order, holding one image's annotations at a time. */
export async function* readSamples(dataset: Dataset): AsyncGenerator<DatasetSample, void, undefined> {
  for (const image of dataset.images) yield await dataset.load(image);
}
