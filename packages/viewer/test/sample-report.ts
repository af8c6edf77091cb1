/** A report of synthetic scenes, whose stages are played: boxes for proposals, shifted ids for predictions. */
import { encodeMask, rleFromBbox, rleBbox, type RgbImage, type Rle } from '@u2seg/core';
import { generateScene, sceneCategories } from '@u2seg/datasets';
import type { ReportCluster, ReportInput, ReportPhoto, ReportSegment } from '../src/index.ts';

/** A report without anything to show. */
export const emptyReport: ReportInput = {
  title: 'Empty',
  createdAt: '2026-01-01T00:00:00Z',
  config: {},
  environment: [],
  stages: [],
  photos: [],
  clusters: [],
  curves: [],
  metrics: [],
  warnings: [],
  skipped: [],
  photosLeftOut: 0,
};

/** One photo with its exact segments as ground truth and prediction. */
export function samplePhoto(
  seed: number,
  size: { height: number; width: number } = { height: 240, width: 320 },
): ReportPhoto {
  const { image, panoptic, segments } = generateScene(seed, size);
  const exact = segments.map(({ id, categoryId, isThing }, i): ReportSegment => {
    const data = Uint8Array.from(panoptic.ids, (value) => (value === id ? 1 : 0));
    const label = sceneCategories.find((category) => category.id === categoryId)?.name ?? '?';
    return {
      mask: encodeMask({ data, ...size }),
      isThing,
      label,
      clusterId: categoryId + (isThing ? 0 : 3),
      score: 0.97 - 0.05 * i,
    };
  });
  const things = exact.filter(({ isThing }) => isThing);
  return {
    id: `scene ${seed}.png`,
    image,
    groundTruth: exact.map(({ mask, isThing, label, clusterId }) => ({ mask, isThing, label, clusterId })),
    proposals: things.map(({ mask, score }) => ({
      mask,
      isThing: true,
      label: 'proposal',
      clusterId: -1,
      score: score!,
    })),
    pseudoLabel: exact.slice(0, -1),
    prediction: exact.map((segment) => (segment.isThing ? { ...segment, mask: boxOf(segment.mask, size) } : segment)),
  };
}

function boxOf(mask: Rle, { height, width }: { height: number; width: number }): Rle {
  return rleFromBbox(rleBbox(mask), height, width);
}

/** `count` photos with clusters, curves, metrics and warnings. */
export function sampleReport(count: number): ReportInput {
  const photos = Array.from({ length: count }, (_, i) => samplePhoto(i + 1));
  return {
    title: 'U2Seg on synthetic scenes',
    createdAt: '2026-11-24T05:00:00Z',
    config: {
      preset: 'tiny',
      seed: 0,
      maskcut: { tau: 0.15, maxMasks: 3, crf: true },
      clustering: { things: 24, stuff: 27, engines: ['wasm', 'tfjs'] },
      training: { steps: 300, optimizer: { name: 'sgd', momentum: 0.9, rate: 0.005 } },
    },
    environment: [
      { name: 'u2seg', value: '0.1.0, commit 1f774e0' },
      { name: 'Node', value: '20.20.2' },
      { name: 'Training backend', value: 'tfjs-node' },
      { name: 'Backbone weights', value: 'embedded descriptors', licence: 'Apache-2.0' },
      { name: 'Machine', value: '2 cores, 8 GB' },
    ],
    stages: [
      { name: 'features', seconds: 12.4, items: 40, detail: 'embedded backbone, 60 x 80 patches' },
      { name: 'proposals', seconds: 95.2, items: 118, detail: 'normalized cut with CRF' },
      { name: 'clusters', items: 118, detail: 'spherical k-means, K = 24' },
      { name: 'training', seconds: 4210, items: 300, detail: '300 steps of batch 2' },
    ],
    photos,
    clusters: sampleClusters(photos),
    curves: [
      {
        name: 'Training loss',
        xLabel: 'step',
        series: [
          {
            name: 'total',
            points: Array.from({ length: 120 }, (_, i) => [i, 3 * Math.exp(-i / 40) + 0.4 + 0.1 * Math.sin(i)]),
          },
          {
            name: 'mask',
            points: Array.from({ length: 60 }, (_, i) => [
              2 * i,
              i === 30 ? Number.NaN : 1.2 * Math.exp(-i / 20) + 0.2,
            ]),
          },
          { name: 'box', points: Array.from({ length: 120 }, (_, i) => [i, 0.8 * Math.exp(-i / 60)]) },
        ],
      },
      {
        name: 'STEGO loss',
        xLabel: 'step',
        series: [
          {
            name: 'correspondence',
            points: [
              [0, 0.5],
              [1, 0.2],
              [2, 0.1],
            ],
          },
        ],
      },
    ],
    metrics: [
      {
        title: 'Panoptic quality',
        protocol:
          'Ten scene classes (6 things, 4 stuff); a match needs IoU above 0.5; clusters are named by the majority class of their segments, fitted on the training split and scored on the held-out one.',
        columns: ['Subset', 'PQ', 'SQ', 'RQ', 'Segments'],
        rows: [
          ['all', 41.25, 71.5, 52.125, 1234],
          ['things', 32.5, 70.1, 44.4, 800],
          ['stuff', 55.5, 73, 65, 434],
          ['unseen', null, Number.NaN, 0, 0],
        ],
        note: 'Classes that never occur are left out of the averages.',
      },
      {
        title: 'Class-agnostic instances',
        protocol: 'All things as one class; AP over IoU 0.5:0.05:0.95, at most 100 detections per photo.',
        columns: ['Detections', 'AP', 'AP50', 'AR100'],
        rows: [
          ['proposals', 0.124, 0.31, 0.2],
          ['prediction', 0.18, 0.4, 0.333],
        ],
      },
    ],
    warnings: [
      '4 of 40 photos (10 %) have no proposals; expected at most 5 %.',
      '9 of 24 classes (38 %) are never predicted; expected at most 20 %.',
    ],
    skipped: [
      { id: 'broken.jpg', reason: 'truncated JPEG' },
      { id: 'line\nbreak <b>.png', reason: 'not an image' },
    ],
    photosLeftOut: 34,
  };
}

/** Crops around the segments, grouped by cluster. */
export function sampleClusters(photos: readonly ReportPhoto[]): ReportCluster[] {
  const groups = new Map<string, { cluster: Omit<ReportCluster, 'exemplars' | 'size'>; crops: RgbImage[] }>();
  for (const { image, pseudoLabel } of photos) {
    for (const { mask, isThing, clusterId, label } of pseudoLabel) {
      const key = `${isThing} ${clusterId}`;
      const group = groups.get(key) ?? { cluster: { clusterId, isThing, matchedClass: label }, crops: [] };
      groups.set(key, group);
      group.crops.push(crop(image, rleBbox(mask)));
    }
  }
  return [...groups.values()].map(({ cluster, crops }) => ({ ...cluster, size: crops.length, exemplars: crops }));
}

function crop(image: RgbImage, [x, y, width, height]: readonly [number, number, number, number]): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row += 1) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, height, width };
}
