import { correspondenceDefaults, type CorrespondenceOptions } from '@u2seg/heads';

/** Weights and shifts of the three terms of the correspondence loss. */
export type StegoWeights = Pick<
  CorrespondenceOptions,
  'randomWeight' | 'knnWeight' | 'selfWeight' | 'randomShift' | 'knnShift' | 'selfShift'
>;

function weights(
  randomWeight: number,
  knnWeight: number,
  selfWeight: number,
  randomShift: number,
  knnShift: number,
  selfShift: number,
): StegoWeights {
  return { randomWeight, knnWeight, selfWeight, randomShift, knnShift, selfShift };
}

/** Every set of hyperparameters in STEGO's released training configuration (`train_config.yml`), under its own name. */
export type StegoPresetName =
  | 'default-vit-small'
  | 'cocostuff27-vit-small'
  | 'cocostuff27-vit-small-october'
  | 'cocostuff27-vit-base'
  | 'cocostuff27-moco'
  | 'cocostuff27-older'
  | 'cityscapes'
  | 'cityscapes-older'
  | 'potsdam-vit-small';

export const stegoPresets: Readonly<Record<StegoPresetName, StegoWeights>> = {
  'default-vit-small': weights(0.63, 0.25, 0.67, 0.46, 0.12, 0.18),
  'cocostuff27-vit-small': weights(0.63, 0.25, 0.67, 0.66, 0.02, 0.08),
  'cocostuff27-vit-small-october': weights(0.63, 0.25, 0.67, 0.16, 0.02, 0.08),
  'cocostuff27-vit-base': weights(0.1538476246415498, 1, 0.1, 1, 0.2, 0.12),
  'cocostuff27-moco': weights(0.63, 0.25, 0.67, 0.26, 0.36, 0.32),
  'cocostuff27-older': weights(0.72, 0.8, 0.29, 0.86, 0.04, 0.34),
  cityscapes: weights(0.9058762625226623, 0.577453483136995, 1, 0.31361241889448443, 0.1754346515479633, 0.45828472207),
  'cityscapes-older': weights(0.72, 0.18, 0.46, 0.25, 0.2, 0.25),
  'potsdam-vit-small': weights(0.63, 0.25, 0.67, 0.46, 0.02, 0.08),
};

/** Options of the correspondence loss under a preset; all else as released. */
export function stegoCorrespondence(preset: StegoPresetName): CorrespondenceOptions {
  return { ...correspondenceDefaults, ...stegoPresets[preset] };
}
