import { U2SegError, type PatchFeatures } from '@u2seg/core';
import type { FeatureRow, PartitionedTable } from '@u2seg/interchange';
import type { StegoFeatureSource } from '@u2seg/self-train';

/**
 * Features of all photos, read partition by partition and kept while they fit `maxBytes` (least recently used go first).
 * Photos count in the order of the table.
 */
export class FeatureStore implements StegoFeatureSource {
  readonly count: number;
  readonly dim: number;
  readonly #table: PartitionedTable<FeatureRow>;
  /** First photo of each partition, and the count at the end. */
  readonly #starts: readonly number[];
  readonly #maxBytes: number;
  readonly #kept = new Map<number, Promise<readonly FeatureRow[]>>();
  readonly #bytes = new Map<number, number>();

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
    maxBytes: number = 2 ** 30,
  ): Promise<FeatureStore> {
    const manifest = await table.manifest();
    if (manifest === undefined) throw new U2SegError('not-found', `${table.folder}: the features are not finished.`);
    const starts = [0];
    for (const { rows } of manifest.partitions) starts.push(starts.at(-1)! + rows);
    return new FeatureStore(table, dim, starts, maxBytes);
  }

  async read(index: number): Promise<PatchFeatures> {
    return toFeatures(await this.row(index), this.dim);
  }

  /** Row of a photo, its id included. */
  async row(index: number): Promise<FeatureRow> {
    let p = 0;
    while (this.#starts[p + 1]! <= index) p += 1;
    const rows = await this.#partition(p);
    return rows[index - this.#starts[p]!]!;
  }

  async #partition(p: number): Promise<readonly FeatureRow[]> {
    let rows = this.#kept.get(p);
    if (rows === undefined) rows = this.#table.read(p);
    // Set anew, so that the map's order is the order of use.
    this.#kept.delete(p);
    this.#kept.set(p, rows);
    const bytes = (await rows).reduce((sum, { patches }) => sum + patches.byteLength, 0);
    this.#bytes.set(p, bytes);
    for (const old of this.#kept.keys()) {
      const total = [...this.#kept.keys()].reduce((sum, key) => sum + (this.#bytes.get(key) ?? 0), 0);
      if (total <= this.#maxBytes || old === p) break;
      this.#kept.delete(old);
      this.#bytes.delete(old);
    }
    return rows;
  }
}

/** A row as stages take features. */
export function toFeatures(row: FeatureRow, dim: number): PatchFeatures {
  return { data: row.patches, gridH: row.grid_h, gridW: row.grid_w, dim, patchSize: row.patch_size };
}
