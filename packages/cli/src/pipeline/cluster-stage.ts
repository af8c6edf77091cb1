/** Third stage: pseudo-classes of the instances. */
import { clusterInstances, nearestExemplars, normalizeRows, type ClusterInstancesOptions } from '@u2seg/clustering';
import { assertInteger, deriveSeed, U2SegError, type OnProgress } from '@u2seg/core';
import {
  instancesTable,
  PartitionedTable,
  readJsonFile,
  writeFileAtomic,
  type InstanceRow,
  type ProposalRow,
} from '@u2seg/interchange';
import { z } from 'zod';
import { openClusteringEngine } from './cluster-engine.ts';
import type { PipelineConfig } from './config.ts';
import { hashOf } from './hash.ts';
import { loadComponent } from './open-backbone.ts';
import { nearestClusters, type KnownClusters } from './known-clusters.ts';
import { componentHashes, type ProposalTables } from './propose-stage.ts';
import type { RunDirectory } from './run-directory.ts';

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

export async function clusterAll(
  run: RunDirectory,
  tables: ProposalTables,
  config: PipelineConfig,
  onProgress: OnProgress,
  /** Clusters found elsewhere; the instances take the nearest, nothing is fitted. */
  known?: KnownClusters,
): Promise<InstanceTables> {
  const { clustering, seed } = config;
  const inputsHash = hashOf(
    tables.inputsHash,
    clustering,
    seed,
    await componentHashes(clustering.component),
    ...(known === undefined ? [] : [known.identity]),
  );
  const { partitions, embeddingDim: dim } = tables;
  const instances = new PartitionedTable(run.path('stages', 'cluster', 'instances'), instancesTable(dim), inputsHash);
  const exemplarPath = run.path('stages', 'cluster', 'exemplars.json');
  const done = await run.finished('cluster', inputsHash, summarySchema);
  if (done !== undefined) {
    return {
      inputsHash,
      partitions,
      instances,
      summary: done,
      exemplars: (await readJsonFile(exemplarPath, exemplarSchema)) ?? [],
    };
  }
  const total = tables.counts.proposals;
  const embeddings = new Float32Array(total * dim);
  const owners: { imageId: string; proposalId: number }[] = [];
  for await (const row of tables.embeddings.rows(partitions)) {
    embeddings.set(row.embedding, owners.length * dim);
    owners.push({ imageId: row.image_id, proposalId: row.proposal_id });
  }
  const result =
    known === undefined
      ? await cluster(embeddings, dim, total, config, onProgress)
      : { assignments: nearestClusters(embeddings, known), k: known.k, warnings: [] };
  let at = 0;
  for (let p = 0; p < partitions; p += 1) {
    const rows = await tables.proposals.read(p);
    await instances.write(
      p,
      rows.map((row, i) =>
        instanceRow(row, result.assignments[at + i]!, embeddings.slice((at + i) * dim, (at + i + 1) * dim)),
      ),
    );
    at += rows.length;
  }
  await instances.finish(partitions);
  const points = normalizeRows(embeddings, total, dim);
  const means = clusterMeans(points, result.assignments, result.k, dim);
  const nearest =
    result.k === 0
      ? []
      : nearestExemplars(points, means.centroids, result.assignments, { dim, perCluster: config.report.exemplars });
  const exemplars = nearest.map((list) => list.map(({ row }) => owners[row]!));
  await writeFileAtomic(exemplarPath, JSON.stringify(exemplars));
  const summary = { k: result.k, instances: total, counts: means.counts, warnings: [...result.warnings] };
  await run.finish('cluster', inputsHash, summary);
  return { inputsHash, partitions, instances, summary, exemplars };
}

interface Clusters {
  readonly assignments: Int32Array;
  readonly k: number;
  readonly warnings: readonly string[];
}

async function cluster(
  embeddings: Float32Array,
  dim: number,
  n: number,
  config: PipelineConfig,
  onProgress: OnProgress,
): Promise<Clusters> {
  const { clustering, seed } = config;
  const ownSeed = deriveSeed(seed, 'cluster');
  if (clustering.component !== undefined) {
    const own = await loadComponent<Cluster>(clustering.component, 'cluster');
    const { assignments, k } = await own(embeddings, { n, dim, k: clustering.k, seed: ownSeed });
    const where = `component ${clustering.component}`;
    if (assignments.length !== n)
      throw new U2SegError('shape-mismatch', `${where}: assignments must have ${n} values, got ${assignments.length}.`);
    for (let i = 0; i < n; i += 1) assertInteger(`${where}: assignments[${i}]`, assignments[i]!, 0, k - 1);
    return { assignments: Int32Array.from(assignments), k, warnings: [] };
  }
  const engine = await openClusteringEngine(clustering.engine);
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
  return clusterInstances(embeddings, options);
}

function instanceRow(row: ProposalRow, clusterId: number, embedding: Float32Array): InstanceRow {
  const { proposal_id: id, ...mask } = row;
  return { ...mask, instance_id: id, cluster_id: clusterId, embedding };
}

function clusterMeans(
  points: Float32Array,
  assignments: Int32Array,
  k: number,
  dim: number,
): { centroids: Float32Array; counts: number[] } {
  const centroids = new Float32Array(k * dim);
  const counts = Array.from({ length: k }, () => 0);
  assignments.forEach((c, i) => {
    counts[c]! += 1;
    for (let j = 0; j < dim; j += 1) centroids[c * dim + j]! += points[i * dim + j]!;
  });
  counts.forEach((count, c) => {
    for (let j = 0; j < dim; j += 1) centroids[c * dim + j]! /= Math.max(1, count);
  });
  return { centroids, counts };
}
