/** Sentences about a run that looks wrong. They are for the report's warning box; nothing here stops a run. */
import { assertInRange, assertInteger } from '@u2seg/core';

/** What is known about a run; a check whose figures are absent is left out. */
export interface SanityInput {
  /** Photos that were processed. */
  readonly photos: number;
  readonly photosWithoutProposals?: number;
  /** Proposals or segments whose mask has no pixel. */
  readonly emptyMasks?: number;
  /** Share of its photo that each proposal covers, in [0, 1]. */
  readonly maskAreaShares?: ArrayLike<number>;
  /** Members of every cluster of things, empty ones included. */
  readonly clusters?: ArrayLike<number>;
  /** The same for stuff, for example in patches. */
  readonly stuffClusters?: ArrayLike<number>;
  /** Classes that occur in the predictions. */
  readonly usedClasses?: number;
  /** Classes the model can predict. */
  readonly totalClasses?: number;
  /** Number of predicted segments of each photo. */
  readonly predictionsPerPhoto?: ArrayLike<number>;
  /** Training losses in the order of the steps. */
  readonly losses?: readonly LossCurve[];
}

export interface LossCurve {
  readonly name: string;
  readonly values: ArrayLike<number>;
}

/** When a check speaks up. Shares are in [0, 1]. */
export interface SanityOptions {
  /** Warns when the share of photos without proposals is `>` this. */
  readonly maxWithoutProposalsRatio?: number;
  /** A mask that covers `>=` this share of its photo counts as a full-image mask. */
  readonly fullMaskRatio?: number;
  /** Warns when the share of full-image masks is `>` this. */
  readonly maxFullMaskRatio?: number;
  /** Warns when one cluster holds a share `>` this of all members. */
  readonly maxLargestClusterRatio?: number;
  /** Warns when the share of clusters without members is `>` this. */
  readonly maxEmptyClusterRatio?: number;
  /** Warns when the share of classes that are predicted at all is `<` this. */
  readonly minUsedClassRatio?: number;
  /** Warns when the share of photos without predictions is `>` this. */
  readonly maxWithoutPredictionsRatio?: number;
  /** Warns when the loss fell by a share `<` this of its first value. */
  readonly minLossDropRatio?: number;
  /** Losses with fewer values are too short to judge their direction. */
  readonly minLossValues?: number;
}

/** Chosen by hand on small runs; none of them comes from a paper. */
export const sanityDefaults: Required<SanityOptions> = {
  maxWithoutProposalsRatio: 0.1,
  fullMaskRatio: 0.95,
  maxFullMaskRatio: 0.05,
  maxLargestClusterRatio: 0.5,
  maxEmptyClusterRatio: 0.2,
  minUsedClassRatio: 0.5,
  maxWithoutPredictionsRatio: 0.2,
  minLossDropRatio: 0.02,
  minLossValues: 20,
};

/**
 * Looks for signs that a run went wrong: photos without proposals, empty and full-image masks, collapsed clusters, unused
 * classes, missing predictions, losses that are not finite or did not fall.
 *
 * @returns one whole sentence per finding with its figures, in that order; empty when all is well
 * @throws U2SegError `out-of-range` for a count, share or threshold outside its range, NaN included
 * @example sanityWarnings({ photos: 10, photosWithoutProposals: 4 })
 * // ['4 of 10 photos (40 %) have no proposals; expected at most 10 %.']
 */
export function sanityWarnings(input: SanityInput, options: SanityOptions = {}): string[] {
  const limits = { ...sanityDefaults, ...options };
  checkRanges(input, limits);
  return [
    ...proposalWarnings(input, limits),
    ...maskWarnings(input, limits),
    ...clusterWarnings('thing', input.clusters, limits),
    ...clusterWarnings('stuff', input.stuffClusters, limits),
    ...classWarnings(input, limits),
    ...predictionWarnings(input, limits),
    ...(input.losses ?? []).flatMap((loss) => lossWarnings(loss, limits)),
  ];
}

type Limits = Required<SanityOptions>;

function proposalWarnings({ photos, photosWithoutProposals }: SanityInput, limits: Limits): string[] {
  if (photos === 0) return ['No photo was processed.'];
  const without = photosWithoutProposals ?? 0;
  if (without / photos <= limits.maxWithoutProposalsRatio) return [];
  const expected = percent(limits.maxWithoutProposalsRatio);
  return [
    `${without} of ${photos} photos (${percent(without / photos)}) have no proposals; expected at most ${expected}.`,
  ];
}

function maskWarnings({ emptyMasks = 0, maskAreaShares = [] }: SanityInput, limits: Limits): string[] {
  const out: string[] = [];
  if (emptyMasks > 0)
    out.push(`${emptyMasks === 1 ? '1 mask is' : `${emptyMasks} masks are`} empty: not one pixel is set.`);
  const total = maskAreaShares.length;
  let full = 0;
  for (let i = 0; i < total; i += 1) if (maskAreaShares[i]! >= limits.fullMaskRatio) full += 1;
  if (total > 0 && full / total > limits.maxFullMaskRatio) {
    out.push(
      `${full} of ${total} masks (${percent(full / total)}) cover at least ${percent(limits.fullMaskRatio)} of their photo; ` +
        `expected at most ${percent(limits.maxFullMaskRatio)} of the masks.`,
    );
  }
  return out;
}

