import { U2SegError, type PatchFeatures } from '@u2seg/core';
import type { FeatureRow, MatrixSpan, PartitionedTable } from '@u2seg/interchange';
import type { StegoFeatureSource } from '@u2seg/self-train';

/** Features kept in memory: enough for a small collection; a large one is served by the operating system's cache of files. */
export const featureStoreBytes: number = 16 * 2 ** 20;

/** What is known of a photo once its partition was read: all but its features. */
interface Place extends Omit<PatchFeatures, 'data'> {
  readonly imageId: string;
  readonly partition: number;
  readonly span: MatrixSpan;
}

/**
 * Features of all photos, read from disk photo by photo and kept while they fit `maxBytes` (least recently used go first).
 * A partition is read whole, and checked, when one of its photos is first asked for. Photos count in the order of the table.
 */
export class FeatureStore implements StegoFeatureSource {
  readonly count: number;
  readonly dim: number;
  readonly #table: PartitionedTable<FeatureRow>;
  /** First photo of each partition, and the count at the end. */
  readonly #starts: readonly number[];
  readonly #maxBytes: number;
  readonly #places: Place[] = [];
  readonly #visits = new Map<number, Promise<void>>();
  readonly #kept = new Map<number, Float32Array>();
  #bytes = 0;

  private constructor(table: PartitionedTable<FeatureRow>, dim: number, starts: readonly number[], maxBytes: number) {
    this.#table = table;
    this.dim = dim;
    this.#starts = starts;
    this.count = starts.at(-1)!;
    this.#maxBytes = maxBytes;
  }

  static async open(
    table: PartitionedTable<FeatureRow>,
    dim: number,
    maxBytes: number = featureStoreBytes,
  ): Promise<FeatureStore> {
    const manifest = await table.manifest();
    if (manifest === undefined) throw new U2SegError('not-found', `${table.folder}: the features are not finished.`);
    const starts = [0];
    for (const { rows } of manifest.partitions) starts.push(starts.at(-1)! + rows);
    return new FeatureStore(table, dim, starts, maxBytes);
  }

  /** Bytes of features held now. */
  get bytes(): number {
    return this.#bytes;
  }

  async read(index: number): Promise<PatchFeatures> {
    const { gridH, gridW, dim, patchSize, partition, span } = await this.#place(index);
    let data = this.#kept.get(index);
    if (data === undefined) {
      data = await this.#table.readMatrix(partition, span);
      this.#keep(index, data);
    } else {
      // Set anew, so that the map's order is the order of use.
      this.#kept.delete(index);
      this.#kept.set(index, data);
    }
    return { data, gridH, gridW, dim, patchSize };
  }

  /** Id of a photo. */
  async imageId(index: number): Promise<string> {
    return (await this.#place(index)).imageId;
  }

  /** Lets go of what is kept; the store can be used on. */
  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  async #place(index: number): Promise<Place> {
    if (this.#places[index] === undefined) {
      const partition = partitionOf(this.#starts, index);
      let visit = this.#visits.get(partition);
      if (visit === undefined) {
        visit = this.#visit(partition).finally(() => this.#visits.delete(partition));
        this.#visits.set(partition, visit);
      }
      await visit;
    }
    return this.#places[index]!;
  }

  async #visit(partition: number): Promise<void> {
    const { rows, spans } = await this.#table.readLocated(partition, 'patches');
    for (const [i, row] of rows.entries()) {
      const index = this.#starts[partition]! + i;
      const { data, ...shape } = toFeatures(row, this.dim);
      this.#places[index] = { ...shape, imageId: row.image_id, partition, span: spans[i]! };
      this.#keep(index, data);
    }
  }

  #keep(index: number, patches: Float32Array): void {
    if (this.#kept.has(index)) return;
    this.#kept.set(index, patches);
    this.#bytes += patches.byteLength;
    for (const [old, { byteLength }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes || old === index) break;
      this.#kept.delete(old);
      this.#bytes -= byteLength;
    }
  }
}

/** Partition of a photo, by bisection. */
function partitionOf(starts: readonly number[], index: number): number {
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= index) low = middle;
    else high = middle;
  }
  return low;
}

/** A row as stages take features. */
export function toFeatures(row: FeatureRow, dim: number): PatchFeatures {
  return { data: row.patches, gridH: row.grid_h, gridW: row.grid_w, dim, patchSize: row.patch_size };
}
