import { rleFromPolygon, rleToString, seededRng, type Rng } from '@u2seg/core';

/** Size of the synthetic detection data, fixed by the table of the benchmark. */
export const detectionSizes = { images: 2000, gt: 13931, detections: 72000, categories: 80, height: 480, width: 640 };

interface Shape {
  readonly x: number;
  readonly y: number;
  readonly rx: number;
  readonly ry: number;
  readonly phase: number;
}

export interface DetectionFiles {
  readonly gt: string;
  readonly boxes: string;
  readonly masks: string;
}

/** COCO ground truth and results: wobbly blobs of COCO-like sizes, two thirds of the detections near an object. */
export function generateDetections(seed: number): DetectionFiles {
  const rng = seededRng(seed);
  const { images, gt, detections, categories, height, width } = detectionSizes;
  const annotations: object[] = [];
  const byImage: { shape: Shape; category: number }[][] = Array.from({ length: images }, () => []);
  for (let i = 0; i < gt; i += 1) {
    const image = i < images ? i : Math.floor(rng() * images);
    const category = 1 + Math.floor(rng() ** 2 * categories);
    const shape = randomShape(rng, height, width);
    byImage[image]!.push({ shape, category });
    const polygon = outline(shape, height, width);
    annotations.push({
      id: i + 1,
      image_id: image + 1,
      category_id: category,
      bbox: box(polygon),
      area: Math.round(Math.PI * shape.rx * shape.ry),
      iscrowd: rng() < 0.01 ? 1 : 0,
      segmentation: [polygon],
    });
  }
  const boxes: object[] = [];
  const masks: object[] = [];
  for (let i = 0; i < detections; i += 1) {
    const image = i % images;
    const near = byImage[image]!;
    const target = near.length > 0 && rng() < 0.66 ? near[Math.floor(rng() * near.length)] : undefined;
    const shape = target === undefined ? randomShape(rng, height, width) : jittered(target.shape, rng);
    const known = target !== undefined && rng() < 0.8;
    const category_id = known ? target.category : 1 + Math.floor(rng() * categories);
    const score = Math.round(1e6 * (known ? 0.3 + 0.7 * rng() : 0.6 * rng())) / 1e6;
    const polygon = outline(shape, height, width);
    const mask = rleFromPolygon(polygon, height, width);
    boxes.push({ image_id: image + 1, category_id, bbox: box(polygon), score });
    masks.push({
      image_id: image + 1,
      category_id,
      score,
      segmentation: { size: [height, width], counts: rleToString(mask) },
    });
  }
  return {
    gt: JSON.stringify({
      images: Array.from({ length: images }, (_, i) => ({ id: i + 1, height, width, file_name: `${i + 1}.jpg` })),
      categories: Array.from({ length: categories }, (_, i) => ({ id: i + 1, name: `class ${i + 1}` })),
      annotations,
    }),
    boxes: JSON.stringify(boxes),
    masks: JSON.stringify(masks),
  };
}

/** Annotations of the size of COCO val2017: 5,000 images, 36,781 polygons, about 20 MB. */
export function generateAnnotations(seed: number): string {
  const rng = seededRng(seed);
  const annotations = Array.from({ length: 36781 }, (_, i) => {
    const shape = randomShape(rng, 480, 640);
    const polygon = outline(shape, 480, 640, 24);
    return {
      segmentation: [polygon],
      area: 0.01 * Math.round(100 * Math.PI * shape.rx * shape.ry),
      iscrowd: 0,
      image_id: 1 + Math.floor(rng() * 5000),
      bbox: box(polygon),
      category_id: 1 + Math.floor(rng() * 80),
      id: i + 1,
    };
  });
  return JSON.stringify({
    images: Array.from({ length: 5000 }, (_, i) => ({
      license: 4,
      file_name: `${String(i + 1).padStart(12, '0')}.jpg`,
      height: 480,
      width: 640,
      id: i + 1,
    })),
    categories: Array.from({ length: 80 }, (_, i) => ({ id: i + 1, name: `class ${i + 1}` })),
    annotations,
  });
}

/** Pairs of label maps made of blobs: ground truth, and a prediction that shifts and drops some. */
export function generateMaps(
  seed: number,
  count: number,
  blobs: number,
): { gt: Uint8Array; prediction: Uint8Array; height: number; width: number }[] {
  const rng = seededRng(seed);
  const [height, width] = [480, 640];
  return Array.from({ length: count }, () => {
    const gt = new Uint8Array(height * width);
    const prediction = new Uint8Array(height * width);
    for (let label = 1; label <= blobs; label += 1) {
      const shape = randomShape(rng, height, width, 2);
      paint(gt, shape, label, height, width);
      paint(prediction, jittered(shape, rng), rng() < 0.2 ? 1 + Math.floor(rng() * blobs) : label, height, width);
    }
    return { gt, prediction, height, width };
  });
}

function randomShape(rng: Rng, height: number, width: number, scale = 1): Shape {
  const size = scale * Math.min(150, 8 * Math.exp(2.4 * rng()));
  const ratio = 0.5 + rng();
  return { x: rng() * width, y: rng() * height, rx: size * ratio, ry: size / ratio, phase: 6.28 * rng() };
}

function jittered(shape: Shape, rng: Rng): Shape {
  const spread = 0.25 * rng();
  return {
    x: shape.x + shape.rx * spread * (2 * rng() - 1),
    y: shape.y + shape.ry * spread * (2 * rng() - 1),
    rx: shape.rx * (1 + spread * (2 * rng() - 1)),
    ry: shape.ry * (1 + spread * (2 * rng() - 1)),
    phase: shape.phase,
  };
}

function outline(shape: Shape, height: number, width: number, corners = 20): number[] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners;
    const wobble = 1 + 0.2 * Math.sin(3 * angle + shape.phase);
    const x = Math.min(width, Math.max(0, shape.x + shape.rx * wobble * Math.cos(angle)));
    const y = Math.min(height, Math.max(0, shape.y + shape.ry * wobble * Math.sin(angle)));
    return [Math.round(100 * x) / 100, Math.round(100 * y) / 100];
  }).flat();
}

function box(polygon: readonly number[]): number[] {
  const xs = polygon.filter((_, i) => i % 2 === 0);
  const ys = polygon.filter((_, i) => i % 2 === 1);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y].map((value) => Math.round(100 * value) / 100);
}

function paint(map: Uint8Array, shape: Shape, label: number, height: number, width: number): void {
  for (let y = Math.max(0, Math.ceil(shape.y - shape.ry)); y < Math.min(height, shape.y + shape.ry); y += 1) {
    const half = shape.rx * Math.sqrt(Math.max(0, 1 - ((y - shape.y) / shape.ry) ** 2));
    const from = Math.max(0, Math.ceil(shape.x - half));
    const to = Math.min(width, Math.floor(shape.x + half));
    if (to > from) map.fill(label, y * width + from, y * width + to);
  }
}
