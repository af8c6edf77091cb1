/**
 * Where class-agnostic AP is lost on coco-mini, and what each kind of evidence gives the ranking of regions.
 *
 *   node experiments/dist/region-ranking.js
 *
 * Result: `experiments/region-ranking/summary.json`.
 */
import { fileURLToPath } from 'node:url';
import { rleIou, writeFileAtomic, type MaskProposal } from '@u2seg/core';
import { defaultObjectScore, proposeObjects, type ObjectEvidence, type ProposeObjectsOptions } from '@u2seg/maskcut';
import { cutPhotos, HalvedScores, type HalvedNumbers } from './coco-mini-photos.ts';
import { isMain } from './is-main.ts';

/** The default score of a region that is said to be perfect in some respects. */
const blindTo = (perfect: Partial<ObjectEvidence>): ProposeObjectsOptions => ({
  scorer: (evidence) => defaultObjectScore({ ...evidence, ...perfect }),
});

const rankings: Readonly<Record<string, ProposeObjectsOptions>> = {
  'all evidence': {},
  'without agreement': blindTo({ agreement: 0 }),
  'without contrast': blindTo({ contrast: 1, featureContrast: 1 }),
};

/** One row: the scores of all photos, and of the two halves by position (settings were looked at on the even half). */
interface Row {
  readonly masks: string;
  readonly ranking: string;
  readonly masksPerPhoto: number;
  readonly scores: HalvedNumbers;
}

/** The same masks, ranked by the ground truth: what a perfect ranking would give. */
function rankedByTruth(found: readonly MaskProposal[], truth: readonly MaskProposal['mask'][]): MaskProposal[] {
  return found.map((one) => ({
    ...one,
    score: truth.reduce((best, mask) => Math.max(best, rleIou(one.mask, mask)), 0),
  }));
}

async function run(data: string, say: (line: string) => void): Promise<Row[]> {
  const scores = new Map<string, HalvedScores>();
  const scoresOf = (masks: string, ranking: string): HalvedScores => {
    const key = `${masks}|${ranking}`;
    const known = scores.get(key) ?? new HalvedScores();
    scores.set(key, known);
    return known;
  };
  for await (const { i, truth, wanted, image, features, cuts } of cutPhotos(data, say)) {
    scoresOf('maskcut', 'its own').update(i, truth, cuts);
    scoresOf('maskcut', 'ground truth').update(i, truth, rankedByTruth(cuts, wanted));
    for (const [ranking, options] of Object.entries(rankings)) {
      const found = proposeObjects(image, features, { cuts, ...options });
      scoresOf('regions', ranking).update(i, truth, found);
      if (ranking === 'all evidence')
        scoresOf('regions', 'ground truth').update(i, truth, rankedByTruth(found, wanted));
    }
  }
  return [...scores].map(([key, value]) => {
    const [masks, ranking] = key.split('|') as [string, string];
    return { masks, ranking, masksPerPhoto: value.masksPerPhoto, scores: value.compute({ bySize: true }) };
  });
}

if (isMain(import.meta.url)) {
  const data = process.env['U2SEG_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
  const rows = await run(data, (line) => process.stdout.write(`${line}\n`));
  const summary = {
    question:
      'Where is class-agnostic AP lost on coco-mini, and what does each kind of evidence give the ranking of regions?',
    protocol:
      'COCO mask AP and AR@100 in percent, class-agnostic, things of 100 photos, at most 100 masks; halves by position, settings chosen on the even one',
    rows,
  };
  const path = fileURLToPath(new URL('../region-ranking/summary.json', import.meta.url));
  await writeFileAtomic(path, `${JSON.stringify(summary, undefined, 2)}\n`);
  for (const { masks, ranking, scores } of rows) {
    process.stdout.write(`${masks}, ${ranking}: ${JSON.stringify(scores)}\n`);
  }
}
