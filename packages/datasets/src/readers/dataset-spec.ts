/** How the catalogue describes a data set, and the check of a folder against it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { U2SegError } from '@u2seg/core';
import { quoteName } from '../read-source.ts';
import type { Dataset, DatasetCategory } from './dataset.ts';

export interface OpenDatasetOptions {
  /** One of the data set's splits; its first unless told otherwise. */
  readonly split?: string;
  /** Categories of a semantic folder whose files do not name them (COCO-Stuff). */
  readonly categories?: readonly DatasetCategory[];
  /** Coarser label of each stored one, for example COCO-Stuff's 182 to its 27. */
  readonly relabel?: Uint8Array;
}

export interface DatasetSpec {
  /** Name on the command line. */
  readonly id: string;
  readonly title: string;
  /** What the terms are, as far as they are known; binding is what the home page says. */
  readonly licence: string;
  readonly citation: string;
  readonly homepage: string;
  /** The first is the default. */
  readonly splits: readonly string[];
  /** Where files are expected under the root; `{split}` stands for the split. A path ending in `/` is a folder. */
  readonly layout: readonly string[];
  readonly open: (root: string, split: string, options: OpenDatasetOptions) => Promise<Dataset>;
}

export interface DatasetCheck {
  readonly ok: boolean;
  /** Paths that are not there, relative to the root. */
  readonly missing: readonly string[];
  /** One sentence for people. */
  readonly message: string;
}

/**
 * Looks whether the files of a split are where the reader wants them; nothing is read.
 *
 * @throws U2SegError `wrong-usage` for a split the data set does not have
 */
export async function checkDataset(spec: DatasetSpec, root: string, split?: string): Promise<DatasetCheck> {
  const wanted = resolveLayout(spec, resolveSplit(spec, split));
  const missing: string[] = [];
  for (const path of wanted) {
    const info = await stat(join(root, path)).catch(() => undefined);
    const fine = info !== undefined && (path.endsWith('/') ? info.isDirectory() : info.isFile());
    if (!fine) missing.push(path);
  }
  if (missing.length === 0)
    return { ok: true, missing, message: `${spec.title} is complete under ${quoteName(root)}.` };
  const message =
    `${spec.title} is incomplete: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing under ${quoteName(root)}; ` +
    `wanted layout: ${wanted.join(', ')} (from ${spec.homepage}).`;
  return { ok: false, missing, message };
}

/**
 * Opens a data set after checking its layout.
 *
 * @throws U2SegError `not-found` with one sentence naming what is missing and the layout; `wrong-usage`; as the reader
 */
export async function openFromSpec(
  spec: DatasetSpec,
  root: string,
  options: OpenDatasetOptions = {},
): Promise<Dataset> {
  const split = resolveSplit(spec, options.split);
  const { ok, message } = await checkDataset(spec, root, split);
  if (!ok) throw new U2SegError('not-found', message);
  return spec.open(root, split, options);
}

function resolveSplit(spec: DatasetSpec, split: string | undefined): string {
  const resolved = split ?? spec.splits[0]!;
  if (!spec.splits.includes(resolved)) {
    throw new U2SegError(
      'wrong-usage',
      `${spec.id}: split must be one of ${spec.splits.join(', ')}; got ${quoteName(resolved)}.`,
    );
  }
  return resolved;
}

function resolveLayout(spec: DatasetSpec, split: string): string[] {
  return spec.layout.map((path) => path.replaceAll('{split}', split));
}
