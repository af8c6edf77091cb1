/**
 * Checks that stop a run whose labels are evidently broken: no later stage could make anything of them, and hours of training
 * would only hide it. What is merely odd is a warning (warnings.ts). `proposals.acceptBroken` goes on all the same.
 */
import { U2SegError } from '@u2seg/core';

/** Fewer photos, or instances, say nothing about all of them. */
const least = 20;
/** Photos after which a run that has found nothing at all is stopped before its end. */
const leastEarly = 64;
/** Share of the photos, proposals or pixels that must be bad. */
const brokenRatio = 0.9;
/** Share of the pixels one semantic cluster must cover. */
const collapsedRatio = 0.995;

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
  if (all >= least && skipped > brokenRatio * all)
    refuse(
      'propose',
      `${skipped} of ${all} photos could not be labelled with ${by}`,
      'stages/propose/skipped says why.',
    );
  if (photos >= least && photosWithoutProposals > brokenRatio * photos)
    refuse(
      'propose',
      `${photosWithoutProposals} of ${photos} photos have no proposal with ${by}`,
      'Check the weights, or lower proposals.tau.',
    );
  if (photos >= least && proposals > 0 && wholePhoto > brokenRatio * proposals)
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
  if (photos + skipped < leastEarly) return;
  if (photos === photosWithoutProposals || wholePhoto === proposals) assertSoundProposals(tally, by);
}

/** @param counts - instances per cluster. @throws U2SegError `not-converged` where all lie in one of several */
export function assertSoundClusters(counts: readonly number[]): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length > 1 && total >= least && counts.includes(total))
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
  if (pixels.length > 1 && photos >= least && total > 0 && most > collapsedRatio * total)
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
  if (photos >= least && emptyPhotos > brokenRatio * photos)
    refuse('merge', `${emptyPhotos} of ${photos} photos have an empty label`, 'Check the limits of merge.');
}
