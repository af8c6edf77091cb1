/** The annotated photos of `coco-mini` as the studies of proposals score them: things only, one class. */
import { join } from 'node:path';
import { createEmbeddedBackbone } from '@u2seg/backbone';
import { rleArea, rleBbox, SeededRng, type MaskProposal, type PatchFeatures, type RgbImage } from '@u2seg/core';
import { decodeImage, openCocoPanoptic, resizePillow } from '@u2seg/datasets';
import { proposeMasks, proposeObjectsDefaults } from '@u2seg/maskcut';
import { CocoAccumulator, detectionsFrom, groundTruthFrom } from '@u2seg/metrics';

type CocoMini = Awaited<ReturnType<typeof openCocoPanoptic>>;
type AnnotatedPhoto = Awaited<ReturnType<CocoMini['load']>>;
type GroundTruth = ReturnType<typeof groundTruthFrom>;

/** @param data - folder that holds `coco-mini` */
export function openCocoMini(data: string): Promise<CocoMini> {
  return openCocoPanoptic({
    name: 'coco-mini',
    split: 'train',
    annotations: join(data, 'coco-mini/annotations/panoptic.json'),
    panopticFolder: join(data, 'coco-mini/annotations/panoptic'),
    imageFolder: join(data, 'coco-mini/images'),
  });
}

/** Things of photo `i` as one category, and the masks of those that are no crowds. */
export function thingsOf(
  i: number,
  fileName: string,
  { segments, height, width }: AnnotatedPhoto,
): { readonly truth: GroundTruth; readonly wanted: readonly MaskProposal['mask'][] } {
  const things = segments.flatMap(({ isThing, isCrowd, mask }) =>
    isThing && mask !== undefined
      ? [{ imageId: i, categoryId: 1, mask, bboxXywh: rleBbox(mask), area: rleArea(mask), crowd: isCrowd }]
      : [],
  );
  return {
    truth: groundTruthFrom([{ id: i, height, width, fileName }], [{ id: 1, name: 'object' }], things),
    wanted: things.filter(({ crowd }) => !crowd).map(({ mask }) => mask),
  };
}

/** Side of the square the photos are resized to for the embedded backbone, in pixels. */
const side = 320;

/** An annotated photo with its embedded descriptors and MaskCut's masks (tau 0.3, N = 8). */
export interface CutPhoto {
  /** Position in the data set. */
  readonly i: number;
  readonly truth: GroundTruth;
  readonly wanted: readonly MaskProposal['mask'][];
  readonly image: RgbImage;
  readonly features: PatchFeatures;
  readonly cuts: readonly MaskProposal[];
}

/** The annotated photos one by one, as the studies of regions look at them. @param say - is told how far it is */
export async function* cutPhotos(data: string, say: (line: string) => void): AsyncGenerator<CutPhoto> {
  const dataset = await openCocoMini(data);
  const backbone = createEmbeddedBackbone();
  for (const [i, listed] of dataset.images.entries()) {
    const things = thingsOf(i, listed.id, await dataset.load(listed));
    const image = await decodeImage(listed.path);
    const features = await backbone.extract(resizePillow(image, side, side, 'lanczos'));
    const { maxPixels } = proposeObjectsDefaults;
    const cuts = proposeMasks(image, features, { tau: 0.3, maxMasks: 8, maxCrfPixels: maxPixels });
    yield { i, ...things, image, features, cuts };
    say(`${i + 1}/${dataset.images.length}`);
  }
}

/** Numbers of all photos, and of the two halves by position. */
export type HalvedNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Difference of two lists of masks on the same photos, over photos drawn with replacement. */
export interface BootstrapDifference {
  readonly mean: number;
  readonly deviation: number;
  /** Of the draws. */
  readonly shareAboveZero: number;
}

/** COCO mask AP and AR@100 over all photos and over the two halves by position. */
export class HalvedScores {
  #masks = 0;
  /** One a photo: they can be merged any way. */
  readonly #photos: { readonly i: number; readonly scores: CocoAccumulator }[] = [];

  /** Scores what was found on photo `i`. */
  update(i: number, truth: GroundTruth, found: readonly MaskProposal[]): void {
    const detections = detectionsFrom(
      truth,
      found.map(({ mask, bboxXywh, score }) => ({ imageId: i, categoryId: 1, mask, bboxXywh, score })),
    );
    const scores = new CocoAccumulator({ iouType: 'segm' });
    scores.update(truth, detections);
    this.#photos.push({ i, scores });
    this.#masks += found.length;
  }

  get masksPerPhoto(): number {
    return Number((this.#masks / this.#photos.length).toFixed(2));
  }

  /** Per cent, two digits; `bySize` adds AR of small, medium and large objects. */
  compute({ bySize }: { readonly bySize: boolean }): HalvedNumbers {
    const halves = { all: () => true, even: (i: number) => i % 2 === 0, odd: (i: number) => i % 2 === 1 };
    return Object.fromEntries(
      Object.entries(halves).map(([half, within]) => {
        const chosen = this.#photos.filter(({ i }) => within(i)).map(({ scores }) => scores);
        const { ap, ap50, ap75, arThird, arSmall, arMedium, arLarge } = statsOf(chosen);
        const values = { ap, ap50, ap75, ar100: arThird, ...(bySize ? { arSmall, arMedium, arLarge } : {}) };
        return [half, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, percent(value)]))];
      }),
    );
  }

  /**
   * What these scores have over others of the same photos, in per cent.
   *
   * @param draws - of as many photos as there are, with replacement
   */
  over(other: HalvedScores, draws: number, seed: number): Readonly<Record<'ap' | 'ar100', BootstrapDifference>> {
    const rng = new SeededRng(seed);
    const count = this.#photos.length;
    const differences = { ap: [] as number[], ar100: [] as number[] };
    for (let draw = 0; draw < draws; draw += 1) {
      const chosen = Array.from({ length: count }, () => rng.integer(count));
      const [mine, theirs] = [this, other].map((scores) => statsOf(chosen.map((k) => scores.#photos[k]!.scores)));
      differences.ap.push(100 * (mine!.ap! - theirs!.ap!));
      differences.ar100.push(100 * (mine!.arThird! - theirs!.arThird!));
    }
    return { ap: described(differences.ap), ar100: described(differences.ar100) };
  }
}

function statsOf(photos: readonly CocoAccumulator[]): ReturnType<CocoAccumulator['compute']>['stats'] {
  const all = new CocoAccumulator({ iouType: 'segm' });
  for (const photo of photos) all.merge(photo);
  return all.compute().stats;
}

function percent(value: number | null): number {
  return Number((100 * (value ?? Number.NaN)).toFixed(2));
}

function described(values: readonly number[]): BootstrapDifference {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const rounded = (value: number): number => Number(value.toFixed(3));
  return {
    mean: rounded(mean),
    deviation: rounded(Math.sqrt(variance)),
    shareAboveZero: rounded(values.filter((value) => value > 0).length / values.length),
  };
}
