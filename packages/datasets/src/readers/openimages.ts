/** OpenImages: boxes in a CSV, corners as shares of the image's sides. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { U2SegError } from '@u2seg/core';
import { readImageHeader } from '../decode-image.ts';
import { compareCodeUnits } from '../list-photos.ts';
import { fileError, quoteName } from '../read-source.ts';
import type { Dataset, DatasetCategory } from './dataset.ts';

export interface OpenImagesFiles {
  readonly split: string;
  readonly imageFolder: string;
  /** `*-annotations-bbox.csv`. */
  readonly boxes: string;
  /** `*-class-descriptions-boxable.csv`: machine id and name; a header line (`LabelName,DisplayName`, from v6 on) is no class. */
  readonly classes: string;
}

interface ShareBox {
  readonly categoryId: number;
  /** xmin, ymin, xmax, ymax in [0, 1]. */
  readonly corners: readonly [number, number, number, number];
  readonly isCrowd: boolean;
}

/**
 * Opens OpenImages' boxes. The CSV is read line by line; category ids are the lines of the class file from 1, its header not counted; `IsGroupOf` boxes are crowds.
 * Sizes come from the images, which must therefore be there.
 *
 * @throws U2SegError `not-found`, `io`, `bad-format` naming file, line and field
 */
export async function openOpenImages(files: OpenImagesFiles): Promise<Dataset> {
  const classText = await readFile(files.classes, 'utf8').catch((cause: unknown) => {
    throw fileError('cannot read', files.classes, cause);
  });
  const machineIds = new Map<string, number>();
  const lines = withoutMark(classText)
    .split(/\r?\n/u)
    .filter((line) => line !== '');
  const skipped = hasHeader(lines) ? 1 : 0;
  const categories = lines.slice(skipped).map((line, i): DatasetCategory => {
    const comma = line.indexOf(',');
    if (comma < 1)
      throw new U2SegError(
        'bad-format',
        `${quoteName(files.classes)}: line ${i + 1 + skipped} must be "machine id,name".`,
      );
    machineIds.set(line.slice(0, comma), i + 1);
    const name = line.slice(comma + 1).replaceAll('"', '');
    return { id: i + 1, name, supercategory: name, isThing: true };
  });
  const boxes = await readBoxes(files.boxes, machineIds);
  return {
    name: 'openimages',
    split: files.split,
    categories,
    images: [...boxes.keys()].sort(compareCodeUnits).map((id) => ({ id, path: join(files.imageFolder, `${id}.jpg`) })),
    load: async ({ id, path }) => {
      const { height, width } = await readImageHeader(path);
      const segments = (boxes.get(id) ?? []).map(({ categoryId, corners: [x0, y0, x1, y1], isCrowd }) => {
        const [w, h] = [(x1 - x0) * width, (y1 - y0) * height];
        return { categoryId, isThing: true, bboxXywh: [x0 * width, y0 * height, w, h] as const, area: w * h, isCrowd };
      });
      return { id, path, height, width, segments };
    },
  };
}

/** Machine ids begin with a slash (`/m/01g317`); a first line that does not, above lines that do, names the columns. */
function hasHeader([first, second]: readonly string[]): boolean {
  if (first === undefined || first.startsWith('/')) return false;
  return /^"?LabelName"?,/iu.test(first) || second?.startsWith('/') === true;
}

/** The text without the byte order mark that some editors put before it. */
function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

async function readBoxes(path: string, machineIds: ReadonlyMap<string, number>): Promise<Map<string, ShareBox[]>> {
  const boxes = new Map<string, ShareBox[]>();
  const wanted = ['ImageID', 'LabelName', 'XMin', 'YMin', 'XMax', 'YMax', 'IsGroupOf'] as const;
  let columns: number[] | undefined;
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      number += 1;
      const where = `${quoteName(path)}: line ${number}`;
      const fields = (number === 1 ? withoutMark(line) : line).split(',');
      if (columns === undefined) {
        columns = wanted.map((name) => fields.indexOf(name));
        const missing = wanted.filter((_, i) => columns![i]! < 0);
        if (missing.length > 0)
          throw new U2SegError('bad-format', `${where}: columns ${missing.join(', ')} are missing.`);
        continue;
      }
      if (line === '') continue;
      const [id, label, ...rest] = columns.map((column) => fields[column] ?? '');
      const corners = rest.slice(0, 4).map((text) => (text.trim() === '' ? NaN : Number(text))) as [
        number,
        number,
        number,
        number,
      ];
      const categoryId = machineIds.get(label!);
      if (categoryId === undefined)
        throw new U2SegError('bad-format', `${where}: LabelName ${quoteName(label!)} is no listed class.`);
      if (!corners.every((v) => v >= 0 && v <= 1) || corners[2] < corners[0] || corners[3] < corners[1]) {
        throw new U2SegError(
          'bad-format',
          `${where}: XMin, YMin, XMax, YMax must rise within [0, 1], got ${corners.join(', ')}.`,
        );
      }
      const box = { categoryId, corners, isCrowd: rest[4] === '1' };
      const list = boxes.get(id!);
      if (list === undefined) boxes.set(id!, [box]);
      else list.push(box);
    }
  } catch (cause) {
    if (cause instanceof U2SegError) throw cause;
    throw fileError('cannot read', path, cause);
  }
  return boxes;
}
