import type { CurvePoint } from '@u2seg/self-train';
import type { FitResult } from './fit.ts';

export interface NamedCurve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** Everything a run trained, by name. */
export function trainingCurves({ trained, contours }: Pick<FitResult, 'trained' | 'contours'>): NamedCurve[] {
  return [
    ...(trained?.curves ?? []),
    ...(contours === undefined ? [] : [{ name: 'contours', points: contours.curve }]),
  ];
}
