/**
 * What is wrong with a run: the one judge of it, with all its limits. Labels that are evidently broken stop the run, because no later
 * stage could make anything of them and hours of training would only hide it; `proposals.acceptBroken` goes on all the same. What is
 * merely odd is a warning in the report and the summary.
 */
import { U2SegError } from '@u2seg/core';

/** When a run is stopped, and when a sentence is said. Shares are in [0, 1]. Chosen by hand on small runs, none is from a paper. */
export const healthLimits = {
  /** Stops: fewer photos, or instances, say nothing about all of them. */
  minJudged: 20,
  /** Stops: photos after which a run that has found nothing at all ends early. */
  minJudgedEarly: 64,
  /** Stops when more than this share of the photos, or of the proposals, is bad. */
  brokenRatio: 0.9,
  /** Stops when one of several semantic clusters covers more than this share of the pixels. */
  collapsedPixelRatio: 0.995,
  /** A proposal on more than this share of its photo counts as the whole photo. */
  wholePhotoRatio: 0.95,
  /** Warns when more than this share of the photos has no proposal. */
  maxWithoutProposalsRatio: 0.1,
  /** Warns when one of several clusters holds more than this share of the instances. */
  maxLargestClusterRatio: 0.5,
  /** Warns when more than this share of the semantic clusters is empty. */
  maxEmptySemanticRatio: 0.25,
  /** Warns when one of several semantic clusters covers more than this share of the pixels. */
  maxLargestSemanticRatio: 0.6,
  /** Warns when the network finds nothing on more than this share of the photos. */
  maxWithoutInstancesRatio: 0.5,
  /** A curve with fewer points is too short to judge whether it fell. */
  minCurvePoints: 20,
  /** A curve is cut into so many parts; the mean of the last must be below that of the first. */
  curveParts: 10,
} as const;

function refuse(stage: string, what: string, help: string): never {
  throw new U2SegError(
    'not-converged',
    `${stage}: ${what}: the labels would be worthless. ${help} proposals.acceptBroken=true goes on all the same.`,
  );
}

/** Counts of the photos so far, or of all. */
export interface ProposalTally {
  readonly photos: number;
  readonly photosWithoutProposals: number;
  readonly skipped: number;
  readonly proposals: number;
  /** Proposals on more than 95 % of their photo. */
  readonly wholePhoto: number;
}

/** @throws U2SegError `not-converged` for proposals that no later stage could make labels of */
export function assertSoundProposals(tally: ProposalTally, by: string): void {
  const { photos, photosWithoutProposals, skipped, proposals, wholePhoto } = tally;
  const all = photos + skipped;
  if (all >= healthLimits.minJudged && skipped > healthLimits.brokenRatio * all)
    refuse(
      'propose',
      `${skipped} of ${all} photos could not be labelled with ${by}`,
      'stages/propose/skipped says why.',
    );
  if (photos >= healthLimits.minJudged && photosWithoutProposals > healthLimits.brokenRatio * photos)
    refuse(
      'propose',
      `${photosWithoutProposals} of ${photos} photos have no proposal with ${by}`,
      'Check the weights, or lower proposals.tau.',
    );
  if (photos >= healthLimits.minJudged && proposals > 0 && wholePhoto > healthLimits.brokenRatio * proposals)
    refuse(
      'propose',
      `${wholePhoto} of ${proposals} proposals cover their whole photo with ${by}`,
      'Check the weights and proposals.tau.',
    );
}

/**
 * The same while photos are still coming, for runs without a single good one so far: they need not go on to the end.
 *
 * @throws U2SegError `not-converged`
 */
export function assertHopefulProposals(tally: ProposalTally, by: string): void {
  const { photos, photosWithoutProposals, skipped, proposals, wholePhoto } = tally;
  if (photos + skipped < healthLimits.minJudgedEarly) return;
  if (photos === photosWithoutProposals || wholePhoto === proposals) assertSoundProposals(tally, by);
}

/** @param counts - instances per cluster. @throws U2SegError `not-converged` where all lie in one of several */
export function assertSoundClusters(counts: readonly number[]): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length > 1 && total >= healthLimits.minJudged && counts.includes(total))
    refuse(
      'cluster',
      `all ${total} instances are in one of ${counts.length} clusters`,
      'Check the weights of the backbone.',
    );
}

