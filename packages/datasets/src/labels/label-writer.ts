/** Panoptic labels for the outside world, in the formats pycocotools, panopticapi and detectron2 read. */
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { assertInteger, assertLength, rleArea, rleBbox, rleToString, U2SegError, type Rle } from '@u2seg/core';
import { writeLabelPng, writePanopticPng } from '../label-png.ts';
import { fileError, quoteName } from '../read-source.ts';
import { masksOfIds } from '../readers/coco-panoptic.ts';

/** A category of the labels: a cluster, or a class. */
export interface LabelCategory {
  readonly id: number;
  readonly name: string;
  readonly isThing: boolean;
  /** `#rrggbb`, for programs that draw the labels (panopticapi's converters want one). */
  readonly color?: string;
}

export interface LabelWriterOptions {
  /** Made where it is not there; PNGs of the same names are replaced. */
  readonly folder: string;
  /** Ids unique, at least 1. At most 254 of them may be stuff. */
  readonly categories: readonly LabelCategory[];
  /** Goes into `info` of the JSON files. */
  readonly info?: Readonly<Record<string, string>>;
}

/** A photo the labels belong to. */
export interface LabelledImage {
  /** At least 1, unique. */
  readonly id: number;
  /** Path inside the photo folder; the PNGs take its name. */
  readonly fileName: string;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
}

/** A panoptic map and what its segments are. */
export interface ImageLabel {
  /** [H, W] segment ids; 0 is void. */
  readonly ids: Uint32Array;
  readonly segments: readonly {
    readonly id: number;
    readonly categoryId: number;
    readonly isThing: boolean;
    /** In [0, 1]; written for things where given. */
    readonly score?: number;
  }[];
}

/** Where everything is. */
export interface WrittenLabels {
  /** COCO panoptic JSON, its PNGs in `panopticFolder`. */
  readonly panopticJson: string;
  readonly panopticFolder: string;
  /** COCO instances JSON: the things, masks as run lengths. */
  readonly instancesJson: string;
  /** One grey PNG a photo: 0 thing, `1 + position among the stuff categories`, 255 void. */
  readonly semanticFolder: string;
  readonly images: number;
}

const voidLabel = 255;

/**
 * Writes labels photo by photo; nothing but the names of the PNGs is kept in memory. Each PNG appears whole, the JSON files at
 * {@link LabelWriter.finish}, whole as well.
 *
 * @throws U2SegError `conflict` or `out-of-range` for categories that make no sense, `io`
 */
export async function openLabelWriter(options: LabelWriterOptions): Promise<LabelWriter> {
  const ids = new Set<number>();
  for (const { id } of options.categories) {
    assertInteger('openLabelWriter: category id', id, 1);
    if (ids.has(id)) throw new U2SegError('conflict', `openLabelWriter: category ${id} occurs twice.`);
    ids.add(id);
  }
  const stuff = options.categories.filter(({ isThing }) => !isThing);
  assertInteger('openLabelWriter: stuff categories', stuff.length, 0, voidLabel - 1);
  await mkdir(options.folder, { recursive: true }).catch((cause: unknown) => {
    throw fileError('openLabelWriter: cannot make the folder', options.folder, cause);
  });
  return LabelWriter.open(options);
}

/** See {@link openLabelWriter}. */
export class LabelWriter {
  readonly #options: LabelWriterOptions;
  readonly #categories: ReadonlyMap<number, LabelCategory>;
  readonly #semanticValue: ReadonlyMap<number, number>;
  readonly #images: JsonLines;
  readonly #panoptic: JsonLines;
  readonly #instances: JsonLines;
  readonly #names = new Set<string>();
  readonly #imageIds = new Set<number>();

