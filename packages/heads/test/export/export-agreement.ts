import type { PanopticConfig } from '../../src/detector/config/config.ts';
import type { PanopticSegment } from '../../src/detector/inference/panoptic.ts';
import type { Prediction } from '../../src/detector/inference/prediction.ts';

/** How far a graph's prediction is from the network's own. */
export interface Agreement {
  readonly detections: number;
  /** Detections of either side that have no partner of the same class within the tolerances. */
  readonly unmatched: number;
  /** Of partners: largest distance of scores, and of coordinates in pixels. */
  readonly scoreError: number;
  readonly boxError: number;
  /** Pixels of partners' masks that differ, and which: rows of our mask and index in it. */
  readonly maskPixels: number;
  readonly maskDifferences: readonly (readonly [row: number, pixel: number])[];
  readonly semanticPixels: number;
  /** Pixels of another thing or stuff class, but for those of things and stuff that only one side has. */
  readonly panopticPixels: number;
  /**
   * Of these, pixels where all partners' masks and the semantic maps agree and which do not lie between two things whose scores
   * are closer than `maxScore`: the combination itself would have to differ, which is integer arithmetic.
   */
  readonly unexplainedPixels: number;
  /**
   * Things that only one side's panoptic map has, but for those that lie on another of higher score: {@link isUndecided} holds, or
   * something is wrong.
   */
  readonly loneThings: readonly LoneThing[];
  /** Pixels of all things that only one side has. */
  readonly loneThingPixels: number;
  /** Areas of stuff segments that only one side has: they lie about the smallest area kept, or something is wrong. */
  readonly loneStuffAreas: readonly number[];
}

export interface LoneThing {
  readonly score: number;
  /** Pixels of its mask, and which share of them things of higher score have. */
  readonly pixels: number;
  readonly overlap: number;
  /** Pixels of its mask of either side where some mask differs. */
  readonly changed: number;
}

const maxScore = 1e-3;

/**
 * Whether a thing may be left out for the masks and scores of one side and kept for those of the other: each pixel that differs
 * moves the numerator and the denominator of its share by one.
 */
export function isUndecided({ score, pixels, overlap, changed }: LoneThing, config: PanopticConfig): boolean {
  if (Math.abs(score - config.minInstanceScore) <= maxScore) return true;
  return Math.abs(overlap - config.overlapThreshold) * pixels <= 2 * changed;
}

/** Pairs detections of one class whose scores differ by at most 1e-3 and whose coordinates by at most `maxPixels`. */
export function agreement(ours: Prediction, theirs: Prediction, maxPixels = 0.05): Agreement {
  const [a, b] = [ours.instances, theirs.instances];
  const free = new Set(b.scores.keys());
  /** Our row of each of theirs. */
  const partners = new Map<number, number>();
  const maskDifferences: [number, number][] = [];
  let [unmatched, scoreError, boxError] = [0, 0, 0];
  for (const [i, score] of a.scores.entries()) {
    const distance = (j: number): number =>
      Math.max(...[0, 1, 2, 3].map((k) => Math.abs(a.boxesXyxy[4 * i + k]! - b.boxesXyxy[4 * j + k]!)));
    const candidates = [...free].filter(
      (j) => b.classes[j] === a.classes[i] && Math.abs(b.scores[j]! - score) <= maxScore && distance(j) <= maxPixels,
    );
    const partner = candidates.sort((j, k) => distance(j) - distance(k))[0];
    if (partner === undefined) {
      unmatched += 1;
      continue;
    }
    free.delete(partner);
    partners.set(partner, i);
    scoreError = Math.max(scoreError, Math.abs(b.scores[partner]! - score));
    boxError = Math.max(boxError, distance(partner));
    for (const pixel of differing(a.masks[i]!.data, b.masks[partner]!.data)) maskDifferences.push([i, pixel]);
  }
  const semantic = differing(ours.semantic ?? [], theirs.semantic ?? []);
  const decided = new Set([...semantic, ...maskDifferences.map(([, pixel]) => pixel)]);
  return {
    detections: a.scores.length,
    unmatched: unmatched + free.size,
    scoreError,
    boxError,
    maskPixels: maskDifferences.length,
    maskDifferences,
    semanticPixels: semantic.length,
    ...panopticAgreement(ours, theirs, partners, decided),
  };
}

