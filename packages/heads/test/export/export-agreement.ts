import type { Prediction } from '../../src/detector/inference/prediction.ts';

/** How far a graph's prediction is from the network's own. */
export interface Agreement {
  readonly detections: number;
  /** Detections of either side that have no partner of the same class within the tolerances. */
  readonly unmatched: number;
  /** Of partners: largest distance of scores, and of coordinates in pixels. */
  readonly scoreError: number;
  readonly boxError: number;
  /** Pixels of partners' masks that differ. */
  readonly maskPixels: number;
  readonly semanticPixels: number;
  /** Pixels of another thing or stuff class, but for those of stuff only one side has. */
  readonly panopticPixels: number;
  /** Areas of stuff segments that only one side has: they lie about the smallest area kept, or something is wrong. */
  readonly loneStuffAreas: readonly number[];
}

/** Pairs detections of one class whose scores differ by at most 1e-3 and whose coordinates by at most `maxPixels`. */
export function agreement(ours: Prediction, theirs: Prediction, maxPixels = 0.05): Agreement {
  const [a, b] = [ours.instances, theirs.instances];
  const free = new Set(b.scores.keys());
  let [unmatched, scoreError, boxError, maskPixels] = [0, 0, 0, 0];
  for (const [i, score] of a.scores.entries()) {
    const distance = (j: number): number =>
      Math.max(...[0, 1, 2, 3].map((k) => Math.abs(a.boxesXyxy[4 * i + k]! - b.boxesXyxy[4 * j + k]!)));
    const candidates = [...free].filter(
      (j) => b.classes[j] === a.classes[i] && Math.abs(b.scores[j]! - score) <= 1e-3 && distance(j) <= maxPixels,
    );
    const partner = candidates.sort((j, k) => distance(j) - distance(k))[0];
    if (partner === undefined) {
      unmatched += 1;
      continue;
    }
    free.delete(partner);
    scoreError = Math.max(scoreError, Math.abs(b.scores[partner]! - score));
    boxError = Math.max(boxError, distance(partner));
    maskPixels += differing(a.masks[i]!.data, b.masks[partner]!.data);
  }
  return {
    detections: a.scores.length,
    unmatched: unmatched + free.size,
    scoreError,
    boxError,
    maskPixels,
    semanticPixels: differing(ours.semantic ?? [], theirs.semantic ?? []),
    ...panopticAgreement(ours, theirs),
  };
}

function panopticAgreement(ours: Prediction, theirs: Prediction): Pick<Agreement, 'panopticPixels' | 'loneStuffAreas'> {
  const stuff = ({ panoptic }: Prediction): Map<number, number> =>
    new Map(panoptic?.segments.filter(({ isThing }) => !isThing).map(({ category, area }) => [category, area]));
  const [a, b] = [stuff(ours), stuff(theirs)];
  const lone = [...a, ...b].filter(([category]) => !(a.has(category) && b.has(category)));
  const loneClasses = new Set(lone.map(([category]) => category));
  return {
    panopticPixels: differing(meaning(ours, loneClasses), meaning(theirs, loneClasses)),
    loneStuffAreas: lone.map(([, area]) => area),
  };
}

/** Of every pixel: a thing's rank, minus a stuff class, or 0 for nothing and for stuff that is left out. */
function meaning({ panoptic }: Prediction, without: ReadonlySet<number>): Int32Array {
  if (panoptic === undefined) return new Int32Array(0);
  const ofId = new Map(
    panoptic.segments.map(({ id, isThing, category }) => {
      if (isThing) return [id, id];
      return [id, without.has(category) ? 0 : -category];
    }),
  );
  return panoptic.ids.map((id) => ofId.get(id) ?? 0);
}

function differing(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Math.max(a.length, b.length);
  let count = 0;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) count += 1;
  return count;
}
