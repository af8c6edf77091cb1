import { mkdtemp, readdir, readFile, writeFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng } from '@u2seg/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodeFloat16,
  decodeTable,
  encodeFloat16,
  encodeTable,
  featuresTable,
  fromFloat16Bits,
  imagesTable,
  instancesTable,
  integer,
  PartitionedTable,
  segmentsTable,
  toFloat16Bits,
  type InstanceRow,
  type TableType,
} from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-tables-'));
});
afterAll(() => rm(folder, { recursive: true }));

const instance = (n: number): InstanceRow => ({
  image_id: `photo ${n} 🙂\nnew line`,
  instance_id: n,
  mask_height: 4,
  mask_width: 5,
  mask_rle: '24',
  bbox_xywh: Float32Array.of(0.5, 1, 2, 3),
  area_px: 7,
  score: 0.5,
  cluster_id: 4294967295,
  embedding: Float32Array.of(n, -n, 0.25),
});

describe('tables', () => {
  it('round-trips rows of every column kind', () => {
    const table = instancesTable(3);
    const rows = [instance(0), instance(1), instance(2)];
    expect(decodeTable(table, encodeTable(table, rows), 'memory')).toEqual(rows);
    const segments = segmentsTable;
    const row = {
      image_id: '',
      segment_id: 1,
      is_thing: true,
      cluster_id: 2,
      mask_height: 1,
      mask_width: 1,
      mask_rle: '',
      bbox_xywh: new Float32Array(4),
      area_px: 0,
      score: NaN,
    };
    const flags = Array.from({ length: 11 }, (_, i) => ({ ...row, segment_id: i, is_thing: i % 3 === 0 }));
    expect(decodeTable(segments, encodeTable(segments, flags), 'memory')).toEqual(flags);
  });

  it('round-trips an empty table and ragged features', () => {
    expect(decodeTable(imagesTable, encodeTable(imagesTable, []), 'memory')).toEqual([]);
    const table = featuresTable(2, 0, 'float16');
    const rows = [
      {
        image_id: 'a',
        grid_h: 1,
        grid_w: 2,
        patch_size: 8,
        patches: Float32Array.of(1, 2, 3, 4),
        cls: new Float32Array(0),
      },
      { image_id: 'b', grid_h: 0, grid_w: 0, patch_size: 8, patches: new Float32Array(0), cls: new Float32Array(0) },
      {
        image_id: 'c',
        grid_h: 1,
        grid_w: 1,
        patch_size: 8,
        patches: Float32Array.of(-0.5, 65504),
        cls: new Float32Array(0),
      },
    ];
    expect(decodeTable(table, encodeTable(table, rows), 'memory')).toEqual(rows);
  });

  it('says which table, column and value are wrong', () => {
    const table: TableType<{ count: number }> = {
      name: 'things',
      version: 1,
      columns: { count: integer('uint8', 'a count') },
    };
    expect(() => encodeTable(table, [{ count: 256 }])).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: things.count must be an integer in [0, 255], got 256.]`,
    );
    const file = encodeTable(table, [{ count: 1 }]);
    expect(() => decodeTable(imagesTable, file, 'x.arrow')).toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: x.arrow: expected table images version 1, found things version 1.]`,
    );
    expect(() => decodeTable({ ...table, version: 2 }, file, 'x.arrow')).toThrow(/version 2, found things version 1/u);
    expect(() => encodeTable(instancesTable(4), [instance(1)])).toThrow(
      /instances.embedding must be \[4\], got 3 values in row 0/u,
    );
  });
});

describe('matrices read alone', () => {
  it.each(['float16', 'float32'] as const)('are those of the whole partition (%s)', async (width) => {
    const type = featuresTable(3, 0, width);
    const table = new PartitionedTable(join(folder, `spans-${width}`), type, 'cccccccccccc1');
    const rows = [2, 0, 5].map((cells, i) => ({
      image_id: `photo ${i}`,
      grid_h: cells,
      grid_w: 1,
      patch_size: 8,
      patches: Float32Array.from({ length: 3 * cells }, (_, j) => (i + 1) * j * 0.25),
      cls: new Float32Array(0),
    }));
    await table.write(0, rows);
    await table.finish(1);
    const located = await table.readLocated(0, 'patches');
    expect(located.rows).toEqual(rows);
    for (const i of [2, 0, 1]) expect(await table.readMatrix(0, located.spans[i]!)).toEqual(rows[i]!.patches);
    await expect(table.readLocated(0, 'grid_h')).rejects.toThrow(/features.grid_h: only a matrix of plain numbers/u);
    await expect(table.readMatrix(0, { ...located.spans[2]!, length: 10_000 })).rejects.toThrow(/the file was cut/u);
    await expect(table.readMatrix(1, located.spans[2]!)).rejects.toThrow(/partition 1 of table features is missing/u);
  });
});