function panopticAgreement(
  ours: Prediction,
  theirs: Prediction,
  partners: ReadonlyMap<number, number>,
  decided: ReadonlySet<number>,
): Pick<Agreement, 'panopticPixels' | 'unexplainedPixels' | 'loneThings' | 'loneThingPixels' | 'loneStuffAreas'> {
  const [a, b] = [segmentsOf(ours), segmentsOf(theirs, partners)];
  const rowsOfTheirs = new Map([...partners].map(([row, own]) => [own, row]));
  const lone = [
    ...[...a].filter(([key]) => !b.has(key)).map(([key, segment]) => ({ key, segment, side: ours })),
    ...[...b].filter(([key]) => !a.has(key)).map(([key, segment]) => ({ key, segment, side: theirs })),
  ];
  const things = lone
    .filter(({ segment }) => segment.isThing)
    .map(({ key, segment, side }) => {
      const mask = side.instances.masks[segment.instance!]!.data;
      const row = key - 1;
      const same = side === ours ? theirs.instances.masks[rowsOfTheirs.get(row)!] : ours.instances.masks[row];
      return { score: segment.score!, area: segment.area, mask, same: same?.data ?? mask };
    })
    .sort((x, y) => y.score - x.score);
  const without = new Set(lone.map(({ key }) => key));
  const [mine, other] = [meaning(ours, a, without), meaning(theirs, b, without)];
  // below a thing that only one side has, the other shows whatever comes next
  const pixels = differing(mine, other).filter((pixel) => things.every(({ mask }) => mask[pixel] === 0));
  const { scores } = ours.instances;
  const isTie = (pixel: number): boolean => {
    const [i, j] = [mine[pixel]! - 1, other[pixel]! - 1];
    return i >= 0 && j >= 0 && Math.abs(scores[i]! - scores[j]!) <= maxScore;
  };
  return {
    panopticPixels: pixels.length,
    unexplainedPixels: pixels.filter((pixel) => !decided.has(pixel) && !isTie(pixel)).length,
    loneThings: things
      .filter(
        ({ mask }, i) => !things.slice(0, i).some((above) => mask.some((bit, p) => bit === 1 && above.mask[p] === 1)),
      )
      .map(({ score, area, mask, same }) => {
        const total = countOnes(mask);
        const changed = [...decided].filter((pixel) => mask[pixel] === 1 || same[pixel] === 1).length;
        return { score, pixels: total, overlap: 1 - area / total, changed };
      }),
    loneThingPixels: things.reduce((sum, { mask }) => sum + countOnes(mask), 0),
    loneStuffAreas: lone.filter(({ segment }) => !segment.isThing).map(({ segment }) => segment.area),
  };
}

function countOnes(mask: Uint8Array): number {
  return mask.reduce((sum, bit) => sum + bit, 0);
}

/** Segments by what they mean on both sides: our row of a thing plus 1, or minus a stuff class. */
function segmentsOf(
  { panoptic }: Prediction,
  partners?: ReadonlyMap<number, number>,
): ReadonlyMap<number, PanopticSegment> {
  const rowOf = (instance: number): number =>
    partners === undefined ? instance : (partners.get(instance) ?? noPartner + instance);
  return new Map(
    panoptic?.segments.map((segment) => [segment.isThing ? 1 + rowOf(segment.instance!) : -segment.category, segment]),
  );
}

/** Past every row of ours: a row of theirs that none of ours goes with. */
const noPartner = 2 ** 20;

/** Of every pixel the meaning of its segment, or 0 for nothing and for what is left out. */
function meaning(
  { panoptic }: Prediction,
  segments: ReadonlyMap<number, PanopticSegment>,
  without: ReadonlySet<number>,
): Int32Array {
  if (panoptic === undefined) return new Int32Array(0);
  const ofId = new Map([...segments].map(([key, { id }]) => [id, without.has(key) ? 0 : key]));
  return panoptic.ids.map((id) => ofId.get(id) ?? 0);
}

function differing(a: ArrayLike<number>, b: ArrayLike<number>): number[] {
  const pixels: number[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) if (a[i] !== b[i]) pixels.push(i);
  return pixels;
}
