/** Regions of a photo for the network to name: the proposals the run would make of it. */
import type { MaskProposal, RgbImage } from '@u2seg/core';
import type { PipelineConfig } from '../config/config.ts';
import { openContours } from '../contours/contour-stage.ts';
import { hashOf } from '../run/hash.ts';
import { openBackbone } from '../propose/open-backbone.ts';
import { networkImage } from '../propose/network-image.ts';
import { proposeOnPhoto } from '../propose/propose-on-photo.ts';
import { componentHashes } from '../run/component.ts';

export interface RegionSource {
  /** The best regions of a photo, in its pixels, by falling score. */
  propose(image: RgbImage): Promise<readonly MaskProposal[]>;
  /** What they are made from, for hashes. */
  readonly identity: string;
  dispose(): Promise<void>;
}

/**
 * @param contours - trained to find the regions with
 * @returns undefined where the configuration asks for none
 */
export async function openRegionSource(
  config: Pick<PipelineConfig, 'backbone' | 'predict' | 'proposals' | 'train'>,
  contours?: { readonly path: string; readonly inputsHash: string },
): Promise<RegionSource | undefined> {
  const { regions } = config.predict;
  if (regions === 0) return undefined;
  const backbone = await openBackbone(config.backbone);
  const { info } = backbone;
  const source = contours === undefined ? undefined : await openContours(contours.path, config.train.backend);
  return {
    identity: hashOf(
      config.backbone,
      config.proposals,
      info,
      await componentHashes(config.backbone.component, config.proposals.component),
      ...(contours === undefined ? [] : [contours.inputsHash]),
    ),
    propose: async (image) => {
      const features = await backbone.extract(networkImage(image, config.backbone, info.patchSize));
      const found = await proposeOnPhoto(image, features, config.proposals, source?.find(image));
      return found.sort((a, b) => b.score - a.score).slice(0, regions);
    },
    dispose: async () => {
      source?.dispose();
      await backbone.dispose();
    },
  };
}
