/** Images with a label PNG each: COCO-Stuff and other semantic folders. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { readLabelPng } from '../label-png.ts';
import { listPhotos } from '../list-photos.ts';
import { fileError, quoteName } from '../read-source.ts';
import type { Dataset, DatasetCategory } from './dataset.ts';

export interface SemanticPairsFiles {
  readonly name: string;
  readonly split: string;
  readonly imageFolder: string;
  readonly labelFolder: string;
  /** Names without ending, one a line, that select and order the images; all images of the folder where it is absent. */
  readonly listFile?: string;
  /** Ending of images named by `listFile`. */
  readonly imageExtension?: string;
  readonly categories: readonly DatasetCategory[];
  /** Label of pixels without a category. */
  readonly voidLabel?: number;
  /** Coarser label of each stored one, for example COCO-Stuff's 182 to its 27; the void label stays. */
  readonly relabel?: Uint8Array;
}

/**
 * Opens a folder of images with a label PNG of the same stem each.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format`
 */
export async function openSemanticPairs(files: SemanticPairsFiles): Promise<Dataset> {
  const { voidLabel = 255, relabel } = files;
  const images =
    files.listFile === undefined
      ? (await listPhotos(files.imageFolder)).photos.map(({ path, relativePath }) => ({
          id: stemOf(relativePath),
          path,
        }))
      : (await readNames(files.listFile)).map((id) => ({
          id,
          path: join(files.imageFolder, `${id}${files.imageExtension ?? '.jpg'}`),
        }));
  return {
    name: files.name,
    split: files.split,
    categories: files.categories,
    images,
    load: async ({ id, path }) => {
      const png = join(files.labelFolder, `${id}.png`);
      const map = await readLabelPng(png);
      const labels = map.labels.slice();
      if (relabel !== undefined) {
        labels.forEach((label, i) => {
          if (label === voidLabel) return;
          const coarse = relabel[label];
          if (coarse === undefined) throw unknownLabel(png, label, i, `[0, ${relabel.length}) or ${voidLabel}`);
          labels[i] = coarse;
        });
      } else if (files.categories.length > 0) {
        const known = new Set([voidLabel, ...files.categories.map((category) => category.id)]);
        labels.forEach((label, i) => {
          if (!known.has(label)) throw unknownLabel(png, label, i, `a category id or ${voidLabel}`);
        });
      }
      const { height, width } = map;
      return { id, path, height, width, segments: [], semantic: { labels, height, width, voidLabel } };
    },
  };
}

/** Non-empty lines of a list file. @throws U2SegError `not-found` or `io` */
export async function readNames(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fileError('cannot read the list', path, cause);
  });
  return text
    .split(/\r?\n/u)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Path without its ending. */
export function stemOf(path: string): string {
  return path.replace(/\.[^./]*$/u, '');
}

function unknownLabel(png: string, label: number, pixel: number, wanted: string): U2SegError {
  return new U2SegError('bad-format', `${quoteName(png)}: pixel ${pixel} must be ${wanted}, got ${label}.`);
}
