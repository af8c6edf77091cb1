/** Pictures that show what a cluster is about. */
import { decodeMask, rleBbox, rleFromString, type RgbImage, type Rle } from '@u2seg/core';
import type { InstanceTables } from '../cluster/cluster-stage.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import type { ProposalTables } from '../propose/propose-stage.ts';
import { photosPerPartition } from '../run/partitions.ts';
import type { StageContext } from '../run/stage-context.ts';
import type { SemanticTables } from '../semantics/semantics-stage.ts';

/** A region wanted for a gallery, on a photo of the index. */
interface Wanted {
  readonly photo: number;
  readonly cluster: number;
  readonly rank: number;
  readonly mask: Rle;
}

/** Per thing cluster, crops of the instances nearest to its centre, nearest first. */
export async function instanceCrops(
  context: StageContext,
  instances: InstanceTables,
  { proposals }: ProposalTables,
): Promise<RgbImage[][]> {
  const { index } = context;
  const positions = new Map(index.photos.map(({ image_id: id }, i) => [id, i]));
  const byPartition = new Map<number, { key: string; cluster: number; rank: number }[]>();
  instances.exemplars.forEach((list, cluster) =>
    list.forEach(({ imageId, proposalId }, rank) => {
      const p = Math.floor(positions.get(imageId)! / photosPerPartition);
      const list = byPartition.get(p) ?? [];
      list.push({ key: `${proposalId}/${imageId}`, cluster, rank });
      byPartition.set(p, list);
    }),
  );
  const wanted: Wanted[] = [];
  for (const [p, list] of byPartition) {
    const rows = new Map((await proposals.read(p)).map((row) => [`${row.proposal_id}/${row.image_id}`, row]));
    for (const { key, cluster, rank } of list) {
      const row = rows.get(key)!;
      wanted.push({
        photo: positions.get(row.image_id)!,
        cluster,
        rank,
        mask: rleFromString(row.mask_height, row.mask_width, row.mask_rle),
      });
    }
  }
  return cut(context, wanted, instances.summary.k);
}

/** Per stuff cluster, crops of its largest regions, one a photo. */
export async function stuffCrops(
  context: StageContext,
  { semantics, partitions, summary }: SemanticTables,
): Promise<RgbImage[][]> {
  const { index, config } = context;
  const positions = new Map(index.photos.map(({ image_id: id }, i) => [id, i]));
  const best = Array.from({ length: summary.clusters }, () => [] as { photo: number; area: number; rle: Rle }[]);
  for await (const row of semantics.rows(partitions)) {
    const list = best[row.cluster_id]!;
    if (list.length === config.report.exemplars && list.at(-1)!.area >= row.area_px) continue;
    list.push({
      photo: positions.get(row.image_id)!,
      area: row.area_px,
      rle: rleFromString(row.mask_height, row.mask_width, row.mask_rle),
    });
    list.sort((a, b) => b.area - a.area || a.photo - b.photo);
    list.length = Math.min(list.length, config.report.exemplars);
  }
  const wanted = best.flatMap((list, cluster) =>
    list.map(({ photo, rle }, rank): Wanted => ({ photo, cluster, rank, mask: rle })),
  );
  return cut(context, wanted, best.length);
}

/** Decodes each photo once. */
async function cut(
  { index, config }: StageContext,
  wanted: readonly Wanted[],
  clusters: number,
): Promise<RgbImage[][]> {
  const crops = Array.from({ length: clusters }, () => [] as RgbImage[]);
  const sorted = [...wanted].sort((a, b) => a.photo - b.photo || a.cluster - b.cluster || a.rank - b.rank);
  let decoded: { readonly photo: number; readonly image: RgbImage } | undefined;
  for (const { photo, cluster, rank, mask } of sorted) {
    if (decoded?.photo !== photo)
      decoded = { photo, image: await decodePhoto(index.folder, index.photos[photo]!, config.photos) };
    crops[cluster]![rank] = maskedCrop(decoded.image, mask);
  }
  return crops;
}

/** The mask's box with what lies outside the mask faded. */
function maskedCrop(image: RgbImage, mask: Rle): RgbImage {
  const [left, top, width, height] = rleBbox(mask);
  const { data } = decodeMask(mask);
  const out = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (top + y) * image.width + left + x;
      for (let c = 0; c < 3; c += 1) {
        const value = image.data[at * 3 + c]!;
        out[(y * width + x) * 3 + c] = data[at] === 0 ? 170 + (value >> 2) : value;
      }
    }
  }
  return { data: out, height, width };
}