/** @param pixels - per cluster, over all `photos`. @throws U2SegError `not-converged` where one of several covers everything */
export function assertSoundSemantics(pixels: readonly number[], photos: number): void {
  const total = pixels.reduce((sum, count) => sum + count, 0);
  const most = Math.max(0, ...pixels);
  if (
    pixels.length > 1 &&
    photos >= healthLimits.minJudged &&
    total > 0 &&
    most > healthLimits.collapsedPixelRatio * total
  )
    refuse(
      'semantics',
      `one of ${pixels.length} clusters covers ${((100 * most) / total).toFixed(1)} % of all pixels`,
      'Train longer (semantics.steps), or try another semantics.preset.',
    );
}

/** @throws U2SegError `not-converged` where hardly any photo has a label */
export function assertSoundMerge({
  photos,
  emptyPhotos,
}: {
  readonly photos: number;
  readonly emptyPhotos: number;
}): void {
  if (photos >= healthLimits.minJudged && emptyPhotos > healthLimits.brokenRatio * photos)
    refuse('merge', `${emptyPhotos} of ${photos} photos have an empty label`, 'Check the limits of merge.');
}

/** `3 of 20 (15 %)`. */
function share(part: number, whole: number): string {
  return `${part} of ${whole} (${((100 * part) / Math.max(1, whole)).toFixed(0)} %)`;
}

/** Photos that were left out when they were listed. */
export function photoWarnings({
  photos,
  skipped,
}: {
  readonly photos: readonly unknown[];
  readonly skipped: readonly unknown[];
}): string[] {
  return skipped.length === 0 ? [] : [`${share(skipped.length, skipped.length + photos.length)} photos were left out.`];
}

export function proposalWarnings({ photosWithoutProposals, photos, skipped }: ProposalTally): string[] {
  const warnings: string[] = [];
  if (photosWithoutProposals > healthLimits.maxWithoutProposalsRatio * photos)
    warnings.push(`${share(photosWithoutProposals, photos)} photos have no proposal.`);
  if (skipped > 0) warnings.push(`${skipped} photos could not be labelled; stages/propose/skipped says why.`);
  return warnings;
}

/** @param counts - instances per cluster */
export function clusterWarnings(counts: readonly number[], total: number): string[] {
  const most = Math.max(0, ...counts);
  return counts.length > 1 && most > healthLimits.maxLargestClusterRatio * total
    ? [`One cluster holds ${share(most, total)} instances: the clusters have collapsed.`]
    : [];
}

/** @param pixels - per cluster */
export function semanticWarnings(pixels: readonly number[], clusters: number): string[] {
  const warnings: string[] = [];
  const total = pixels.reduce((sum, n) => sum + n, 0);
  const empty = pixels.filter((n) => n === 0).length;
  const most = Math.max(0, ...pixels);
  if (empty > healthLimits.maxEmptySemanticRatio * clusters)
    warnings.push(`${share(empty, clusters)} semantic clusters are empty.`);
  if (most > healthLimits.maxLargestSemanticRatio * total && clusters > 1)
    warnings.push(`One semantic cluster covers ${((100 * most) / total).toFixed(0)} % of all pixels.`);
  return warnings;
}

export function labelWarnings({
  photos,
  emptyPhotos,
}: {
  readonly photos: number;
  readonly emptyPhotos: number;
}): string[] {
  return emptyPhotos > 0 ? [`${share(emptyPhotos, photos)} photos have an empty pseudo-label.`] : [];
}

/** A loss that did not fall. */
export function curveWarnings(name: string, points: readonly { readonly total: number }[]): string[] {
  const mean = (part: readonly { readonly total: number }[]): number =>
    part.reduce((sum, { total }) => sum + total, 0) / Math.max(1, part.length);
  const end = Math.ceil(points.length / healthLimits.curveParts);
  const fell = mean(points.slice(-end)) < mean(points.slice(0, end));
  return points.length >= healthLimits.minCurvePoints && !fell ? [`The loss of ${name} did not fall.`] : [];
}

export function predictionWarnings({
  photos,
  photosWithoutInstances,
}: {
  readonly photos: number;
  readonly photosWithoutInstances: number;
}): string[] {
  return photosWithoutInstances > healthLimits.maxWithoutInstancesRatio * photos
    ? [`The network finds nothing on ${share(photosWithoutInstances, photos)} photos.`]
    : [];
}

/** @param unused - classes no cluster was matched to, of `classes` */
export function matchingWarnings(unused: number, classes: number): string[] {
  return unused > 0 ? [`${share(unused, classes)} classes have no cluster in the one-to-one matching.`] : [];
}
