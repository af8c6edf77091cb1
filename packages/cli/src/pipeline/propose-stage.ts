/** Second stage: dense features, class-agnostic proposals and their descriptors, photo by photo. */
import { availableParallelism } from 'node:os';
import { ioError, rleToString, U2SegError, type BackboneInfo, type MaskProposal, type OnProgress } from '@u2seg/core';
import {
  embeddingsTable,
  featuresTable,
  PartitionedTable,
  proposalsTable,
  skippedTable,
  type EmbeddingRow,
  type FeatureRow,
  type ImageRow,
  type ProposalRow,
  type SkippedRow,
} from '@u2seg/interchange';
import { z } from 'zod';
import type { PipelineConfig } from './config.ts';
import { hashFile, hashOf } from './hash.ts';
import { mapOrdered } from './map-ordered.ts';
import { openBackbone } from './open-backbone.ts';
import type { LabelledPhoto } from './photo-job.ts';
import type { PhotoIndex } from './photo-index.ts';
import { PhotoPool } from './photo-pool.ts';
import type { RunDirectory } from './run-directory.ts';
import { photosPerPartition, type Shard } from './shards.ts';

/** The tables of this stage; partition `p` of each holds the same photos. */
export interface ProposalTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly backbone: BackboneInfo;
  readonly embeddingDim: number;
  readonly features: PartitionedTable<FeatureRow>;
  readonly proposals: PartitionedTable<ProposalRow>;
  readonly embeddings: PartitionedTable<EmbeddingRow>;
  /** Photos left out here: the time they may take, or a method that failed on them. */
  readonly skipped: PartitionedTable<SkippedRow>;
  readonly counts: ProposalCounts;
}

const countsSchema = z.object({
  photos: z.number(),
  proposals: z.number(),
  photosWithoutProposals: z.number(),
  skipped: z.number(),
  /** Proposals on more than 95 % of their photo. */
  wholePhoto: z.number(),
});
export type ProposalCounts = z.infer<typeof countsSchema>;

/**
 * Runs backbone and proposals over all photos, or over one shard of them.
 *
 * @returns undefined after a shard, when other shards are still missing
 * @throws U2SegError `not-converged` when the proposals are evidently broken (see {@link assertSound}) and not accepted as such
 */
export async function proposeAll(
  run: RunDirectory,
  index: PhotoIndex,
  config: PipelineConfig,
  options: { readonly workers?: number; readonly shard?: Shard; readonly onProgress: OnProgress },
): Promise<ProposalTables | undefined> {
  const backbone = await openBackbone(config.backbone);
  try {
    const { info } = backbone;
    const settings = [config.photos, config.backbone, config.proposals, config.semantics.maxGrid];
    const inputsHash = hashOf(
      index.dataHash,
      settings,
      info,
      await componentHashes(config.backbone.component, config.proposals.component),
    );
    const at = (name: string): string => run.path('stages', 'propose', name);
    const embeddingDim = config.backbone.embedding === 'crop-cls' ? info.clsDim : info.dim;
    if (embeddingDim === 0) {
      throw new U2SegError(
        'wrong-usage',
        `backbone ${info.name} has no global descriptor; set backbone.embedding to mask-mean.`,
      );
    }
    const partitions = Math.ceil(index.photos.length / photosPerPartition);
    const tables = {
      inputsHash,
      partitions,
      backbone: info,
      embeddingDim,
      features: new PartitionedTable(at('features'), featuresTable(info.dim, info.clsDim, 'float16'), inputsHash),
      proposals: new PartitionedTable(at('proposals'), proposalsTable, inputsHash),
      embeddings: new PartitionedTable(at('embeddings'), embeddingsTable(embeddingDim), inputsHash),
      skipped: new PartitionedTable(at('skipped'), skippedTable, inputsHash),
    };
    const done = await run.finished('propose', inputsHash, countsSchema);
    if (done !== undefined) return { ...tables, counts: done };
    // Written last, so where it is, the others are.
    const present = await tables.proposals.present();
    const { shard } = options;
    const mine = Array.from({ length: partitions }, (_, p) => p).filter(
      (p) => shard === undefined || p % shard.count === shard.index,
    );
    const missing = mine.filter((p) => !present.has(p));
    if (missing.length > 0) {
      const workers = options.workers ?? availableParallelism();
      const pool = new PhotoPool(
        workers,
        {
          folder: index.folder,
          config: {
            photos: config.photos,
            backbone: config.backbone,
            proposals: config.proposals,
            semantics: config.semantics,
          },
        },
        backbone,
      );
      try {
        await fill(tables, index, missing, mine.length, pool, workers, options.onProgress);
      } finally {
        await pool.close();
      }
    }
    const all = await tables.proposals.present();
    if (all.size < partitions) return undefined;
    for (const table of [tables.features, tables.embeddings, tables.skipped, tables.proposals])
      await table.finish(partitions);
    const counts = await countProposals(tables);
    if (!config.proposals.acceptBroken) assertSound(counts, `${info.name} and ${config.proposals.method}`);
    await run.finish('propose', inputsHash, counts);
    return { ...tables, counts };
  } finally {
    await backbone.dispose();
  }
}

/** Fewer photos say nothing about all of them. */
const leastPhotos = 20;

