import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BinaryMask,
  deriveSeed,
  encodeMask,
  type OnProgress,
  rleArea,
  rleBbox,
  rleToString,
  U2SegError,
  writeFileAtomic,
} from '@u2seg/core';
import { encodeJpeg, encodePng } from '../encode-image.ts';
import { encodePanopticPng } from '../label-png.ts';
import { quoteName } from '../read-source.ts';
import { generateScene, type Scene, sceneCategories, sceneDefaults, type SceneOptions } from './generate-scene.ts';

export interface SyntheticDatasetOptions extends SceneOptions {
  /** Images. */
  readonly count?: number;
  readonly seed?: number;
  /** `png` keeps the very pixels of the generator; `jpeg` (quality 92) looks like photos do. */
  readonly format?: 'jpeg' | 'png';
  readonly onProgress?: OnProgress;
}

export const syntheticDatasetDefaults: Required<Omit<SyntheticDatasetOptions, 'onProgress'>> = {
  ...sceneDefaults,
  count: 60,
  seed: 0,
  format: 'jpeg',
};

export interface SyntheticDataset {
  readonly imageFolder: string;
  /** COCO panoptic JSON, its PNG files in `panopticFolder`. */
  readonly panopticJson: string;
  readonly panopticFolder: string;
  /** COCO instances JSON: the things, masks as run lengths. */
  readonly instancesJson: string;
  readonly images: number;
}

/**
 * Writes synthetic scenes as a COCO data set: `images/`, `annotations/panoptic.json` with `annotations/panoptic/`, and
 * `annotations/instances.json`. The configuration stands in `synthetic.json`, so that a run that was cut off can be
 * repeated into the same folder, and another configuration is refused there.
 *
 * @throws U2SegError `conflict` if the folder holds something else; `out-of-range`; `io`
 */
export async function writeSyntheticDataset(
  folder: string,
  options: SyntheticDatasetOptions = {},
): Promise<SyntheticDataset> {
  const { onProgress, ...given } = options;
  const config = { ...syntheticDatasetDefaults, ...given };
  await claimFolder(folder, `${JSON.stringify({ generator: 'u2seg synthetic scenes 1', ...config }, undefined, 2)}\n`);
  const images: object[] = [];
  const panoptic: object[] = [];
  const instances: object[] = [];
  const { count, seed, format, height, width } = config;
  for (let i = 0; i < count; i += 1) {
    const id = i + 1;
    const name = String(id).padStart(12, '0');
    const fileName = `${name}.${format === 'jpeg' ? 'jpg' : 'png'}`;
    const scene = generateScene(deriveSeed(seed, 'synthetic', i), config);
    const bytes = format === 'jpeg' ? await encodeJpeg(scene.image, { quality: 92 }) : await encodePng(scene.image);
    await writeFileAtomic(join(folder, 'images', fileName), bytes);
    await writeFileAtomic(
      join(folder, 'annotations', 'panoptic', `${name}.png`),
      await encodePanopticPng(scene.panoptic),
    );
    images.push({ id, file_name: fileName, height, width, license: 1 });
    const described = describeSegments(scene);
    panoptic.push({ image_id: id, file_name: `${name}.png`, segments_info: described.map(({ info }) => info) });
    for (const { info, counts, isThing } of described) {
      if (!isThing) continue;
      const segmentation = { size: [height, width], counts };
      instances.push({ ...info, id: instances.length + 1, image_id: id, segmentation });
    }
    onProgress?.({ stage: 'synthetic', done: id, total: count, unit: 'scenes' });
  }
  const head = {
    info: { description: 'u2seg synthetic scenes', version: '1', seed },
    licenses: [{ id: 1, name: 'CC0 1.0', url: 'https://creativecommons.org/publicdomain/zero/1.0/' }],
    images,
  };
  const categories = sceneCategories.map(({ id, name, isThing }) => ({
    id,
    name,
    supercategory: isThing ? 'object' : 'ground',
    isthing: isThing ? 1 : 0,
  }));
  const result = {
    imageFolder: join(folder, 'images'),
    panopticJson: join(folder, 'annotations', 'panoptic.json'),
    panopticFolder: join(folder, 'annotations', 'panoptic'),
    instancesJson: join(folder, 'annotations', 'instances.json'),
    images: count,
  };
  await writeFileAtomic(result.panopticJson, JSON.stringify({ ...head, annotations: panoptic, categories }));
  await writeFileAtomic(
    result.instancesJson,
    JSON.stringify({ ...head, annotations: instances, categories: categories.filter(({ isthing }) => isthing === 1) }),
  );
  return result;
}

async function claimFolder(folder: string, config: string): Promise<void> {
  const claim = join(folder, 'synthetic.json');
  const existing = await readFile(claim, 'utf8').catch(() => undefined);
  if (existing === config) return;
  const entries = await readdir(folder).catch(() => []);
  if (existing !== undefined || entries.length > 0) {
    const holds = existing === undefined ? 'other files' : 'synthetic scenes of another configuration';
    throw new U2SegError(
      'conflict',
      `writeSyntheticDataset: ${quoteName(folder)} holds ${holds}; name an empty folder.`,
    );
  }
  await writeFileAtomic(claim, config);
}

interface DescribedSegment {
  readonly info: { id: number; category_id: number; area: number; bbox: readonly number[]; iscrowd: 0 };
  readonly counts: string;
  readonly isThing: boolean;
}

function describeSegments({ panoptic, segments }: Scene): DescribedSegment[] {
  const { ids, height, width } = panoptic;
  return segments.map(({ id, categoryId, isThing }) => {
    const mask: BinaryMask = { data: Uint8Array.from(ids, (value) => (value === id ? 1 : 0)), height, width };
    const rle = encodeMask(mask);
    const info = { id, category_id: categoryId, area: rleArea(rle), bbox: rleBbox(rle), iscrowd: 0 as const };
    return { info, counts: rleToString(rle), isThing };
  });
}
