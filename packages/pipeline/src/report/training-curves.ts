import type { FitResult } from '../fit-result.ts';
import type { NamedCurve } from '../train/train-stage.ts';

/** Everything a run trained, by name. */
export function trainingCurves({ trained, contours }: Pick<FitResult, 'trained' | 'contours'>): NamedCurve[] {
  return [
    ...(trained?.curves ?? []),
    ...(contours === undefined ? [] : [{ name: 'contours', points: contours.curve }]),
  ];
}
