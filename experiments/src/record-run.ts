/**
 * The loss curve and a few pictures of a run of `u2seg fit`, small enough to commit.
 *
 *   node experiments/dist/record-run.js runs/coco-mini panoptic.json [experiments/coco-mini]
 *
 * Writes `curve.json` and `curve.svg`, `pictures.jpg` (photo, proposals, pseudo-label, prediction, ground truth) and `pictures.md`
 * with the credits. Only photos whose licence allows it are shown, evenly spread over those in the order of the file, so that nobody
 * picks the nice ones.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rleFromString, U2SegError, writeFileAtomic } from '@u2seg/core';
import { decodeImage, openCocoPanoptic, type Dataset } from '@u2seg/datasets';
import { decodeTable, proposalsTable, type ProposalRow } from '@u2seg/interchange';
import { readCurve } from '@u2seg/self-train';
import { condenseCurve, curveSvg, type NamedCurve } from './loss-curve.ts';
import { isMain } from './is-main.ts';
import { pictureSheet, type DrawnSegment, type SheetRow } from './picture-sheet.ts';

/** COCO's numbers of licences that let a photo be shown changed and with credit: BY, BY-SA, no known restrictions. */
export const freeLicences: readonly number[] = [4, 5, 7];
const shownPhotos = 6;
/** Best proposals drawn on a photo, as in the report. */
const shownProposals = 12;

interface CreditJson {
  readonly licenses: readonly { readonly id: number; readonly name: string; readonly url: string }[];
  readonly images: readonly {
    readonly id: number;
    readonly file_name: string;
    readonly license: number;
    readonly flickr_url: string;
  }[];
}

interface RunJson {
  readonly photos: string;
}

/** @throws U2SegError `not-found` if the run has no trained network or no photo may be shown */
export async function recordRun(run: string, panoptic: string, out: string): Promise<void> {
  await recordCurve(run, out);
  await recordPictures(run, panoptic, out);
}

async function recordCurve(run: string, out: string): Promise<void> {
  const curves: NamedCurve[] = [];
  const train = await stageFolder(run, 'train');
  if (train !== undefined) curves.push(await curveOf('training', train));
  const rounds = await stageFolder(run, 'rounds');
  const folders =
    rounds === undefined ? [] : (await readdir(rounds)).filter((name) => /^round-\d+$/u.test(name)).sort();
  for (const folder of folders) curves.push(await curveOf(folder.replace('-', ' '), join(rounds!, folder)));
  if (curves.length === 0) throw new U2SegError('not-found', `${run}: no training has finished there.`);
  const summary = JSON.parse(await readFile(join(run, 'summary.json'), 'utf8')) as {
    readonly code: object;
    readonly seed: number;
    readonly dataHash: string;
  };
  const { code, seed, dataHash } = summary;
  await writeFileAtomic(join(out, 'curve.json'), `${JSON.stringify({ code, seed, dataHash, curves })}\n`);
  await writeFileAtomic(join(out, 'curve.svg'), curveSvg(curves));
}

async function curveOf(name: string, folder: string): Promise<NamedCurve> {
  return { name, stretches: condenseCurve(await readCurve(join(folder, 'curve.jsonl'))) };
}

/** Folder of the inputs a stage last finished with; undefined where it has not. */
async function stageFolder(run: string, stage: string): Promise<string | undefined> {
  const record = await readFile(join(run, 'stages', stage, 'stage.json'), 'utf8').catch(() => undefined);
  if (record === undefined) return undefined;
  const { inputsHash } = JSON.parse(record) as { readonly inputsHash: string };
  return join(run, 'stages', stage, inputsHash.slice(0, 12));
}

