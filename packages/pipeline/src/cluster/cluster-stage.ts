/** Pseudo-classes of the instances. */
import { clusterInstances, normalizeRows, type ClusterInstancesOptions, type FixedClusters } from '@u2seg/clustering';
import { assertInteger, deriveSeed, U2SegError, writeFileAtomic, type OnProgress } from '@u2seg/core';
import { instancesTable, PartitionedTable, readJsonFile, type InstanceRow, type ProposalRow } from '@u2seg/interchange';
import { z } from 'zod';
import { openClusteringEngine } from './cluster-engine.ts';
import { ClusterMeans, Exemplars } from './cluster-members.ts';
import { assignedClusters } from './assigned-clusters.ts';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from '../run/hash.ts';
import { componentHashes, loadComponent } from '../run/component.ts';
import { proposeStage, type ProposalTables } from '../propose/propose-stage.ts';
import { assertSoundClusters, clusterWarnings } from '../run/health.ts';
import { runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Stage } from '../run/stage.ts';
import { clusterStreamed, joined } from './stream-clusters.ts';

const summarySchema = z.object({
  k: z.number(),
  instances: z.number(),
  counts: z.array(z.number()),
  warnings: z.array(z.string()),
});
const exemplarSchema = z.array(z.array(z.object({ imageId: z.string(), proposalId: z.number() })));

export interface InstanceTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly instances: PartitionedTable<InstanceRow>;
  readonly summary: z.infer<typeof summarySchema>;
  /** Per cluster, the instances nearest to its centre. */
  readonly exemplars: z.infer<typeof exemplarSchema>;
}

/** What a user's own clustering module exports as `cluster`. */
export type Cluster = (
  embeddings: Float32Array,
  options: { readonly n: number; readonly dim: number; readonly k: number; readonly seed: number },
) =>
  | Promise<{ readonly assignments: ArrayLike<number>; readonly k: number }>
  | { readonly assignments: ArrayLike<number>; readonly k: number };

/** Clusters the instances. */
export const clusterStage: Stage<InstanceTables> = {
  name: 'cluster',
  title: 'Clusters of instances',
  needs: [proposeStage],
  command: { name: 'cluster', description: 'pseudo-classes of the instances' },
  run: (context) => clusterAll(context, { proposals: context.results.of(proposeStage) }),
  describe: ({ summary }) => `${summary.instances} instances in ${summary.k} clusters`,
  reuse: { after: proposeStage, settings: ({ clustering, seed }) => [clustering, seed] },
  reportLines: (results) => {
    const { k, instances } = results.of(clusterStage).summary;
    return [{ items: k, detail: `clusters of ${instances} instances` }];
  },
  summary: (results) => {
    const tables = results.get(clusterStage);
    if (tables === undefined) return undefined;
    const { k, instances, warnings } = tables.summary;
    return { k, instances, warnings };
  },
  warnings: (results) => {
    const { counts, instances, warnings } = results.of(clusterStage).summary;
    return [...warnings, ...clusterWarnings(counts, instances)];
  },
};

/** Classes of things a network has for these clusters: at least one, on photos where nothing was found too. */
export function thingClasses({ summary }: Pick<InstanceTables, 'summary'>): number {
  return Math.max(1, summary.k);
}

/**
 * Gives every proposal a cluster.
 *
 * @throws U2SegError `not-converged` when all instances fall into one of several clusters; `shape-mismatch` if a component gives
 *   another number of assignments
 */
export async function clusterAll(
  { run, config, onProgress }: Omit<StageContext, 'index'>,
  {
    proposals: tables,
    fixed,
  }: {
    readonly proposals: ProposalTables;
    /** Clusters found elsewhere; the instances take the nearest, nothing is fitted. */
    readonly fixed?: Required<FixedClusters>;
  },
): Promise<InstanceTables> {
  const { clustering, seed } = config;
  const inputsHash = hashOf(
    tables.inputsHash,
    clustering,
    seed,
    await componentHashes(clustering.component),
    ...(fixed === undefined ? [] : [fixed.identity]),
  );
  const { partitions, embeddingDim: dim } = tables;
  const instances = new PartitionedTable(run.path('stages', 'cluster', 'instances'), instancesTable(dim), inputsHash);
  const exemplarPath = run.path('stages', 'cluster', 'exemplars.json');
  const work = async (): Promise<InstanceTables['summary']> => {
    const total = tables.counts.proposals;
    const found =
      fixed === undefined
        ? await cluster(tables, total, config, onProgress)
        : await assignToCentroids(tables, total, fixed);
    // The descriptors are read once more, a partition at a time, and again for the exemplars: they need not fit in memory.
    const means = new ClusterMeans(found.k, dim);
    let at = 0;
    for (let p = 0; p < partitions; p += 1) {
      const rows = await tables.proposals.read(p);
      const descriptors = (await tables.embeddings.read(p)).map(({ embedding }) => embedding);
      const clusters = found.assignments.subarray(at, at + rows.length);
      await instances.write(
        p,
        rows.map((row, i) => instanceRow(row, clusters[i]!, descriptors[i]!)),
      );
      means.add(normalizeRows(joined(descriptors, dim), rows.length, dim), clusters);
      at += rows.length;
    }
    await instances.finish(partitions);
    means.finish();
    if (fixed === undefined && !config.proposals.acceptBroken) assertSoundClusters(means.counts);
    const exemplars = await exemplarsOf(tables, found.assignments, means, config.report.exemplars);
    await writeFileAtomic(exemplarPath, JSON.stringify(exemplars));
    return { k: found.k, instances: total, counts: means.counts, warnings: [...found.warnings] };
  };
  const summary = await runStage({ run }, { name: 'cluster', inputsHash, result: summarySchema, work });
  const exemplars = (await readJsonFile(exemplarPath, exemplarSchema)) ?? [];
  return { inputsHash, partitions, instances, summary, exemplars };
}

