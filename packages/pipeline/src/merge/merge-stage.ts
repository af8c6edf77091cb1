/** Fifth stage: instances over stuff, one panoptic pseudo-label a photo. */
import type { Segment, OnProgress } from '@u2seg/core';
import { PartitionedTable, segmentsTable, type SegmentRow } from '@u2seg/interchange';
import { mergePanoptic, type MergeOptions, type PanopticLabel } from '@u2seg/self-train';
import { z } from 'zod';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from '../run/hash.ts';
import { photosOf, type PhotoIndex } from '../photos/photo-index.ts';
import { componentHashes, loadComponent } from '../run/component.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import type { SemanticTables } from '../semantics/semantics-stage.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { assertSoundMerge } from '../run/sound-labels.ts';
import { byPhoto, toSegment, toSemanticMap } from '../tables/mask-rows.ts';
import { segmentRows } from '../tables/segment-rows.ts';

const summarySchema = z.object({ photos: z.number(), things: z.number(), stuff: z.number(), emptyPhotos: z.number() });

export interface LabelTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly segments: PartitionedTable<SegmentRow>;
  readonly summary: z.infer<typeof summarySchema>;
}

type Merge = (
  instances: readonly Segment[],
  semantic: ArrayLike<number>,
  height: number,
  width: number,
  options: MergeOptions,
) => PanopticLabel;

export async function mergeAll(
  run: RunDirectory,
  index: PhotoIndex,
  instances: InstanceTables,
  semantics: SemanticTables,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<LabelTables> {
  const { component, maxInstances, ...limits } = config.merge;
  const inputsHash = hashOf(instances.inputsHash, semantics.inputsHash, config.merge, await componentHashes(component));
  const { partitions } = instances;
  const segments = new PartitionedTable(run.path('stages', 'merge', 'segments'), segmentsTable, inputsHash);
  const done = await run.finished('merge', inputsHash, summarySchema);
  if (done !== undefined) return { inputsHash, partitions, segments, summary: done };
  const merge = component === undefined ? mergePanoptic : await loadComponent<Merge>(component, 'merge');
  const present = await segments.present();
  for (let p = 0; p < partitions; p += 1) {
    if (present.has(p)) continue;
    const things = byPhoto(await instances.instances.read(p));
    const stuff = byPhoto(await semantics.semantics.read(p));
    const rows: SegmentRow[] = [];
    for (const photo of photosOf(index, p)) {
      const { image_id: id, height, width } = photo;
      const labelled = bestInstances((things.get(id) ?? []).map(toSegment), maxInstances);
      const map = toSemanticMap(stuff.get(id) ?? [], height, width);
      const label = merge(labelled, map, height, width, { ...limits, stuffClusters: config.semantics.clusters });
      rows.push(...segmentRows(id, label, labelled));
    }
    await segments.write(p, rows);
    onProgress({
      stage: 'merge',
      done: Math.min(index.photos.length, (p + 1) * photosPerPartition),
      total: index.photos.length,
      unit: 'photos',
    });
  }
  await segments.finish(partitions);
  const withSegments = new Set<string>();
  let [thingCount, stuffCount] = [0, 0];
  for await (const row of segments.rows(partitions)) {
    withSegments.add(row.image_id);
    if (row.is_thing) thingCount += 1;
    else stuffCount += 1;
  }
  const photos = index.photos.length;
  const summary = { photos, things: thingCount, stuff: stuffCount, emptyPhotos: photos - withSegments.size };
  if (!config.proposals.acceptBroken) assertSoundMerge(summary);
  await run.finish('merge', inputsHash, summary);
  return { inputsHash, partitions, segments, summary };
}

/** The best by score, in the order they had. */
export function bestInstances(instances: readonly Segment[], most: number): Segment[] {
  if (instances.length <= most) return [...instances];
  const order = instances.map((_, i) => i).sort((a, b) => instances[b]!.score - instances[a]!.score || a - b);
  const kept = new Set(order.slice(0, most));
  return instances.filter((_, i) => kept.has(i));
}