async function recordPictures(run: string, panoptic: string, out: string): Promise<void> {
  const { photos } = JSON.parse(await readFile(join(run, 'run.json'), 'utf8')) as RunJson;
  const open = (annotations: string): Promise<Dataset> =>
    openCocoPanoptic({
      name: 'run',
      split: 'all',
      annotations,
      panopticFolder: annotations.replace(/\.json$/u, ''),
      imageFolder: photos,
    });
  const truth = await open(panoptic);
  const labels = await open(join(run, 'labels', 'panoptic.json'));
  const predictions = await open(join(run, 'predictions', 'panoptic.json'));
  const proposals = await readProposals(run);
  const credits = JSON.parse(await readFile(panoptic, 'utf8')) as CreditJson;
  const inRun = new Set(labels.images.map(({ path }) => basename(path)));
  const annotated = new Set(truth.images.map(({ path }) => basename(path)).filter((name) => inRun.has(name)));
  const free = credits.images.filter(
    ({ license, file_name: name }) => freeLicences.includes(license) && annotated.has(name),
  );
  if (free.length === 0) throw new U2SegError('not-found', `${panoptic}: no photo may be shown.`);
  const count = Math.min(shownPhotos, free.length);
  const chosen = Array.from({ length: count }, (_, i) => free[Math.floor((i * free.length) / count)]!);
  const rows: SheetRow[] = [];
  for (const { file_name: name } of chosen) {
    const image = await decodeImage(join(photos, name));
    const found = proposals.filter(
      ({ image_id: id }) => basename(id).replace(/\.\w+$/u, '') === name.replace(/\.\w+$/u, ''),
    );
    const best = found.toSorted((a, b) => b.score - a.score).slice(0, shownProposals);
    rows.push({
      image,
      columns: [
        best.map(({ mask_height: height, mask_width: width, mask_rle: rle }, id) => ({
          mask: rleFromString(height, width, rle),
          id,
          isThing: true,
        })),
        await segmentsOf(labels, name),
        await segmentsOf(predictions, name),
        await segmentsOf(truth, name),
      ],
    });
  }
  await writeFileAtomic(join(out, 'pictures.jpg'), await pictureSheet(rows));
  await writeFileAtomic(join(out, 'pictures.md'), creditsPage(chosen, credits));
}

async function readProposals(run: string): Promise<ProposalRow[]> {
  const folder = join(run, 'stages', 'propose', 'proposals');
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    readonly partitions: readonly { readonly file: string }[];
  };
  const rows: ProposalRow[] = [];
  for (const { file } of manifest.partitions) {
    const path = join(folder, file);
    rows.push(...decodeTable(proposalsTable, new Uint8Array(await readFile(path)), path));
  }
  return rows;
}

async function segmentsOf(dataset: Dataset, name: string): Promise<DrawnSegment[]> {
  const image = dataset.images.find(({ path }) => basename(path) === name);
  if (image === undefined) return [];
  const { segments } = await dataset.load(image);
  return segments.flatMap(({ mask, categoryId, isThing }) =>
    mask === undefined ? [] : [{ mask, id: categoryId, isThing }],
  );
}

function creditsPage(chosen: CreditJson['images'], { licenses }: CreditJson): string {
  const lines = chosen.map(({ file_name: name, flickr_url: url, license }, i) => {
    const licence = licenses.find(({ id }) => id === license)!;
    return `${i + 1}. COCO ${name}, ${url}, [${licence.name}](${licence.url})`;
  });
  return [
    'Photo | proposals | pseudo-label | prediction | ground truth. The photos are shrunk, the four other columns drawn over them; each picture is under its photo’s licence.',
    '',
    '![Pictures of the run](pictures.jpg)',
    '',
    'Of the photos whose licence allows it, evenly spread over the order of the file. From above:',
    '',
    ...lines,
    '',
  ].join('\n');
}

if (isMain(import.meta.url)) {
  const [run, panoptic, out = fileURLToPath(new URL('../coco-mini', import.meta.url))] = process.argv.slice(2);
  if (run === undefined || panoptic === undefined) throw new Error('wanted: record-run.js <run> <panoptic.json> [out]');
  await recordRun(resolve(run), resolve(panoptic), resolve(out));
}
