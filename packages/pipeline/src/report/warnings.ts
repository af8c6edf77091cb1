import type { FitResult } from '../fit-result.ts';
import { trainingCurves } from './training-curves.ts';

/** Sentences about what looks wrong in a run; empty when nothing does. */
export function runWarnings(result: FitResult): string[] {
  const { index, proposals, instances, semantics, labels, predictions, metrics } = result;
  const warnings: string[] = [];
  const share = (part: number, whole: number): string =>
    `${part} of ${whole} (${((100 * part) / Math.max(1, whole)).toFixed(0)} %)`;
  if (index.skipped.length > 0)
    warnings.push(`${share(index.skipped.length, index.skipped.length + index.photos.length)} photos were left out.`);
  if (proposals !== undefined) {
    const { photosWithoutProposals, photos, skipped } = proposals.counts;
    if (photosWithoutProposals > 0.1 * photos)
      warnings.push(`${share(photosWithoutProposals, photos)} photos have no proposal.`);
    if (skipped > 0) warnings.push(`${skipped} photos could not be labelled; stages/propose/skipped says why.`);
  }
  if (instances !== undefined) {
    const { counts, instances: total, warnings: own } = instances.summary;
    warnings.push(...own);
    const most = Math.max(0, ...counts);
    if (counts.length > 1 && most > 0.5 * total)
      warnings.push(`One cluster holds ${share(most, total)} instances: the clusters have collapsed.`);
  }
  if (semantics !== undefined) {
    const { pixels, clusters } = semantics.summary;
    const total = pixels.reduce((sum, n) => sum + n, 0);
    const empty = pixels.filter((n) => n === 0).length;
    const most = Math.max(0, ...pixels);
    if (empty > 0.25 * clusters) warnings.push(`${share(empty, clusters)} semantic clusters are empty.`);
    if (most > 0.6 * total && clusters > 1)
      warnings.push(`One semantic cluster covers ${((100 * most) / total).toFixed(0)} % of all pixels.`);
  }
  if (labels !== undefined && labels.summary.emptyPhotos > 0)
    warnings.push(`${share(labels.summary.emptyPhotos, labels.summary.photos)} photos have an empty pseudo-label.`);
  for (const { name, points } of trainingCurves(result)) {
    const mean = (part: readonly { readonly total: number }[]): number =>
      part.reduce((sum, { total }) => sum + total, 0) / Math.max(1, part.length);
    const tenth = Math.ceil(points.length / 10);
    if (points.length >= 20 && mean(points.slice(-tenth)) >= mean(points.slice(0, tenth)))
      warnings.push(`The loss of ${name} did not fall.`);
  }
  if (predictions !== undefined) {
    const { photosWithoutInstances, photos } = predictions.summary;
    if (photosWithoutInstances > 0.5 * photos)
      warnings.push(`The network finds nothing on ${share(photosWithoutInstances, photos)} photos.`);
  }
  for (const { results } of Object.values(metrics?.universal ?? {}).slice(-1)) {
    const one = results.find(({ protocol }) => protocol === 'hungarian-one-to-one');
    const unused = one?.mapping.classNames.filter((_, c) => !one.mapping.classOfCluster.includes(c)).length ?? 0;
    if (one !== undefined && unused > 0)
      warnings.push(
        `${share(unused, one.mapping.classNames.length)} classes have no cluster in the one-to-one matching.`,
      );
  }
  return warnings;
}
