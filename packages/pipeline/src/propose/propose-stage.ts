/** Second stage: dense features, class-agnostic proposals and their descriptors, photo by photo. */
import { availableParallelism } from 'node:os';
import { mapOrdered, U2SegError, type BackboneInfo, type OnProgress } from '@u2seg/core';
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
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from '../run/hash.ts';
import { openBackbone } from './open-backbone.ts';
import type { PhotoIndex } from '../photos/photo-index.ts';
import { PhotoPool } from './photo-pool.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { photosPerPartition, type Shard } from '../run/partitions.ts';
import { assertHopefulProposals, assertSoundProposals, type ProposalTally } from '../run/sound-labels.ts';
import { componentHashes } from '../run/component.ts';
import { featureRow, maskColumns } from '../tables/mask-rows.ts';

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
 * @throws U2SegError `not-converged` when the proposals are evidently broken (see sound-labels.ts) and not accepted as such
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
    // Whether a broken run goes on changes no result: whoever accepts one must not wait for it again.
    const { acceptBroken, ...proposing } = config.proposals;
    const by = `${info.name} and ${proposing.component ?? proposing.method}`;
    const settings = [config.photos, config.backbone, proposing, config.semantics.maxGrid];
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
        const check = (tally: ProposalTally): void => {
          if (!acceptBroken) assertHopefulProposals(tally, by);
        };
        await fill(tables, index, missing, mine.length, pool, workers, check, options.onProgress);
      } finally {
        await pool.close();
      }
    }
    const all = await tables.proposals.present();
    if (all.size < partitions) return undefined;
    for (const table of [tables.features, tables.embeddings, tables.skipped, tables.proposals])
      await table.finish(partitions);
    const counts = await countProposals(tables);
    if (!acceptBroken) assertSoundProposals(counts, by);
    await run.finish('propose', inputsHash, counts);
    return { ...tables, counts };
  } finally {
    await backbone.dispose();
  }
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
  check: (tally: ProposalTally) => void,
  onProgress: OnProgress,
): Promise<void> {
  const rowsOf = (p: number): readonly ImageRow[] =>
    index.photos.slice(p * photosPerPartition, (p + 1) * photosPerPartition);
  const work = missing.flatMap((p) => rowsOf(p));
  const labelled = async (row: ImageRow): Promise<Outcome> => {
    try {
      return { row, labelled: await pool.label(row.path) };
    } catch (cause) {
      if (!(cause instanceof U2SegError)) throw cause;
      return { row, reason: cause.message };
    }
  };
  let [next, found] = [0, 0];
  let part: Outcome[] = [];
  const tally = { photos: 0, photosWithoutProposals: 0, skipped: 0, proposals: 0, wholePhoto: 0 };
  const finished = (total - missing.length) * photosPerPartition;
  for await (const result of mapOrdered(work, workers + 2, labelled)) {
    part.push(result);
    found += 'labelled' in result ? result.labelled.proposals.length : 0;
    const p = missing[next]!;
    if (part.length === rowsOf(p).length) {
      await writePart(tables, p, part);
      for (const outcome of part) count(tally, outcome);
      part = [];
      next += 1;
      check(tally);
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

/** Adds one photo to the counts of this process. */
function count(tally: { -readonly [K in keyof ProposalTally]: number }, outcome: Outcome): void {
  if ('reason' in outcome) {
    tally.skipped += 1;
    return;
  }
  const { proposals } = outcome.labelled;
  tally.photos += 1;
  if (proposals.length === 0) tally.photosWithoutProposals += 1;
  tally.proposals += proposals.length;
  tally.wholePhoto += proposals.filter(({ mask, area }) => coversPhoto(area, mask.height, mask.width)).length;
}

/** More than 95 % of the photo. */
function coversPhoto(area: number, height: number, width: number): boolean {
  return area > 0.95 * height * width;
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

async function countProposals(tables: Omit<ProposalTables, 'counts'>): Promise<ProposalCounts> {
  let [photos, proposals, skipped, wholePhoto] = [0, 0, 0, 0];
  const withProposals = new Set<string>();
  for await (const row of tables.proposals.rows(tables.partitions)) {
    proposals += 1;
    if (coversPhoto(row.area_px, row.mask_height, row.mask_width)) wholePhoto += 1;
    withProposals.add(row.image_id);
  }
  for (const { rows } of (await tables.features.manifest())!.partitions) photos += rows;
  for (const { rows } of (await tables.skipped.manifest())!.partitions) skipped += rows;
  return { photos, proposals, photosWithoutProposals: photos - withProposals.size, skipped, wholePhoto };
}
