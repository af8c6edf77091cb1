import { seededRng, type BinaryMask } from '@u2seg/core';
import type { TrainSample } from '@u2seg/heads';

/** The photo every training step of the benchmark looks at. */
export const sceneSize = { height: 480, width: 640, instances: 7 } as const;
const { height, width, instances } = sceneSize;

/** Noise with seven bright ellipses, each a thing; four stripes of stuff behind. */
export function trainingScene(seed: number, numClasses: number): TrainSample {
  const rng = seededRng(seed);
  const data = new Uint8Array(height * width * 3).map(() => 100 * rng());
  const semantic = new Uint8Array(height * width).map((_, i) => 1 + Math.floor(i / width / (height / 4)));
  const masks: BinaryMask[] = [];
  const boxes: number[] = [];
  for (let k = 0; k < instances; k += 1) {
    const [rx, ry] = [20 + 60 * rng(), 20 + 60 * rng()];
    const [cx, cy] = [rx + (width - 2 * rx) * rng(), ry + (height - 2 * ry) * rng()];
    const mask = new Uint8Array(height * width);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 > 1) continue;
        mask[y * width + x] = 1;
        semantic[y * width + x] = 0;
        data.fill(150 + 15 * k, 3 * (y * width + x), 3 * (y * width + x) + 3);
      }
    }
    masks.push({ data: mask, height, width });
    boxes.push(cx - rx, cy - ry, cx + rx, cy + ry);
  }
  const classes = Int32Array.from({ length: instances }, () => Math.floor(rng() * numClasses));
  return {
    image: { data, height, width },
    instances: { boxesXyxy: Float32Array.from(boxes), classes, masks },
    semantic,
  };
}
