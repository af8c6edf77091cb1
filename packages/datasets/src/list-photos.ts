/** Finds the photos of a folder: a fixed order, stable ids, and a reason for everything passed over. */
import { constants } from 'node:fs';
import { access, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { explainIoError, U2SegError } from '@u2seg/core';
import { fileError, quoteName } from './read-source.ts';

export interface ListPhotosOptions {
  /** Whether folders inside the folder are searched too. */
  readonly recursive?: boolean;
}

export const listPhotosDefaults: Required<ListPhotosOptions> = { recursive: true };

export interface PhotoFile {
  /** Absolute path. */
  readonly path: string;
  /** Path inside the folder, parts joined by `/`, as spelled on the disk (no Unicode normalization). */
  readonly relativePath: string;
  /**
   * Name of the photo in every table: the relative path with its extension. So `a.jpg` and `a.png` stay two photos, and
   * adding a file never renames another.
   */
  readonly id: string;
}

export interface SkippedFile {
  readonly path: string;
  /** A clause that completes "skipped because ...". */
  readonly reason: string;
}

export interface PhotoListing {
  /** Sorted by `id`, by UTF-16 code unit. */
  readonly photos: readonly PhotoFile[];
  /** What looked like a photo or a folder but was not taken; sorted by path. */
  readonly skipped: readonly SkippedFile[];
  /** Files whose names are not those of images; they are not listed one by one. */
  readonly otherFiles: number;
}

/** Endings taken for photos, in any case. */
export const photoExtensions: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.avif',
];

/**
 * Lists the photos of a folder.
 *
 * 1. Files count by their ending ({@link photoExtensions}); what is in them is decided when they are decoded.
 * 2. Names beginning with a dot are passed over: hidden files and folders, and the `._x.jpg` companions of macOS.
 * 3. A link to a file is followed. A link to a folder is followed after all real folders, unless its target was listed
 *    already; so loops end and a linked copy never doubles a photo.
 * 4. Order is by UTF-16 code unit of the id, whatever the file system's order or the locale.
 *
 * @throws U2SegError `not-found` if the folder is absent or holds no photo; `io` if it cannot be read; `wrong-usage` if
 *   it is a file
 */
export async function listPhotos(folder: string, options: ListPhotosOptions = {}): Promise<PhotoListing> {
  const { recursive } = { ...listPhotosDefaults, ...options };
  const root = resolve(folder);
  const info = await stat(root).catch((cause: unknown) => {
    throw fileError('listPhotos: cannot open the folder', folder, cause);
  });
  if (!info.isDirectory()) {
    throw new U2SegError('wrong-usage', `listPhotos: wanted a folder of photos, got the file ${quoteName(folder)}.`);
  }
  const walk = new Walk(root, recursive);
  await walk.run();
  if (walk.photos.length === 0) throw emptyFolder(folder, walk, recursive);
  return {
    photos: walk.photos.sort((a, b) => compareCodeUnits(a.id, b.id)),
    skipped: walk.skipped.sort((a, b) => compareCodeUnits(a.path, b.path)),
    otherFiles: walk.otherFiles,
  };
}

/** Order of strings by UTF-16 code unit; unlike `localeCompare` the same on every machine. */
export function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

class Walk {
  readonly photos: PhotoFile[] = [];
  readonly skipped: SkippedFile[] = [];
  otherFiles = 0;
  readonly #root: string;
  readonly #recursive: boolean;
  /** Real paths of the folders listed so far. */
  readonly #listed = new Set<string>();
  /** Links to folders, kept for after the real ones: relative path -> real target. */
  #links: { relative: string; target: string }[] = [];

  constructor(root: string, recursive: boolean) {
    this.#root = root;
    this.#recursive = recursive;
  }

  async run(): Promise<void> {
    await this.#folder('', await realpath(this.#root));
    while (this.#links.length > 0) {
      const links = this.#links.sort((a, b) => compareCodeUnits(a.relative, b.relative));
      this.#links = [];
      for (const { relative, target } of links) {
        if (this.#listed.has(target)) this.#skip(relative, 'it is a link to a folder that is listed already');
        else await this.#folder(relative, target);
      }
    }
  }

  async #folder(relative: string, real: string): Promise<void> {
    this.#listed.add(real);
    const here = join(this.#root, relative);
    let entries;
    try {
      await access(here, constants.R_OK | constants.X_OK);
      entries = await readdir(here, { withFileTypes: true, encoding: 'buffer' });
    } catch (cause) {
      if (relative === '') throw fileError('listPhotos: cannot read the folder', this.#root, cause);
      this.#skip(relative, `the folder cannot be read: ${explainIoError(cause)}`);
      return;
    }
    // Node types buffer entries loosely; the name is a Buffer here
    const named = entries.map((entry) => ({
      entry,
      bytes: entry.name as unknown as Buffer,
      name: entry.name.toString(),
    }));
    named.sort((a, b) => compareCodeUnits(a.name, b.name));
    for (const { entry, bytes, name } of named) {
      const child = relative === '' ? name : `${relative}/${name}`;
      if (!Buffer.from(name, 'utf8').equals(bytes)) this.#skip(child, 'its name is not valid UTF-8');
      else if (name.startsWith('.')) this.#hidden(child, name);
      else if (entry.isDirectory()) await this.#subfolder(child, join(real, name));
      else if (entry.isSymbolicLink()) await this.#link(child, name);
      else this.#file(child, name, entry.isFile());
    }
  }

  async #subfolder(relative: string, real: string): Promise<void> {
    if (!this.#recursive) return;
    if (this.#listed.has(real)) this.#skip(relative, 'it was listed already through a link');
    else await this.#folder(relative, real);
  }

  async #link(relative: string, name: string): Promise<void> {
    const path = join(this.#root, relative);
    try {
      const target = await stat(path);
      if (!target.isDirectory()) this.#file(relative, name, target.isFile());
      else if (this.#recursive) this.#links.push({ relative, target: await realpath(path) });
    } catch (cause) {
      this.#skip(relative, `it is a link that leads nowhere: ${explainIoError(cause)}`);
    }
  }

  #file(relative: string, name: string, regular: boolean): void {
    if (!hasPhotoExtension(name)) this.otherFiles += 1;
    else if (!regular) this.#skip(relative, 'it is not a regular file');
    else this.photos.push({ path: join(this.#root, relative), relativePath: relative, id: relative });
  }

  #hidden(relative: string, name: string): void {
    if (hasPhotoExtension(name)) this.#skip(relative, 'it is hidden (its name begins with a dot)');
    else this.otherFiles += 1;
  }

  #skip(relative: string, reason: string): void {
    this.skipped.push({ path: join(this.#root, relative), reason });
  }
}

function hasPhotoExtension(name: string): boolean {
  const dot = name.lastIndexOf('.');
  return dot >= 0 && photoExtensions.includes(name.slice(dot).toLowerCase());
}

function emptyFolder(folder: string, walk: Walk, recursive: boolean): U2SegError {
  const others = walk.otherFiles + walk.skipped.length;
  const first = walk.skipped[0];
  const met = others === 0 ? 'it is empty' : `it holds ${others} other ${others === 1 ? 'entry' : 'entries'}`;
  const why = first === undefined ? '' : ` (${quoteName(first.path)}: ${first.reason})`;
  return new U2SegError(
    'not-found',
    `listPhotos: no photo in ${quoteName(folder)}${recursive ? '' : ' (folders inside it were not searched)'}: ${met}${why}; ` +
      `wanted files ending in ${photoExtensions.join(' ')}.`,
  );
}
