/** Semantic clusters of every pixel. */
import { availableParallelism } from 'node:os';
import { mapOrdered, rleArea, rleToString, type RgbImage } from '@u2seg/core';
import { masksOfIds } from '@u2seg/datasets';
import { PartitionedTable, semanticsTable, type SemanticRow } from '@u2seg/interchange';
import { z } from 'zod';
import { decodePhoto } from '../photos/decode-photo.ts';
import { stageContext } from '../photos/index-photos.ts';
import { proposeStage, type ProposalTables } from '../propose/propose-stage.ts';
import { hashOf } from '../run/hash.ts';
import { assertSoundSemantics, semanticWarnings } from '../run/health.ts';
import { photosOf } from '../run/photo-index.ts';
import { fillPartitions, runStage } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { Stage } from '../run/stage.ts';
import { openCropFeatures } from './crop-features.ts';
import { openMapDrawer } from './draw-map.ts';
import { FeatureStore, toFeatures } from './feature-store.ts';
import { kMeansMapper, semanticModelPath, stegoMapper } from './semantic-maps.ts';

const summarySchema = z.object({ clusters: z.number(), pixels: z.array(z.number()) });

export interface SemanticTables {
  readonly inputsHash: string;
  readonly partitions: number;
  readonly semantics: PartitionedTable<SemanticRow>;
  /** Pixels per cluster over all photos. */
  readonly summary: z.infer<typeof summarySchema>;
  /** What drew the maps; its file is there unless the method is `none`. */
  readonly model: SemanticModel;
}

/** File of a trained STEGO, or of centroids. */
export interface SemanticModel {
  readonly path: string;
  readonly inputsHash: string;
}

/** Gives every pixel a semantic cluster. */
export const semanticsStage: Stage<SemanticTables> = {
  name: 'semantics',
  title: 'Semantic clusters',
  needs: [proposeStage],
  command: { name: 'semantics', description: 'semantic clusters of every pixel' },
  run: (context) => segmentAll(stageContext(context), { proposals: context.results.of(proposeStage) }),
  describe: (tables) => `${inUse(tables)} of ${tables.summary.clusters} clusters in use`,
  reuse: { after: proposeStage, settings: ({ semantics, seed }) => [semantics, seed] },
  reportLines: (results) => {
    const tables = results.of(semanticsStage);
    return [{ items: inUse(tables), detail: `semantic clusters in use of ${tables.summary.clusters}` }];
  },
  summary: (results) => results.get(semanticsStage)?.summary,
  warnings: (results) => {
    const { pixels, clusters } = results.of(semanticsStage).summary;
    return semanticWarnings(pixels, clusters);
  },
  smoke: { semantics: { steps: 20 } },
};

/** Clusters that cover a pixel. */
export function inUse({ summary }: Pick<SemanticTables, 'summary'>): number {
  return summary.pixels.filter((n) => n > 0).length;
}

/**
 * Draws the semantic map of every photo: trains STEGO or fits centroids first, unless that was done elsewhere.
 *
 * @throws U2SegError `not-converged` when one of several clusters covers everything
 */
export async function segmentAll(
  context: StageContext,
  {
    proposals: tables,
    trained,
  }: {
    readonly proposals: ProposalTables;
    /** Model of another run that did this on other photos; nothing is trained then. */
    readonly trained?: SemanticModel;
  },
): Promise<SemanticTables> {
  const { run, config } = context;
  const settings = config.semantics;
  const crops = settings.method === 'stego' && settings.fiveCrop && trained === undefined;
  // Runs that cut crops from the photos' features, as earlier versions did, are not taken for these.
  const own = hashOf(tables.inputsHash, settings, config.seed, ...(crops ? ['crops of photos'] : []));
  const inputsHash = trained === undefined ? own : hashOf(own, trained.inputsHash);
  const model = trained ?? { path: semanticModelPath(run.folder, settings.method, inputsHash), inputsHash };
  const { partitions } = tables;
  const semantics = new PartitionedTable(run.path('stages', 'semantics', 'semantics'), semanticsTable, inputsHash);
  const work = async (): Promise<SemanticTables['summary']> => {
    await fillPartitions({ tables: [semantics], partitions }, async (missing) => {
      if (settings.method === 'none') for (const p of missing) await semantics.write(p, []);
      else await draw(context, { tables, missing, semantics, model, crops, finished: trained !== undefined });
    });
    const pixels: number[] = Array.from({ length: settings.clusters }, () => 0);
    for await (const row of semantics.rows(partitions)) pixels[row.cluster_id]! += row.area_px;
    if (trained === undefined && !config.proposals.acceptBroken) assertSoundSemantics(pixels, tables.counts.photos);
    return { clusters: settings.clusters, pixels };
  };
  const summary = await runStage(context, { name: 'semantics', inputsHash, result: summarySchema, work });
  return { inputsHash, partitions, semantics, summary, model };
}

interface DrawOptions {
  readonly tables: ProposalTables;
  readonly missing: readonly number[];
  readonly semantics: PartitionedTable<SemanticRow>;
  readonly model: SemanticModel;
  /** Whether the model learns from crops of the photos. */
  readonly crops: boolean;
  /** Whether the model's file is finished and only read. */
  readonly finished: boolean;
}

async function draw(
  context: StageContext,
  { tables, missing, semantics, model, crops, finished }: DrawOptions,
): Promise<void> {
  const { index, config, onProgress } = context;
  const store = crops
    ? await openCropFeatures(context, tables)
    : await FeatureStore.open(tables.features, tables.backbone.dim);
  const open = config.semantics.method === 'stego' ? stegoMapper : kMeansMapper;
  const mapper = await open(context, { path: model.path, store, finished });
  // From here on the photos come in order, a partition at a time.
  store.clear();
  const drawer = openMapDrawer(config.semantics);
  try {
    let count = 0;
    for (const p of missing) {
      const rows: SemanticRow[] = [];
      const photos = await tables.features.read(p);
      const inPartition = new Map(photosOf(index, p).map((photo) => [photo.image_id, photo]));
      const work = async (row: (typeof photos)[number]): Promise<SemanticRow[]> => {
        const image = await decodePhoto(index.folder, inPartition.get(row.image_id)!, config.photos);
        const features = toFeatures(row, tables.backbone.dim);
        const labels = await drawer.draw(image, (copy, crf) => mapper.map(features, copy, crf));
        return regions(row.image_id, labels, image);
      };
      for await (const found of mapOrdered(photos, availableParallelism() + 1, work)) {
        rows.push(...found);
        count += 1;
        onProgress({ stage: 'semantics', done: count, total: tables.counts.photos, unit: 'photos' });
      }
      await semantics.write(p, rows);
    }
  } finally {
    await drawer.close();
    mapper.dispose();
  }
}

/** Rows of a map, by cluster. */
function regions(
  imageId: string,
  labels: Int32Array,
  { height, width }: Pick<RgbImage, 'height' | 'width'>,
): SemanticRow[] {
  const masks = masksOfIds({ ids: Uint32Array.from(labels), height, width });
  return [...masks]
    .sort(([a], [b]) => a - b)
    .map(([cluster, mask]) => ({
      image_id: imageId,
      cluster_id: cluster,
      mask_height: height,
      mask_width: width,
      mask_rle: rleToString(mask),
      area_px: rleArea(mask),
    }));
}