  private constructor(options: LabelWriterOptions, files: readonly [JsonLines, JsonLines, JsonLines]) {
    this.#options = options;
    this.#categories = new Map(options.categories.map((category) => [category.id, category]));
    const stuff = options.categories.filter(({ isThing }) => !isThing);
    this.#semanticValue = new Map(stuff.map(({ id }, i) => [id, 1 + i]));
    [this.#images, this.#panoptic, this.#instances] = files;
  }

  static async open(options: LabelWriterOptions): Promise<LabelWriter> {
    const file = (name: string): Promise<JsonLines> => JsonLines.open(join(options.folder, `.${name}.part`));
    return new LabelWriter(options, [await file('images'), await file('panoptic'), await file('instances')]);
  }

  /**
   * @throws U2SegError `shape-mismatch` for a map of another size; `bad-format` for a pixel whose segment is not listed or a
   *   listed segment without pixels; `conflict` for an id or image given twice
   */
  async write(image: LabelledImage, label: ImageLabel): Promise<void> {
    const { id: imageId, fileName, height, width } = image;
    const where = `LabelWriter.write: ${fileName}`;
    assertInteger(`${where}: id`, imageId, 1);
    assertLength(`${where}: ids`, label.ids.length, [height, width]);
    if (this.#imageIds.has(imageId))
      throw new U2SegError('conflict', `${where}: image ${imageId} was written already.`);
    this.#imageIds.add(imageId);
    const map = { ids: label.ids, height, width };
    const masks = masksOfIds(map);
    const infos = this.#segmentInfos(where, label, masks);
    const png = this.#pngName(fileName);
    const { panopticFolder, semanticFolder } = this.#paths();
    await writePanopticPng(join(panopticFolder, png), map);
    await writeLabelPng(join(semanticFolder, png), { labels: this.#semantic(label), height, width });
    await this.#images.add({ id: imageId, file_name: fileName, height, width });
    await this.#panoptic.add({ image_id: imageId, file_name: png, segments_info: infos.map(({ info }) => info) });
    for (const { info, mask, isThing, score } of infos) {
      if (!isThing) continue;
      const segmentation = { size: [height, width], counts: rleToString(mask) };
      const scored = score === undefined ? {} : { score };
      await this.#instances.add({ ...info, id: this.#instances.count + 1, image_id: imageId, segmentation, ...scored });
    }
  }

  /** Writes the JSON files. The writer is done after it. */
  async finish(): Promise<WrittenLabels> {
    const paths = this.#paths();
    const { categories, info = {} } = this.#options;
    const described = categories.map(({ id, name, isThing, color }) => ({
      id,
      name,
      supercategory: isThing ? 'thing' : 'stuff',
      isthing: isThing ? 1 : 0,
      ...(color === undefined ? {} : { color: rgbOf(color) }),
    }));
    const things = described.filter(({ isthing }) => isthing === 1);
    await writeDocument(paths.panopticJson, { info, licenses: [], categories: described }, [
      ['images', this.#images],
      ['annotations', this.#panoptic],
    ]);
    await writeDocument(paths.instancesJson, { info, licenses: [], categories: things }, [
      ['images', this.#images],
      ['annotations', this.#instances],
    ]);
    const images = this.#images.count;
    await this.discard();
    return { ...paths, images };
  }

  /** Lets go of what {@link finish} did not write; PNGs stay. For a writer that is not to be finished. */
  async discard(): Promise<void> {
    for (const file of [this.#images, this.#panoptic, this.#instances]) await file.remove();
  }

  #paths(): Omit<WrittenLabels, 'images'> {
    const at = (name: string): string => join(this.#options.folder, name);
    return {
      panopticJson: at('panoptic.json'),
      panopticFolder: at('panoptic'),
      instancesJson: at('instances.json'),
      semanticFolder: at('semantic'),
    };
  }

  /** `a.jpg` becomes `a.png`; `a.tif` beside it keeps its ending and becomes `a.tif.png`. */
  #pngName(fileName: string): string {
    const ending = extname(fileName);
    const short = `${fileName.slice(0, fileName.length - ending.length)}.png`;
    const name = this.#names.has(short) ? `${fileName}.png` : short;
    if (this.#names.has(name)) throw new U2SegError('conflict', `LabelWriter.write: ${fileName} was written already.`);
    this.#names.add(name);
    return name;
  }

  #segmentInfos(where: string, label: ImageLabel, masks: ReadonlyMap<number, Rle>): DescribedSegment[] {
    const seen = new Set<number>();
    const infos = label.segments.map(({ id, categoryId, isThing, score }): DescribedSegment => {
      const mask = masks.get(id);
      const category = this.#categories.get(categoryId);
      if (seen.has(id)) throw new U2SegError('conflict', `${where}: segment ${id} is listed twice.`);
      if (mask === undefined) throw new U2SegError('bad-format', `${where}: segment ${id} has no pixel.`);
      if (category === undefined || category.isThing !== isThing) {
        const wanted = isThing ? 'a thing category' : 'a stuff category';
        throw new U2SegError('bad-format', `${where}: segment ${id}: categoryId must be ${wanted}, got ${categoryId}.`);
      }
      seen.add(id);
      const info = { id, category_id: categoryId, area: rleArea(mask), bbox: rleBbox(mask), iscrowd: 0 as const };
      return { info, mask, isThing, ...(score === undefined ? {} : { score }) };
    });
    for (const id of masks.keys()) {
      if (id !== 0 && !seen.has(id))
        throw new U2SegError('bad-format', `${where}: segment ${id} of the map is not listed.`);
    }
    return infos;
  }

  #semantic({ ids, segments }: ImageLabel): Uint8Array {
    const values = new Map(
      segments.map(({ id, categoryId, isThing }) => [id, isThing ? 0 : this.#semanticValue.get(categoryId)!]),
    );
    return Uint8Array.from(ids, (id) => values.get(id) ?? voidLabel);
  }
}

/** [R, G, B] in [0, 255], as COCO writes colours. */
function rgbOf(hex: string): number[] {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/iu.exec(hex);
  if (match === null)
    throw new U2SegError('bad-format', `openLabelWriter: a colour must be #rrggbb, got ${quoteName(hex)}.`);
  return match.slice(1).map((part) => Number.parseInt(part, 16));
}

interface DescribedSegment {
  readonly info: {
    readonly id: number;
    readonly category_id: number;
    readonly area: number;
    readonly bbox: readonly number[];
    readonly iscrowd: 0;
  };
  readonly mask: Rle;
  readonly isThing: boolean;
  readonly score?: number;
}

/** Records that wait on disk, one a line, for the document they belong to. */
class JsonLines {
  readonly path: string;
  #file: FileHandle | undefined;
  #count = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<JsonLines> {
    try {
      return new JsonLines(path, await open(path, 'w'));
    } catch (cause) {
      throw fileError('openLabelWriter: cannot write', path, cause);
    }
  }

  get count(): number {
    return this.#count;
  }

  async add(record: object): Promise<void> {
    try {
      await this.#file!.writeFile(`${JSON.stringify(record)}\n`);
    } catch (cause) {
      throw fileError('LabelWriter: cannot write', this.path, cause);
    }
    this.#count += 1;
  }

  async *lines(): AsyncGenerator<string> {
    const input = createReadStream(this.path, 'utf8');
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
  }

  async remove(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await rm(this.path, { force: true });
  }
}

/** One JSON object: `head`, then a list for each file of records, streamed; renamed into place when it is whole. */
async function writeDocument(
  path: string,
  head: object,
  lists: readonly (readonly [string, JsonLines])[],
): Promise<void> {
  const partial = `${path}.part`;
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(JSON.stringify(head).slice(0, -1));
      for (const [name, records] of lists) {
        await file.writeFile(`,\n${JSON.stringify(name)}: [`);
        let separator = '\n';
        for await (const line of records.lines()) {
          await file.writeFile(`${separator}${line}`);
          separator = ',\n';
        }
        await file.writeFile('\n]');
      }
      await file.writeFile('}\n');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw fileError('LabelWriter.finish: cannot write', path, cause);
  }
}
