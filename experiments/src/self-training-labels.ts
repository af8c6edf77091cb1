/** Labels for the self-training study: what MaskCut finds, or the true instances spoiled by a known amount. */
import { createEmbeddedBackbone } from '@u2seg/backbone';
import {
  decodeMask,
  deriveSeed,
  encodeMask,
  rleArea,
  rleBbox,
  SeededRng,
  type BinaryMask,
  type RgbImage,
  type Segment,
} from '@u2seg/core';
import { resizePillow } from '@u2seg/datasets';
import { proposeMasks } from '@u2seg/maskcut';

/** How true labels are spoiled. */
export interface LabelNoise {
  /** Share of the instances that get no label, in [0, 1]. */
  readonly missedRatio: number;
  /** Masks grow or shrink by up to this many pixels. */
  readonly maxEdgeShift: number;
  /** Chance that a scene gets a label where there is nothing, in [0, 1]. */
  readonly spuriousRatio: number;
}

/** How the label-free pipeline proposes. */
export interface ProposalSource {
  /** Shorter side of the photo the embedded backbone sees, in pixels. */
  readonly shortestEdge: number;
  /** MaskCut's threshold on cosine similarity. */
  readonly tau: number;
  readonly maxMasks: number;
}

/** Side of a spurious label, as a share of the photo's shorter side. */
const spuriousSides = [0.15, 0.4] as const;

/** What MaskCut finds on the embedded backbone, as labels of the one class "object". No ground truth enters. */
export async function proposedLabels(image: RgbImage, source: ProposalSource): Promise<Segment[]> {
  const backbone = createEmbeddedBackbone();
  const { patchSize } = backbone.info;
  const scale = source.shortestEdge / Math.min(image.height, image.width);
  const cells = (side: number): number => Math.max(1, Math.round((side * scale) / patchSize));
  const input = resizePillow(image, cells(image.height) * patchSize, cells(image.width) * patchSize, 'bilinear');
  const { tau, maxMasks } = source;
  const found = proposeMasks(image, await backbone.extract(input), { tau, maxMasks });
  return found.map(({ mask, bboxXywh, area, score }) => ({ mask, bboxXywh, area, score, clusterId: 0 }));
}

/** Drops, grows, shrinks and invents labels; the same seed does the same. All are of the one class "object", score 1. */
export function spoilLabels(
  truth: readonly Segment[],
  size: { readonly height: number; readonly width: number },
  noise: LabelNoise,
  seed: number,
): Segment[] {
  const rng = new SeededRng(deriveSeed(seed, 'label-noise'));
  const labels: Segment[] = [];
  for (const segment of truth) {
    const missed = rng.next() < noise.missedRatio;
    const shift = Math.round((2 * rng.next() - 1) * noise.maxEdgeShift);
    if (missed) continue;
    const label = asObject(shiftEdge(decodeMask(segment.mask), shift));
    if (label.area > 0) labels.push(label);
  }
  if (rng.next() < noise.spuriousRatio) labels.push(asObject(ellipse(size, rng)));
  return labels;
}

function asObject(mask: BinaryMask): Segment {
  const rle = encodeMask(mask);
  return { mask: rle, bboxXywh: rleBbox(rle), area: rleArea(rle), score: 1, clusterId: 0 };
}

/** Grows (shift > 0) or shrinks (shift < 0) a mask by a square of that half side; outside the photo nothing counts. */
function shiftEdge(mask: BinaryMask, shift: number): BinaryMask {
  if (shift === 0) return mask;
  const { height, width } = mask;
  const wanted = shift > 0 ? 1 : 0;
  const reach = Math.abs(shift);
  // A square is a row of pixels moved along a column.
  const alongRows = mask.data.map((value, p) => {
    const x = p % width;
    for (let dx = Math.max(-reach, -x); dx <= Math.min(reach, width - 1 - x); dx += 1) {
      if (mask.data[p + dx] === wanted) return wanted;
    }
    return value;
  });
  const data = alongRows.map((value, p) => {
    const y = Math.floor(p / width);
    for (let dy = Math.max(-reach, -y); dy <= Math.min(reach, height - 1 - y); dy += 1) {
      if (alongRows[p + dy * width] === wanted) return wanted;
    }
    return value;
  });
  return { data, height, width };
}

function ellipse({ height, width }: { readonly height: number; readonly width: number }, rng: SeededRng): BinaryMask {
  const side = (): number =>
    (Math.min(height, width) * (spuriousSides[0] + (spuriousSides[1] - spuriousSides[0]) * rng.next())) / 2;
  const [ry, rx] = [side(), side()];
  const [cy, cx] = [height * rng.next(), width * rng.next()];
  const data = new Uint8Array(height * width);
  for (let p = 0; p < data.length; p += 1) {
    const [dy, dx] = [(Math.floor(p / width) + 0.5 - cy) / ry, ((p % width) + 0.5 - cx) / rx];
    if (dy * dy + dx * dx < 1) data[p] = 1;
  }
  return { data, height, width };
}
