/** Panoptic segments of a run for the outside world: COCO panoptic JSON + PNG, COCO instances JSON, semantic PNG. */
import { readFile, rm } from 'node:fs/promises';
import { openLabelWriter, type LabelCategory } from '@u2seg/datasets';
import { writeFileAtomic } from '@u2seg/core';
import type { PartitionedTable, SegmentRow } from '@u2seg/interchange';
import { clusterColor } from '@u2seg/viewer';
import { photosOf } from '../run/photo-index.ts';
import type { StageContext } from '../run/stage-context.ts';
import { byPhoto, paint } from '../tables/mask-rows.ts';

/** Categories of clusters: things 1 to K, stuff K + 1 to K + S, in the report's colours. */
export function clusterCategories(things: number, stuff: number): LabelCategory[] {
  const category = (c: number, isThing: boolean): LabelCategory => ({
    id: isThing ? c + 1 : things + c + 1,
    name: `${isThing ? 'thing' : 'stuff'} ${c}`,
    isThing,
    color: clusterColor(c, isThing),
  });
  return [
    ...Array.from({ length: things }, (_, c) => category(c, true)),
    ...Array.from({ length: stuff }, (_, c) => category(c, false)),
  ];
}

export interface ExportLabelsOptions {
  /** Folder inside the run. */
  readonly name: string;
  /** Segments of the run's photos, and the hash of what they are made from. */
  readonly from: {
    readonly inputsHash: string;
    readonly partitions: number;
    readonly segments: PartitionedTable<SegmentRow>;
  };
  /** Clusters of things and of stuff. */
  readonly things: number;
  readonly stuff: number;
}

/** Writes `<run>/<name>/`; what is there already for the same segments is left as it is. */
export async function exportLabels(
  { run, index, onProgress }: Omit<StageContext, 'config'>,
  { name, from: { inputsHash, partitions, segments }, things, stuff }: ExportLabelsOptions,
): Promise<void> {
  const folder = run.path(name);
  const stamp = run.path('stages', `${name}.made-from`);
  if ((await readFile(stamp, 'utf8').catch(() => '')) === inputsHash) return;
  // Of other segments, or cut off.
  await rm(folder, { recursive: true, force: true });
  const writer = await openLabelWriter({
    folder,
    categories: clusterCategories(things, stuff),
    info: { description: `u2seg ${name}: clusters found without labels`, version: '1' },
  });
  try {
    let id = 0;
    for (let p = 0; p < partitions; p += 1) {
      const groups = byPhoto(await segments.read(p));
      for (const { image_id: photo, path, height, width } of photosOf(index, p)) {
        id += 1;
        const rows = groups.get(photo) ?? [];
        await writer.write(
          { id, fileName: path, height, width },
          {
            ids: paint(rows, height * width),
            segments: rows.map((row) => ({
              id: row.segment_id,
              categoryId: row.is_thing ? row.cluster_id + 1 : things + row.cluster_id + 1,
              isThing: row.is_thing,
              score: row.score,
            })),
          },
        );
        onProgress({ stage: `write ${name}`, done: id, total: index.photos.length, unit: 'photos' });
      }
    }
    await writer.finish();
  } finally {
    await writer.discard();
  }
  await writeFileAtomic(stamp, inputsHash);
}