/** @throws U2SegError `not-converged` for proposals that no later stage could make labels of */
function assertSound(
  { photos, photosWithoutProposals, skipped, proposals, wholePhoto }: ProposalCounts,
  by: string,
): void {
  const all = photos + skipped;
  const refuse = (what: string, help: string): never => {
    throw new U2SegError(
      'not-converged',
      `propose: ${what} with ${by}: the labels would be worthless. ${help} proposals.acceptBroken=true goes on all the same.`,
    );
  };
  if (all >= leastPhotos && skipped > 0.9 * all)
    refuse(`${skipped} of ${all} photos could not be labelled`, 'stages/propose/skipped says why.');
  if (photos >= leastPhotos && photosWithoutProposals > 0.9 * photos)
    refuse(
      `${photosWithoutProposals} of ${photos} photos have no proposal`,
      'Check the weights, or lower proposals.tau.',
    );
  if (photos >= leastPhotos && proposals > 0 && wholePhoto > 0.9 * proposals)
    refuse(`${wholePhoto} of ${proposals} proposals cover their whole photo`, 'Check the weights and proposals.tau.');
}

/** Hashes of users' modules: other code, other results. */
export async function componentHashes(...paths: readonly (string | undefined)[]): Promise<(string | null)[]> {
  return Promise.all(
    paths.map(async (path) => {
      if (path === undefined) return null;
      return hashFile(path).catch((cause: unknown) => {
        throw ioError(`component ${path}: cannot be read`, cause);
      });
    }),
  );
}

type Outcome =
  | { readonly row: ImageRow; readonly labelled: Awaited<ReturnType<PhotoPool['label']>> }
  | { readonly row: ImageRow; readonly reason: string };

async function fill(
  tables: Omit<ProposalTables, 'counts'>,
  index: PhotoIndex,
  missing: readonly number[],
  total: number,
  pool: PhotoPool,
  workers: number,
  onProgress: OnProgress,
): Promise<void> {
  const rowsOf = (p: number): readonly ImageRow[] =>
    index.photos.slice(p * photosPerPartition, (p + 1) * photosPerPartition);
  const work = missing.flatMap((p) => rowsOf(p));
  const outcome = async (row: ImageRow): Promise<Outcome> => {
    try {
      return { row, labelled: await pool.label(row.path) };
    } catch (cause) {
      if (!(cause instanceof U2SegError)) throw cause;
      return { row, reason: cause.message };
    }
  };
  let [next, found] = [0, 0];
  let part: Outcome[] = [];
  const finished = (total - missing.length) * photosPerPartition;
  for await (const result of mapOrdered(work, workers + 2, outcome)) {
    part.push(result);
    found += 'labelled' in result ? result.labelled.proposals.length : 0;
    const p = missing[next]!;
    if (part.length === rowsOf(p).length) {
      await writePart(tables, p, part);
      part = [];
      next += 1;
    }
    onProgress({
      stage: 'propose',
      done: finished + next * photosPerPartition + part.length,
      total: finished + work.length,
      unit: 'photos',
      values: { proposals: found },
    });
  }
}

async function writePart(tables: Omit<ProposalTables, 'counts'>, p: number, part: readonly Outcome[]): Promise<void> {
  const good = part.flatMap((one) => ('labelled' in one ? [one] : []));
  const dim = tables.embeddingDim;
  await tables.features.write(
    p,
    good.map(({ row, labelled: { features } }) => featureRow(row.image_id, features)),
  );
  await tables.embeddings.write(
    p,
    good.flatMap(({ row, labelled: { proposals, embeddings } }) =>
      proposals.map((_, i) => ({
        image_id: row.image_id,
        proposal_id: i,
        embedding: embeddings.slice(i * dim, (i + 1) * dim),
      })),
    ),
  );
  await tables.skipped.write(
    p,
    part.flatMap((one) => ('reason' in one ? [{ path: one.row.path, reason: one.reason }] : [])),
  );
  await tables.proposals.write(
    p,
    good.flatMap(({ row, labelled: { proposals } }) =>
      proposals.map((proposal, i) => ({ image_id: row.image_id, proposal_id: i, ...maskColumns(proposal) })),
    ),
  );
}

function featureRow(imageId: string, features: LabelledPhoto['features']): FeatureRow {
  const { data, gridH, gridW, patchSize, cls } = features;
  return {
    image_id: imageId,
    grid_h: gridH,
    grid_w: gridW,
    patch_size: patchSize,
    patches: data,
    cls: cls ?? new Float32Array(0),
  };
}

/** A mask in the columns every table of masks has. */
export function maskColumns({
  mask,
  bboxXywh,
  area,
  score,
}: MaskProposal): Omit<ProposalRow, 'image_id' | 'proposal_id'> {
  return {
    mask_height: mask.height,
    mask_width: mask.width,
    mask_rle: rleToString(mask),
    bbox_xywh: Float32Array.from(bboxXywh),
    area_px: area,
    score,
  };
}

async function countProposals(tables: Omit<ProposalTables, 'counts'>): Promise<ProposalCounts> {
  let [photos, proposals, skipped, wholePhoto] = [0, 0, 0, 0];
  const withProposals = new Set<string>();
  for await (const row of tables.proposals.rows(tables.partitions)) {
    proposals += 1;
    if (row.area_px > 0.95 * row.mask_height * row.mask_width) wholePhoto += 1;
    withProposals.add(row.image_id);
  }
  for (const { rows } of (await tables.features.manifest())!.partitions) photos += rows;
  for (const { rows } of (await tables.skipped.manifest())!.partitions) skipped += rows;
  return { photos, proposals, photosWithoutProposals: photos - withProposals.size, skipped, wholePhoto };
}
