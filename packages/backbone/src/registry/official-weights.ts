import { U2SegError } from '@u2seg/core';

/** A published file of weights. */
export interface OfficialWeights {
  /** For example `dino-vits8`. */
  readonly name: string;
  /** File name in the cache. */
  readonly file: string;
  readonly address: string;
  /** Licence of the repository that publishes the weights, as an SPDX expression. */
  readonly license: string;
  readonly architecture: 'vit' | 'resnet';
  /** Paper or repository. */
  readonly source: string;
  /** SHA-256 in hex where its publisher states one. Left out, it is pinned on first download; it is never invented. */
  readonly sha256?: string;
}

const dinoBase = 'https://dl.fbaipublicfiles.com/dino';
const dinov2Base = 'https://dl.fbaipublicfiles.com/dinov2';

function dino(name: string, file: string, architecture: 'vit' | 'resnet' = 'vit'): OfficialWeights {
  return {
    name,
    file: `${file}.pth`,
    address: `${dinoBase}/${file}/${file}.pth`,
    license: 'Apache-2.0',
    architecture,
    source: 'facebookresearch/dino, arXiv:2104.14294',
  };
}

function dinov2(name: string, folder: string, file: string): OfficialWeights {
  return {
    name,
    file: `${file}.pth`,
    address: `${dinov2Base}/${folder}/${file}.pth`,
    license: 'Apache-2.0',
    architecture: 'vit',
    source: 'facebookresearch/dinov2, arXiv:2304.07193',
  };
}

/**
 * Files the authors of DINO and DINOv2 publish. Neither repository states checksums.
 *
 * `dino-vits8-300ep` is the ViT-S/8 that CutLER's MaskCut and STEGO load, `dino-vits8` the one of DINO's own evaluation.
 */
export const officialWeights: readonly OfficialWeights[] = [
  dino('dino-vits8', 'dino_deitsmall8_pretrain'),
  dino('dino-vits8-300ep', 'dino_deitsmall8_300ep_pretrain'),
  dino('dino-vits16', 'dino_deitsmall16_pretrain'),
  dino('dino-vitb8', 'dino_vitbase8_pretrain'),
  dino('dino-vitb16', 'dino_vitbase16_pretrain'),
  dino('dino-resnet50', 'dino_resnet50_pretrain', 'resnet'),
  dinov2('dinov2-vits14', 'dinov2_vits14', 'dinov2_vits14_pretrain'),
  dinov2('dinov2-vits14-reg', 'dinov2_vits14', 'dinov2_vits14_reg4_pretrain'),
  dinov2('dinov2-vitb14', 'dinov2_vitb14', 'dinov2_vitb14_pretrain'),
  dinov2('dinov2-vitb14-reg', 'dinov2_vitb14', 'dinov2_vitb14_reg4_pretrain'),
];

/** @throws U2SegError `not-found` listing the names there are */
export function findOfficialWeights(name: string): OfficialWeights {
  const found = officialWeights.find((entry) => entry.name === name);
  if (found === undefined) {
    const names = officialWeights.map((entry) => entry.name).join(', ');
    throw new U2SegError('not-found', `findOfficialWeights: no weights are called "${name}"; there are ${names}.`);
  }
  return found;
}