async function exemplarsOf(
  { embeddings, partitions, embeddingDim: dim }: ProposalTables,
  assignments: Int32Array,
  { centroids, counts }: ClusterMeans,
  perCluster: number,
): Promise<InstanceTables['exemplars']> {
  type Owner = InstanceTables['exemplars'][number][number];
  const exemplars = new Exemplars<Owner>(centroids, counts.length, { dim, perCluster });
  let at = 0;
  for (let p = 0; p < partitions; p += 1) {
    const rows = await embeddings.read(p);
    const points = joined(
      rows.map(({ embedding }) => embedding),
      dim,
    );
    exemplars.add(
      normalizeRows(points, rows.length, dim, points),
      assignments.subarray(at, at + rows.length),
      rows.map(({ image_id: imageId, proposal_id: proposalId }) => ({ imageId, proposalId })),
    );
    at += rows.length;
  }
  return exemplars.lists();
}

/** Clusters that were found elsewhere. */
async function assignToCentroids(
  { embeddings, partitions }: ProposalTables,
  total: number,
  fixed: FixedClusters,
): Promise<Clusters> {
  const assignments = new Int32Array(total);
  let at = 0;
  for (let p = 0; p < partitions; p += 1) {
    const descriptors = (await embeddings.read(p)).map(({ embedding }) => embedding);
    assignments.set(assignedClusters(`embeddings, partition ${p}`, joined(descriptors, fixed.dim), fixed), at);
    at += descriptors.length;
  }
  return { assignments, k: fixed.k, warnings: [] };
}

interface Clusters {
  readonly assignments: Int32Array;
  readonly k: number;
  readonly warnings: readonly string[];
}

/** In memory where the descriptors fit, else by mini-batches; U2Seg's own rule and components need all at once. */
async function cluster(
  tables: ProposalTables,
  n: number,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<Clusters> {
  const { clustering, seed } = config;
  const { partitions, embeddingDim: dim } = tables;
  const ownSeed = deriveSeed(seed, 'cluster');
  const fits = 4 * n * dim <= clustering.maxMiB * 2 ** 20;
  if (!fits && clustering.component === undefined && clustering.mode === 'default') {
    const engine = await openClusteringEngine(clustering.engine, n * clustering.k * dim);
    return clusterStreamed(tables, n, {
      k: clustering.k,
      seed: ownSeed,
      onProgress,
      ...(engine === undefined ? {} : { engine }),
    });
  }
  const embeddings = new Float32Array(n * dim);
  let at = 0;
  for await (const { embedding } of tables.embeddings.rows(partitions)) {
    embeddings.set(embedding, at);
    at += dim;
  }
  if (clustering.component !== undefined) {
    const own = await loadComponent<Cluster>(clustering.component, 'cluster');
    const { assignments, k } = await own(embeddings, { n, dim, k: clustering.k, seed: ownSeed });
    const where = `component ${clustering.component}`;
    if (assignments.length !== n)
      throw new U2SegError('shape-mismatch', `${where}: assignments must have ${n} values, got ${assignments.length}.`);
    for (let i = 0; i < n; i += 1) assertInteger(`${where}: assignments[${i}]`, assignments[i]!, 0, k - 1);
    return { assignments: Int32Array.from(assignments), k, warnings: [] };
  }
  const engine = await openClusteringEngine(clustering.engine, n * clustering.k * dim);
  const options: ClusterInstancesOptions = {
    dim,
    n,
    k: clustering.k,
    mode: clustering.mode,
    maxIterations: clustering.maxIterations,
    redos: clustering.redos,
    seed: ownSeed,
    onProgress,
    ...(engine === undefined ? {} : { engine }),
  };
  const { assignments, k, warnings } = await clusterInstances(embeddings, options);
  return { assignments, k, warnings };
}

function instanceRow(row: ProposalRow, clusterId: number, embedding: Float32Array): InstanceRow {
  const { proposal_id: id, ...mask } = row;
  return { ...mask, instance_id: id, cluster_id: clusterId, embedding };
}
