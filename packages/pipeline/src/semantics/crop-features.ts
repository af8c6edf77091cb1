/** Features of STEGO's five crops of every photo: each cut from the photo, enlarged, and through the backbone on its own. */
import type { PatchFeatures, RgbImage } from '@u2seg/core';
import { featuresTable, PartitionedTable, type FeatureRow } from '@u2seg/interchange';
import { fiveCropPhotos } from '@u2seg/self-train';
import { decodePhoto } from '../photos/decode-photo.ts';
import { networkImage } from '../propose/network-image.ts';
import { openBackbone } from '../propose/open-backbone.ts';
import { poolFeatures } from '../propose/pool-features.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import { hashOf } from '../run/hash.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { photosOf } from '../run/photo-index.ts';
import { fillPartitions } from '../run/run-stage.ts';
import type { StageContext } from '../run/stage-context.ts';
import { featureRow } from '../tables/mask-rows.ts';
import { FeatureStore } from './feature-store.ts';

const cropsPerPhoto = 5;

/**
 * Opens the crops' features, which are computed once, a partition of photos at a time; a run that was killed goes on after the
 * last one that was written. Photos without features of their own (skipped ones) have no crops.
 *
 * @returns items `5 * i + c`, crop `c` of the `i`-th photo with features
 */
export async function openCropFeatures(
  { run, index, config, onProgress }: StageContext,
  tables: ProposalTables,
): Promise<FeatureStore> {
  const { dim, clsDim } = tables.backbone;
  const { partitions } = tables;
  const crops = new PartitionedTable(
    run.path('stages', 'semantics', 'crop-features'),
    featuresTable(dim, clsDim, 'float16'),
    hashOf(tables.inputsHash, config.semantics.maxGrid, 'five crops'),
  );
  await fillPartitions({ tables: [crops], partitions }, async (missing, others) => {
    const backbone = await openBackbone(config.backbone);
    const { patchSize } = backbone.info;
    const extract = async (crop: RgbImage): Promise<PatchFeatures> =>
      poolFeatures(await backbone.extract(networkImage(crop, config.backbone, patchSize)), config.semantics.maxGrid);
    const { photos: total } = tables.counts;
    let done = others * photosPerPartition;
    try {
      for (const p of missing) {
        const ids = (await tables.features.read(p)).map(({ image_id: id }) => id);
        const rows = new Map(photosOf(index, p).map((row) => [row.image_id, row]));
        const read = lastKept((i) => decodePhoto(index.folder, rows.get(ids[i]!)!, config.photos));
        const source = fiveCropPhotos({ count: ids.length, read }, { dim, extract });
        const found: FeatureRow[] = [];
        for (const [i, id] of ids.entries()) {
          for (let c = 0; c < cropsPerPhoto; c += 1) {
            found.push(featureRow(`${id}, crop ${c}`, await source.read(cropsPerPhoto * i + c)));
          }
          done += 1;
          onProgress({ stage: 'crops', done: Math.min(done, total), total, unit: 'photos' });
        }
        await crops.write(p, found);
      }
    } finally {
      await backbone.dispose();
    }
  });
  return FeatureStore.open(crops, dim);
}

/** Keeps the last photo that was read, for the crops come one after the other. */
function lastKept(read: (i: number) => Promise<RgbImage>): (i: number) => Promise<RgbImage> {
  let last: { readonly i: number; readonly image: RgbImage } | undefined;
  return async (i) => {
    if (last?.i !== i) last = { i, image: await read(i) };
    return last.image;
  };
}
