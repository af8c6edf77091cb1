/** Photo and features to proposals, by the method of the configuration; runs in a worker thread. */
import {
  assertInRange,
  encodeMask,
  rleArea,
  rleBbox,
  U2SegError,
  type MaskProposal,
  type PatchFeatures,
  type RgbImage,
} from '@u2seg/core';
import { resizePillow, resizePillowGray } from '@u2seg/datasets';
import {
  maskCutReference,
  proposeMasks,
  proposeObjects,
  proposeObjectsDefaults,
  referenceAnnotations,
  tokenCut,
  type ContourMap,
  type ProposeMasksOptions,
} from '@u2seg/maskcut';
import { resizeNearest } from '@u2seg/maskcut/internal';
import type { PipelineConfig } from '../config/config.ts';
import { loadComponent } from '../run/component.ts';

type ProposalSettings = PipelineConfig['proposals'];

/** What a user's own proposal module exports as `propose`. */
export type Propose = (
  image: RgbImage,
  features: PatchFeatures,
  settings: ProposalSettings,
  contours?: ContourMap,
) => readonly MaskProposal[] | Promise<readonly MaskProposal[]>;

const withoutCrf: ProposeMasksOptions = { crfKernels: [], minCrfIou: 0 };

const methods: Readonly<Record<ProposalSettings['method'], Propose>> = {
  maskcut: (image, features, { tau, maxMasks, crf }) =>
    proposeMasks(image, features, { tau, maxMasks, ...(crf ? {} : withoutCrf) }),
  objects: (image, features, { tau, maxMasks, maxCuts, crf }, contours) =>
    proposeObjects(image, features, {
      maxObjects: maxMasks,
      ...(contours === undefined ? {} : { contours }),
      cuts:
        maxCuts === 0
          ? []
          : proposeMasks(image, features, {
              tau,
              maxMasks: maxCuts,
              // Regions are found on as many pixels.
              maxCrfPixels: proposeObjectsDefaults.maxPixels,
              ...(crf ? {} : withoutCrf),
            }),
    }),
  'maskcut-reference': (image, features, { tau, maxMasks, crf }) =>
    asReference(
      image,
      features,
      maskCutReference(features, { tau, numCuts: maxMasks }).map(({ mask }) => mask),
      crf,
    ),
  tokencut: (image, features, { tau, crf }) => {
    const { gridH, gridW, patchSize } = features;
    const { mask } = tokenCut(features, { tau });
    return asReference(image, features, [resizeNearest(mask, gridH, gridW, gridH * patchSize, gridW * patchSize)], crf);
  },
};

/**
 * @param contours - learned contours of the photo, for `objects`
 * @throws U2SegError as the method does, or `not-found` for a component that cannot be loaded
 */
export async function proposeOnPhoto(
  image: RgbImage,
  features: PatchFeatures,
  settings: ProposalSettings,
  contours?: ContourMap,
): Promise<MaskProposal[]> {
  const propose =
    settings.component === undefined
      ? methods[settings.method]
      : await loadComponent<Propose>(settings.component, 'propose');
  const found = await propose(image, features, settings, contours);
  const by = settings.component ?? settings.method;
  return found.map(({ mask, bboxXywh, area, score }, i) => {
    const where = `${by}: proposal ${i}`;
    if (mask.height !== image.height || mask.width !== image.width) {
      throw new U2SegError(
        'shape-mismatch',
        `${where}: mask must be [${image.height}, ${image.width}] as the photo, got [${mask.height}, ${mask.width}].`,
      );
    }
    assertInRange(`${where}: score`, score, 0, 1);
    return { mask, bboxXywh, area, score };
  });
}

/** Masks at network size to proposals at photo size, as CutLER's script finishes them; scores are all 1 there. */
function asReference(
  image: RgbImage,
  features: PatchFeatures,
  masks: readonly Uint8Array[],
  crf: boolean,
): MaskProposal[] {
  const height = features.gridH * features.patchSize;
  const width = features.gridW * features.patchSize;
  if (!crf) {
    return masks.flatMap((mask): MaskProposal[] => {
      const data = resizeNearest(mask, height, width, image.height, image.width);
      const rle = encodeMask({ data, height: image.height, width: image.width });
      const area = rleArea(rle);
      return area === 0 ? [] : [{ mask: rle, bboxXywh: rleBbox(rle), area, score: 1 }];
    });
  }
  const finished = referenceAnnotations(resizePillow(image, height, width, 'lanczos'), masks, {
    height: image.height,
    width: image.width,
    resizeMask: (data, h, w, toHeight, toWidth) =>
      resizePillowGray({ data, height: h, width: w }, toHeight, toWidth, 'bicubic').data,
  });
  return finished.flatMap(({ annotation }): MaskProposal[] =>
    annotation === undefined
      ? []
      : [{ mask: annotation.segmentation, bboxXywh: annotation.bboxXywh, area: annotation.area, score: 1 }],
  );
}
