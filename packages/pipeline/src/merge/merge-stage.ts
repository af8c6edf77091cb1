/** Instances over stuff: one panoptic pseudo-label a photo. */
import { join } from 'node:path';
import type { Segment } from '@u2seg/core';
import { PartitionedTable, segmentsTable, type SegmentRow } from '@u2seg/interchange';
import { mergePanoptic, type MergeOptions, type PanopticLabel } from '@u2seg/self-train';
import { z } from 'zod';
import { clusterStage, type InstanceTables } from '../cluster/cluster-stage.ts';
import { stageContext } from '../photos/index-photos.ts';
import { hashOf } from '../run/hash.ts';
import { componentHashes, loadComponent } from '../run/component.ts';
import { semanticsStage, type SemanticTables } from '../semantics/semantics-stage.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { assertSoundMerge, labelWarnings } from '../run/health.ts';
import { photosOf } from '../run/photo-index.ts';
import { fillPartitions, runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Stage } from '../run/stage.ts';
import { byPhoto, toSegment, toSemanticMap } from '../tables/mask-rows.ts';
import { segmentRows } from '../tables/segment-rows.ts';
import { exportLabels } from './export-labels.ts';

const summarySchema = z.object({ photos: z.number(), things: z.number(), stuff: z.number(), emptyPhotos: z.number() });

export interface LabelTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly segments: PartitionedTable<SegmentRow>;
  readonly summary: z.infer<typeof summarySchema>;
}

/** Merges instances and stuff, and writes the pseudo-labels for the outside world. */
export const mergeStage: Stage<LabelTables> = {
  name: 'merge',
  title: 'Panoptic pseudo-labels',
  needs: [clusterStage, semanticsStage],
  command: {
    name: 'pseudo-label',
    description: 'panoptic pseudo-labels, as Arrow tables and as COCO JSON + PNG',
    shard: true,
  },
  run: async (context) => {
    const [instances, semantics] = [context.results.of(clusterStage), context.results.of(semanticsStage)];
    const stage = stageContext(context);
    const labels = await mergeAll(stage, { instances, semantics });
    await exportLabels(stage, {
      name: 'labels',
      from: labels,
      things: instances.summary.k,
      stuff: context.config.semantics.clusters,
    });
    return labels;
  },
  describe: ({ summary }, folder) =>
    `${summary.things} things and ${summary.stuff} stuff segments, in ${join(folder, 'labels')}`,
  reportLines: (results) => {
    const { things, stuff } = results.of(mergeStage).summary;
    return [{ items: things + stuff, detail: `segments: ${things} things, ${stuff} stuff` }];
  },
  summary: (results) => results.get(mergeStage)?.summary,
  warnings: (results) => labelWarnings(results.of(mergeStage).summary),
};

/** What a user's own merge rule exports as `merge`: one panoptic label of a photo from its instances and its [H, W] semantic map. */
export type Merge = (
  instances: readonly Segment[],
  semantic: ArrayLike<number>,
  height: number,
  width: number,
  options: MergeOptions,
) => PanopticLabel;

/**
 * Lays the instances of every photo over its semantic map.
 *
 * @throws U2SegError `not-converged` when hardly any photo gets a label; `not-found` for a component that cannot be loaded
 */
export async function mergeAll(
  context: StageContext,
  { instances, semantics }: { readonly instances: InstanceTables; readonly semantics: SemanticTables },
): Promise<LabelTables> {
  const { run, index, config, onProgress } = context;
  const { component, maxInstances, ...limits } = config.merge;
  const inputsHash = hashOf(instances.inputsHash, semantics.inputsHash, config.merge, await componentHashes(component));
  const { partitions } = instances;
  const segments = new PartitionedTable(run.path('stages', 'merge', 'segments'), segmentsTable, inputsHash);
  const work = async (): Promise<LabelTables['summary']> => {
    const merge = component === undefined ? mergePanoptic : await loadComponent<Merge>(component, 'merge');
    await fillPartitions({ tables: [segments], partitions }, async (missing) => {
      for (const p of missing) {
        const things = byPhoto(await instances.instances.read(p));
        const stuff = byPhoto(await semantics.semantics.read(p));
        const rows: SegmentRow[] = [];
        for (const { image_id: id, height, width } of photosOf(index, p)) {
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
    });
    const withSegments = new Set<string>();
    let [things, stuff] = [0, 0];
    for await (const row of segments.rows(partitions)) {
      withSegments.add(row.image_id);
      if (row.is_thing) things += 1;
      else stuff += 1;
    }
    const photos = index.photos.length;
    const summary = { photos, things, stuff, emptyPhotos: photos - withSegments.size };
    if (!config.proposals.acceptBroken) assertSoundMerge(summary);
    return summary;
  };
  const summary = await runStage(context, { name: 'merge', inputsHash, result: summarySchema, work });
  return { inputsHash, partitions, segments, summary };
}

/** The best by score, in the order they had. */
export function bestInstances(instances: readonly Segment[], most: number): Segment[] {
  if (instances.length <= most) return [...instances];
  const order = instances.map((_, i) => i).sort((a, b) => instances[b]!.score - instances[a]!.score || a - b);
  const kept = new Set(order.slice(0, most));
  return instances.filter((_, i) => kept.has(i));
}