function clusterWarnings(kind: 'thing' | 'stuff', sizes: ArrayLike<number> | undefined, limits: Limits): string[] {
  const k = sizes?.length ?? 0;
  if (sizes === undefined || k === 0) return [];
  let members = 0;
  let empty = 0;
  let largest = 0;
  for (let i = 0; i < k; i += 1) {
    members += sizes[i]!;
    if (sizes[i] === 0) empty += 1;
    // the first of equally large ones is named
    if (sizes[i]! > sizes[largest]!) largest = i;
  }
  if (members === 0) return [`All ${k} ${kind} clusters are empty.`];
  const out: string[] = [];
  const share = sizes[largest]! / members;
  if (k > 1 && share > limits.maxLargestClusterRatio) {
    out.push(
      `Collapsed clusters: ${kind} cluster ${largest} holds ${percent(share)} of all ${members} members; ` +
        `expected at most ${percent(limits.maxLargestClusterRatio)}.`,
    );
  }
  if (empty / k > limits.maxEmptyClusterRatio) {
    const expected = percent(limits.maxEmptyClusterRatio);
    out.push(
      `${empty} of ${k} ${kind} clusters (${percent(empty / k)}) have no members; expected at most ${expected}.`,
    );
  }
  return out;
}

function classWarnings({ usedClasses, totalClasses }: SanityInput, limits: Limits): string[] {
  if (usedClasses === undefined || totalClasses === undefined || totalClasses === 0) return [];
  if (usedClasses / totalClasses >= limits.minUsedClassRatio) return [];
  const unused = totalClasses - usedClasses;
  return [
    `${unused} of ${totalClasses} classes (${percent(unused / totalClasses)}) are never predicted; ` +
      `expected at most ${percent(1 - limits.minUsedClassRatio)}.`,
  ];
}

function predictionWarnings({ predictionsPerPhoto = [] }: SanityInput, limits: Limits): string[] {
  const total = predictionsPerPhoto.length;
  if (total === 0) return [];
  let without = 0;
  for (let i = 0; i < total; i += 1) if (predictionsPerPhoto[i] === 0) without += 1;
  if (without === total) return ['There are no predictions at all: not one segment in any photo.'];
  if (without / total <= limits.maxWithoutPredictionsRatio) return [];
  const expected = percent(limits.maxWithoutPredictionsRatio);
  return [
    `${without} of ${total} photos (${percent(without / total)}) have no predictions; expected at most ${expected}.`,
  ];
}

/** The loss at the start and at the end is the median of a tenth of the values, so that single steps do not decide. */
function lossWarnings({ name, values }: LossCurve, limits: Limits): string[] {
  const list = Array.from(values);
  const broken = list.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    const count = list.filter((value) => !Number.isFinite(value)).length;
    return [
      `The loss ${name} is not finite at ${count} of ${list.length} values, first at value ${broken + 1} (${list[broken]}).`,
    ];
  }
  if (list.length < Math.max(1, limits.minLossValues)) return [];
  const tenth = Math.max(1, Math.floor(list.length / 10));
  const first = median(list.slice(0, tenth));
  const last = median(list.slice(-tenth));
  if (first - last >= limits.minLossDropRatio * Math.abs(first)) return [];
  return [`The loss ${name} did not fall: ${short(first)} at the start, ${short(last)} at the end.`];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function checkRanges(input: SanityInput, limits: Limits): void {
  const where = 'sanityWarnings';
  assertInteger(`${where}: photos`, input.photos, 0);
  assertInteger(`${where}: photosWithoutProposals`, input.photosWithoutProposals ?? 0, 0, input.photos);
  assertInteger(`${where}: emptyMasks`, input.emptyMasks ?? 0, 0);
  assertInteger(`${where}: totalClasses`, input.totalClasses ?? 0, 0);
  assertInteger(`${where}: usedClasses`, input.usedClasses ?? 0, 0, input.totalClasses);
  const { maskAreaShares = [], clusters = [], stuffClusters = [], predictionsPerPhoto = [] } = input;
  for (let i = 0; i < maskAreaShares.length; i += 1) {
    assertInRange(`${where}: maskAreaShares[${i}]`, maskAreaShares[i]!, 0, 1);
  }
  const counts = { clusters, stuffClusters, predictionsPerPhoto };
  for (const [name, list] of Object.entries(counts)) {
    for (let i = 0; i < list.length; i += 1) assertInteger(`${where}: ${name}[${i}]`, list[i]!, 0);
  }
  const { minLossValues, ...ratios } = limits;
  assertInteger(`${where}: minLossValues`, minLossValues, 1);
  for (const [name, value] of Object.entries(ratios)) assertInRange(`${where}: ${name}`, value, 0, 1);
}

/** Whole percent; one digit where whole percent would say 0 or 100 and it is neither. */
function percent(ratio: number): string {
  const whole = Math.round(100 * ratio);
  const exact = (whole === 0 && ratio > 0) || (whole === 100 && ratio < 1);
  return `${exact ? (100 * ratio).toFixed(1) : whole} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
