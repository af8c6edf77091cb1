import type { Backbone, MaskProposal, PatchFeatures, RgbImage } from '@u2seg/core';
import type { PipelineConfig } from '../config/config.ts';
import { cropDescriptors, maskMeans } from './embed-instances.ts';
import { poolFeatures } from './pool-features.ts';
import { loadComponent } from '../run/component.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import { proposeOnPhoto } from './propose-on-photo.ts';
import { networkImage, networkSide } from './network-image.ts';

/** What a worker is started with. */
export interface PhotoWorkerData {
  readonly folder: string;
  readonly config: Pick<PipelineConfig, 'photos' | 'backbone' | 'proposals' | 'semantics'>;
}

/** What a worker does before its first photo, so that no photo's time counts its start. */
export interface WarmUpJob {
  readonly warmUp: true;
}

/** One photo to label; with `features`, the backbone ran elsewhere. */
export interface PhotoJob {
  readonly path: string;
  readonly image?: RgbImage;
  readonly features?: PatchFeatures;
}

/** What the first half of the pipeline knows about a photo. */
export interface LabelledPhoto {
  readonly proposals: readonly MaskProposal[];
  /** [proposals, D]; absent where the caller must compute it (crops through a backbone the worker does not have). */
  readonly embeddings?: Float32Array;
  /** Averaged down to the configured grid. */
  readonly features: PatchFeatures;
}

/** Decode, describe, propose, embed. */
export async function labelPhoto(
  job: PhotoJob,
  { folder, config }: PhotoWorkerData,
  backbone: Backbone | undefined,
): Promise<LabelledPhoto> {
  const image = job.image ?? (await decodePhoto(folder, job, config.photos));
  const features =
    job.features ?? (await backbone!.extract(networkImage(image, config.backbone, backbone!.info.patchSize)));
  const proposals = await proposeOnPhoto(image, features, config.proposals);
  const pooled = poolFeatures(features, config.semantics.maxGrid);
  if (config.backbone.embedding === 'mask-mean') {
    return { proposals, embeddings: maskMeans(features, proposals), features: pooled };
  }
  if (backbone === undefined) return { proposals, features: pooled };
  const size = networkSide(config.backbone, backbone.info.patchSize);
  return { proposals, embeddings: await cropDescriptors(image, proposals, backbone, size), features: pooled };
}

/** Side of the picture a worker warms up on; the backbone sees it at its own size. */
const warmUpSide = 64;

/**
 * Loads and compiles what the first photo would: a component of the user's is only imported, all else labels a picture of
 * nothing.
 */
export async function warmUp(data: PhotoWorkerData, backbone: Backbone | undefined): Promise<void> {
  const { component } = data.config.proposals;
  if (component !== undefined) await loadComponent(component, 'propose');
  if (backbone === undefined || component !== undefined) return;
  const gray = Uint8Array.from({ length: warmUpSide * warmUpSide * 3 }, (_, i) => (i * 37) % 256);
  const image = { data: gray, height: warmUpSide, width: warmUpSide };
  // That nothing can be found on it is no error of the run.
  await labelPhoto({ path: '', image }, data, backbone).catch(() => undefined);
}
