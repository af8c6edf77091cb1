import { contourStage } from '../contours/contour-stage.ts';
import type { Results } from '../run/stage.ts';
import { finalModel, type NamedCurve } from '../train/train-stage.ts';

/** Everything a run trained, by name. */
export function trainingCurves(results: Results): NamedCurve[] {
  const contours = results.get(contourStage);
  return [
    ...(finalModel(results)?.curves ?? []),
    ...(contours === undefined ? [] : [{ name: 'contours', points: contours.curve }]),
  ];
}