describe('a table two processes write at once', () => {
  it('leaves what the other is writing, and drops what other inputs left half written', async () => {
    const place = join(folder, 'shared');
    const table = new PartitionedTable(place, instancesTable(3), 'dddddddddddd1');
    await table.write(0, [instance(1)]);
    const mine = (await readdir(place))[0]!;
    const [writing, stale] = [`${mine}.77-abc.part`, mine.replace('dddddddddddd', 'eeeeeeeeeeee') + '.77-abc.part'];
    await writeFile(join(place, writing), '');
    await writeFile(join(place, stale), '');
    await table.finish(1);
    expect((await readdir(place)).sort()).toEqual(['manifest.json', mine, writing]);
  });
});

describe('partitions', () => {
  const table = instancesTable(3);

  it('is whole only after finish, keeps partitions of the same inputs, drops those of others', async () => {
    const one = new PartitionedTable(join(folder, 'p'), table, 'aaaaaaaaaaaa1');
    await one.write(1, [instance(1)]);
    expect(await one.manifest()).toBeUndefined();
    expect(await one.present()).toEqual(new Set([1]));
    await one.write(0, []);
    const manifest = await one.finish(2);
    expect(manifest.partitions.map(({ rows }) => rows)).toEqual([0, 1]);
    expect(await one.manifest()).toEqual(manifest);
    const other = new PartitionedTable(join(folder, 'p'), table, 'bbbbbbbbbbbb1');
    expect(await other.manifest()).toBeUndefined();
    expect(await other.present()).toEqual(new Set());
    await other.write(0, [instance(5)]);
    await other.finish(1);
    expect((await readdir(join(folder, 'p'))).filter((name) => name.startsWith('part')).length).toBe(1);
    const rows = [];
    for await (const row of other.rows(1)) rows.push(row);
    expect(rows).toEqual([instance(5)]);
  });

  it('refuses a partition that changed after its manifest was written', async () => {
    const sealed = new PartitionedTable(join(folder, 'sealed'), table, 'dddddddddddd1');
    await sealed.write(0, [instance(1), instance(2)]);
    const { partitions } = await sealed.finish(1);
    const path = join(folder, 'sealed', partitions[0]!.file);
    const whole = await readFile(path);
    const rng = seededRng(7);
    for (let i = 0; i < 50; i += 1) {
      const damaged = whole.subarray(0, rng() < 0.3 ? Math.floor(rng() * whole.length) : whole.length).subarray();
      const copy = Uint8Array.from(damaged);
      if (copy.length === whole.length) copy[Math.floor(rng() * copy.length)]! ^= 1 + Math.floor(rng() * 255);
      await writeFile(path, copy);
      await expect(sealed.read(0)).rejects.toMatchObject({ code: 'bad-format' });
    }
  });

  it('names the missing partition and the damaged manifest', async () => {
    const damaged = new PartitionedTable(join(folder, 'p'), table, 'cccccccccccc1');
    await expect(damaged.read(3)).rejects.toThrow(/partition 3 of table instances is missing/u);
    await writeFile(join(folder, 'p', 'manifest.json'), '{"table": 3}');
    await expect(damaged.manifest()).rejects.toThrow(/manifest.json: table: /u);
  });
});

describe('float16', () => {
  it('round-trips every half-precision value and rounds to nearest even', () => {
    for (let half = 0; half < 65536; half += 1) {
      const value = fromFloat16Bits(half);
      if (!Number.isNaN(value)) expect(toFloat16Bits(value)).toBe(half);
    }
    expect(fromFloat16Bits(toFloat16Bits(2049))).toBe(2048);
    expect(fromFloat16Bits(toFloat16Bits(2051))).toBe(2052);
    expect(toFloat16Bits(65520)).toBe(0x7c00);
    expect(Number.isNaN(fromFloat16Bits(toFloat16Bits(NaN)))).toBe(true);
  });

  it('is off by at most half a step', () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(-60000), max: Math.fround(60000), noNaN: true }), (value) => {
        const back = decodeFloat16(encodeFloat16(Float32Array.of(value)))[0]!;
        expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
      }),
    );
  });
});
