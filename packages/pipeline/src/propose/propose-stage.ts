/** Dense features, class-agnostic proposals and their descriptors, photo by photo. */
import { availableParallelism } from 'node:os';
import { mapOrdered, U2SegError, type BackboneInfo } from '@u2seg/core';
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
import { hashOf } from '../run/hash.ts';
import { openBackbone } from './open-backbone.ts';
import { imagesStage, stageContext } from '../photos/index-photos.ts';
import { PhotoPool } from './photo-pool.ts';
import {
  assertHopefulProposals,
  assertSoundProposals,
  healthLimits,
  proposalWarnings,
  type ProposalTally,
} from '../run/health.ts';
import { photosPerPartition, type Shard } from '../run/partitions.ts';
import { numPartitions, photosOf } from '../run/photo-index.ts';
import { fillPartitions, runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Stage } from '../run/stage.ts';
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

/** Runs the backbone and finds proposals. */
export const proposeStage: Stage<ProposalTables> = {
  name: 'propose',
  title: 'Features and proposals',
  needs: [imagesStage],
  command: {
    name: 'propose',
    description: 'photos to features, class-agnostic proposals and their descriptors',
    shard: true,
  },
  divides: true,
  run: (context) => {
    const { shard, workers } = context;
    return proposeAll(stageContext(context), {
      ...(shard === undefined ? {} : { shard }),
      ...(workers === undefined ? {} : { workers }),
    });
  },
  describe: ({ counts, backbone }) => `${counts.proposals} proposals on ${counts.photos} photos, ${backbone.name}`,
  nothing: 'this shard is done; others are missing',
  reuse: {
    after: imagesStage,
    settings: ({ backbone, proposals, semantics }) => [backbone, proposals, semantics.maxGrid],
  },
  reportLines: (results) => {
    const { counts } = results.of(proposeStage);
    return [{ items: counts.proposals, detail: `proposals; ${counts.photosWithoutProposals} photos have none` }];
  },
  summary: (results) => results.get(proposeStage)?.counts,
  warnings: (results) => proposalWarnings(results.of(proposeStage).counts),
  smoke: { backbone: { size: 128 }, semantics: { maxGrid: 16 } },
};

export interface ProposeAllOptions {
  /** Only this part of the photos. */
  readonly shard?: Shard;
  /** Worker threads; by default one a core. */
  readonly workers?: number;
}

/**
 * Runs backbone and proposals over all photos, or over one shard of them.
 *
 * @returns undefined after a shard, when other shards are still missing
 * @throws U2SegError `not-converged` when the proposals are evidently broken (see health.ts) and not accepted as such
 */
export async function proposeAll(
  context: StageContext,
  { shard, workers = availableParallelism() }: ProposeAllOptions = {},
): Promise<ProposalTables | undefined> {
  const { run, index, config } = context;
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
    const partitions = numPartitions(index);
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
    const { features, embeddings, skipped, proposals } = tables;
    const toFill = {
      tables: [features, embeddings, skipped, proposals],
      partitions,
      ...(shard === undefined ? {} : { shard }),
    };
    const work = async (): Promise<ProposalCounts | undefined> => {
      const whole = await fillPartitions(toFill, async (missing, others) => {
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
        const check = (tally: ProposalTally): void => {
          if (!acceptBroken) assertHopefulProposals(tally, by);
        };
        try {
          await fill(context, tables, { missing, others, pool, inFlight: workers + 2, check });
        } finally {
          await pool.close();
        }
      });
      if (!whole) return undefined;
      const counts = await countProposals(tables);
      if (!acceptBroken) assertSoundProposals(counts, by);
      return counts;
    };
    const counts = await runStage(context, { name: 'propose', inputsHash, result: countsSchema, work });
    return counts === undefined ? undefined : { ...tables, counts };
  } finally {
    await backbone.dispose();
  }
}

interface FillOptions {
  /** Partitions to write, ascending. */
  readonly missing: readonly number[];
  /** Partitions of this call that are there already. */
  readonly others: number;
  readonly pool: PhotoPool;
  /** Photos under way at once. */
  readonly inFlight: number;
  /** Stops a run without hope. */
  readonly check: (tally: ProposalTally) => void;
}

type Outcome =
  | { readonly row: ImageRow; readonly labelled: Awaited<ReturnType<PhotoPool['label']>> }
  | { readonly row: ImageRow; readonly reason: string };

async function fill(
  { index, onProgress }: StageContext,
  tables: Omit<ProposalTables, 'counts'>,
  { missing, others, pool, inFlight, check }: FillOptions,
): Promise<void> {
  const work = missing.flatMap((p) => photosOf(index, p));
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
  const finished = others * photosPerPartition;
  for await (const result of mapOrdered(work, inFlight, labelled)) {
    part.push(result);
    found += 'labelled' in result ? result.labelled.proposals.length : 0;
    const p = missing[next]!;
    if (part.length === photosOf(index, p).length) {
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

function coversPhoto(area: number, height: number, width: number): boolean {
  return area > healthLimits.wholePhotoRatio * height * width;
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
  let [proposals, wholePhoto] = [0, 0];
  const withProposals = new Set<string>();
  for await (const row of tables.proposals.rows(tables.partitions)) {
    proposals += 1;
    if (coversPhoto(row.area_px, row.mask_height, row.mask_width)) wholePhoto += 1;
    withProposals.add(row.image_id);
  }
  const [photos, skipped] = [await tables.features.countRows(), await tables.skipped.countRows()];
  return { photos, proposals, photosWithoutProposals: photos - withProposals.size, skipped, wholePhoto };
}
