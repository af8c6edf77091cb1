/** The tables that stages exchange (columns are snake_case: they leave TypeScript; units stand in each description). */
import { type Column, flag, integer, matrix, real, text, vector } from './columns.ts';
import type { TableType } from './table.ts';

const imageId: Column<string> = text('identifier of the photo, unique within the run');

interface MaskColumns {
  readonly mask_height: number;
  readonly mask_width: number;
  readonly mask_rle: string;
  readonly bbox_xywh: Float32Array;
  readonly area_px: number;
  readonly score: number;
}

const maskColumns = {
  mask_height: integer('uint32', 'height of the mask, in photo pixels'),
  mask_width: integer('uint32', 'width of the mask, in photo pixels'),
  mask_rle: text('COCO compressed run-length mask (column-major) of size [mask_height, mask_width]'),
  bbox_xywh: vector(4, 'float32', 'bounding box x, y, width, height, in photo pixels'),
  area_px: integer('uint32', 'pixels of the mask'),
  score: real('float32', 'confidence in [0, 1]'),
};

/** A photo that could be read. */
export interface ImageRow {
  readonly image_id: string;
  readonly path: string;
  readonly height: number;
  readonly width: number;
  readonly sha256: string;
}

/** One row is one photo that could be read, sorted by `image_id`. */
export const imagesTable: TableType<ImageRow> = {
  name: 'images',
  version: 1,
  columns: {
    image_id: imageId,
    path: text('path relative to the photo folder, as the file system spells it'),
    height: integer('uint32', 'pixels, after EXIF rotation'),
    width: integer('uint32', 'pixels, after EXIF rotation'),
    sha256: text('SHA-256 of the file, hex'),
  },
};

/** A photo that was left out. */
export interface SkippedRow {
  readonly path: string;
  readonly reason: string;
}

/** One row is one photo that was left out, with the reason. */
export const skippedTable: TableType<SkippedRow> = {
  name: 'skipped',
  version: 1,
  columns: { path: text('path relative to the photo folder'), reason: text('sentence for people') },
};

/** Dense features of one photo. */
export interface FeatureRow {
  readonly image_id: string;
  readonly grid_h: number;
  readonly grid_w: number;
  readonly patch_size: number;
  readonly patches: Float32Array;
  readonly cls: Float32Array;
}

/** One row is one photo. `dim` and `clsDim` are fixed within a table (Arrow fixed-size lists). */
export function featuresTable(dim: number, clsDim: number, width: 'float16' | 'float32'): TableType<FeatureRow> {
  return {
    name: 'features',
    version: 1,
    columns: {
      image_id: imageId,
      grid_h: integer('uint32', 'patches down'),
      grid_w: integer('uint32', 'patches across'),
      patch_size: integer('uint32', 'side of a patch, in network input pixels'),
      patches: matrix(dim, width, '[grid_h * grid_w, dim] row-major, not normalized'),
      cls: vector(clsDim, 'float32', 'global descriptor of the photo; length 0 where the backbone has none'),
    },
  };
}

/** A class-agnostic mask. */
export interface ProposalRow extends MaskColumns {
  readonly image_id: string;
  readonly proposal_id: number;
}

/** One row is one class-agnostic mask, sorted by `image_id`, then by order found. */
export const proposalsTable: TableType<ProposalRow> = {
  name: 'proposals',
  version: 1,
  columns: { image_id: imageId, proposal_id: integer('uint32', '0-based within the photo'), ...maskColumns },
};

/** Descriptor of one proposal, waiting to be clustered. */
export interface EmbeddingRow {
  readonly image_id: string;
  readonly proposal_id: number;
  readonly embedding: Float32Array;
}

/** One row is one proposal's descriptor, in the order of `proposals`. */
export function embeddingsTable(embeddingDim: number): TableType<EmbeddingRow> {
  return {
    name: 'embeddings',
    version: 1,
    columns: {
      image_id: imageId,
      proposal_id: integer('uint32', '0-based within the photo'),
      embedding: vector(embeddingDim, 'float32', 'descriptor of the masked region'),
    },
  };
}

/** A mask with the cluster of its instance. */
export interface InstanceRow extends MaskColumns {
  readonly image_id: string;
  readonly instance_id: number;
  readonly cluster_id: number;
  readonly embedding: Float32Array;
}

/** One row is one clustered instance, sorted like `proposals`. */
export function instancesTable(embeddingDim: number): TableType<InstanceRow> {
  return {
    name: 'instances',
    version: 1,
    columns: {
      image_id: imageId,
      instance_id: integer('uint32', '0-based within the photo'),
      ...maskColumns,
      cluster_id: integer('uint32', 'cluster in [0, K)'),
      embedding: vector(embeddingDim, 'float32', 'descriptor that was clustered'),
    },
  };
}

/** A region of one semantic cluster. */
export interface SemanticRow {
  readonly image_id: string;
  readonly cluster_id: number;
  readonly mask_height: number;
  readonly mask_width: number;
  readonly mask_rle: string;
  readonly area_px: number;
}

/** One row is one region of a photo with one semantic cluster; the regions of a photo are disjoint. */
export const semanticsTable: TableType<SemanticRow> = {
  name: 'semantics',
  version: 1,
  columns: {
    image_id: imageId,
    cluster_id: integer('uint32', 'semantic cluster in [0, 27)'),
    mask_height: maskColumns.mask_height,
    mask_width: maskColumns.mask_width,
    mask_rle: maskColumns.mask_rle,
    area_px: maskColumns.area_px,
  },
};

/** A panoptic segment. */
export interface SegmentRow extends MaskColumns {
  readonly image_id: string;
  readonly segment_id: number;
  readonly is_thing: boolean;
  readonly cluster_id: number;
}

/** One row is one panoptic segment, of a pseudo-label or of a prediction; segments of a photo are disjoint. */
export const segmentsTable: TableType<SegmentRow> = {
  name: 'segments',
  version: 1,
  columns: {
    image_id: imageId,
    segment_id: integer('uint32', '1-based within the photo; 0 is void'),
    is_thing: flag('thing (instance cluster) or stuff (semantic cluster)'),
    cluster_id: integer('uint32', 'thing cluster in [0, K) or stuff cluster in [0, 27)'),
    ...maskColumns,
  },
};

/** A predicted instance. */
export interface PredictionRow extends MaskColumns {
  readonly image_id: string;
  readonly prediction_id: number;
  readonly cluster_id: number;
}

/** One row is one predicted instance (overlaps allowed), sorted by `image_id`, then by falling score. */
export const predictionsTable: TableType<PredictionRow> = {
  name: 'predictions',
  version: 1,
  columns: {
    image_id: imageId,
    prediction_id: integer('uint32', '0-based within the photo'),
    cluster_id: integer('uint32', 'thing cluster in [0, K)'),
    ...maskColumns,
  },
};
