/** Folders of photos without annotations: one's own, and ImageNet with a folder for each class. */
import { readImageHeader } from '../decode-image.ts';
import { listPhotos, type SkippedFile } from '../list-photos.ts';
import type { Dataset, DatasetCategory } from './dataset.ts';

export interface PhotoFolderFiles {
  readonly name: string;
  readonly split: string;
  readonly folder: string;
  /** Whether the first folder of each path names a class (ImageNet); the classes then are the categories, from 0. */
  readonly classFolders?: boolean;
}

/**
 * Opens a folder of photos as a data set without segments; what was passed over stands in `skipped`.
 *
 * @throws U2SegError as `listPhotos`
 */
export async function openPhotoFolder(
  files: PhotoFolderFiles,
): Promise<Dataset & { readonly skipped: readonly SkippedFile[] }> {
  const { photos, skipped } = await listPhotos(files.folder);
  return {
    name: files.name,
    split: files.split,
    categories: files.classFolders === true ? classesOf(photos.map(({ id }) => id)) : [],
    images: photos.map(({ id, path }) => ({ id, path })),
    skipped,
    load: async ({ id, path }) => {
      const { height, width } = await readImageHeader(path);
      return { id, path, height, width, segments: [] };
    },
  };
}

function classesOf(ids: readonly string[]): DatasetCategory[] {
  const names = new Set(ids.filter((id) => id.includes('/')).map((id) => id.slice(0, id.indexOf('/'))));
  return [...names].map((name, id) => ({ id, name, supercategory: name, isThing: true }));
}
