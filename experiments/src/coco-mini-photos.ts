/** The annotated photos of `coco-mini` as the studies of proposals score them: things only, one class. */
import { join } from 'node:path';
import { rleArea, rleBbox, type MaskProposal } from '@u2seg/core';
import { openCocoPanoptic } from '@u2seg/datasets';
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

/** Numbers of all photos, and of the two halves by position. */
export type HalvedNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** COCO mask AP and AR@100 over all photos and over the two halves by position. */
export class HalvedScores {
  #masks = 0;
  #photos = 0;
  readonly #accumulators = Array.from({ length: 3 }, () => new CocoAccumulator({ iouType: 'segm' }));

  /** Scores what was found on photo `i`. */
  update(i: number, truth: GroundTruth, found: readonly MaskProposal[]): void {
    const detections = detectionsFrom(
      truth,
      found.map(({ mask, bboxXywh, score }) => ({ imageId: i, categoryId: 1, mask, bboxXywh, score })),
    );
    this.#accumulators[0]!.update(truth, detections);
    this.#accumulators[1 + (i % 2)]!.update(truth, detections);
    this.#masks += found.length;
    this.#photos += 1;
  }

  get masksPerPhoto(): number {
    return Number((this.#masks / this.#photos).toFixed(2));
  }

  /** Per cent, two digits; `bySize` adds AR of small, medium and large objects. */
  compute({ bySize }: { readonly bySize: boolean }): HalvedNumbers {
    const percent = (value: number | null): number => Number((100 * (value ?? Number.NaN)).toFixed(2));
    return Object.fromEntries(
      ['all', 'even', 'odd'].map((half, at) => {
        const { ap, ap50, ap75, arThird, arSmall, arMedium, arLarge } = this.#accumulators[at]!.compute().stats;
        const values = { ap, ap50, ap75, ar100: arThird, ...(bySize ? { arSmall, arMedium, arLarge } : {}) };
        return [half, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, percent(value)]))];
      }),
    );
  }
}
