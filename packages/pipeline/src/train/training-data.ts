/** Pseudo-labels and photos as the trainer takes them. */
import { SeededRng, type RgbImage, type Segment } from '@u2seg/core';
import { augment, type TrainingExample, type TrainingSet } from '@u2seg/self-train';
import type { InstanceRow, SegmentRow } from '@u2seg/interchange';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { bestInstances, type LabelTables } from '../merge/merge-stage.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import { photosPerPartition } from '../run/partitions.ts';
import type { PhotoIndex } from '../run/photo-index.ts';
import type { StageContext } from '../run/stage-context.ts';
import { byPhoto, paintRows, toSegment } from '../tables/mask-rows.ts';
import { resizePhoto } from '../photos/resize-photo.ts';

/** What a network learns from. */
export interface TrainingTables {
  readonly instances: InstanceTables;
  readonly labels: LabelTables;
}

export interface LabelledPhotosOptions {
  /** One class for all things: what a class-agnostic network learns. */
  readonly classAgnostic: boolean;
  /** Bytes of decoded, resized examples kept in memory. */
  readonly maxBytes?: number;
}

/** Partitions whose labels are kept: examples come in random order, and each would read and check two whole files again. */
const keptPartitions = 64;

/** Labels of one partition, by photo. */
interface LabelPartition {
  readonly things: ReadonlyMap<string, readonly Segment[]>;
  readonly segments: ReadonlyMap<string, readonly SegmentRow[]>;
}

/**
 * Training examples of a run, photo by photo: instances in full (overlaps kept, as detectron2 reads them from instances
 * JSON), semantic target from the merged label.
 *
 * With `train.shortestEdge` every example is resized once and then kept in memory as far as `maxBytes` goes.
 */
export class LabelledPhotos implements TrainingSet {
  readonly length: number;
  readonly #index: PhotoIndex;
  readonly #instances: InstanceTables;
  readonly #labels: LabelTables;
  readonly #config: PipelineConfig;
  readonly #options: Required<LabelledPhotosOptions>;
  readonly #kept = new Map<number, TrainingExample>();
  #bytes = 0;
  /** By number, the one used last at the end. */
  readonly #partitions = new Map<number, Promise<LabelPartition>>();

  constructor(
    { index, config }: Pick<StageContext, 'index' | 'config'>,
    { instances, labels }: TrainingTables,
    options: LabelledPhotosOptions,
  ) {
    this.length = index.photos.length;
    this.#index = index;
    this.#instances = instances;
    this.#labels = labels;
    this.#config = config;
    this.#options = { maxBytes: 2 ** 30, ...options };
  }

  async load(i: number): Promise<TrainingExample> {
    const kept = this.#kept.get(i);
    if (kept !== undefined) return kept;
    const example = await this.#read(i);
    const bytes = exampleBytes(example);
    if (this.#bytes + bytes <= this.#options.maxBytes) {
      this.#kept.set(i, example);
      this.#bytes += bytes;
    }
    return example;
  }

  async #read(i: number): Promise<TrainingExample> {
    const { photos, train } = this.#config;
    const row = this.#index.photos[i]!;
    const { things, segments } = await this.#tables(Math.floor(i / photosPerPartition));
    const image = await decodePhoto(this.#index.folder, row, photos);
    const instances = (things.get(row.image_id) ?? []).map((one) =>
      this.#options.classAgnostic ? { ...one, clusterId: 0 } : one,
    );
    const example: TrainingExample = {
      image,
      instances,
      semantic: semanticTarget(segments.get(row.image_id) ?? [], image),
      name: row.image_id,
    };
    if (train.shortestEdge === 0) return example;
    // Nothing random is left: no mirror image, one length.
    return augment(example, new SeededRng(0), resizePhoto, {
      flip: 0,
      shortestEdge: [train.shortestEdge],
      maxSize: train.maxSize,
    });
  }

  #tables(p: number): Promise<LabelPartition> {
    const partition = this.#partitions.get(p) ?? this.#readTables(p);
    this.#partitions.delete(p);
    this.#partitions.set(p, partition);
    for (const oldest of this.#partitions.keys()) {
      if (this.#partitions.size <= keptPartitions) break;
      this.#partitions.delete(oldest);
    }
    return partition;
  }

  async #readTables(p: number): Promise<LabelPartition> {
    const best = ([id, rows]: [string, InstanceRow[]]): [string, Segment[]] => [
      id,
      bestInstances(rows.map(toSegment), this.#config.merge.maxInstances),
    ];
    const instances = byPhoto(await this.#instances.instances.read(p));
    return { things: new Map([...instances].map(best)), segments: byPhoto(await this.#labels.segments.read(p)) };
  }
}

/** [H, W]: 0 thing, `1 + cluster` stuff, 255 unknown. */
function semanticTarget(rows: readonly SegmentRow[], { height, width }: RgbImage): Uint8Array {
  const unknown = new Uint8Array(height * width).fill(255);
  return paintRows(unknown, rows, (row) => (row.is_thing ? 0 : 1 + row.cluster_id));
}

function exampleBytes({ image, instances, semantic }: TrainingExample): number {
  return (
    image.data.length + (semantic?.length ?? 0) + instances.reduce((sum, { mask }) => sum + mask.counts.byteLength, 0)
  );
}
