import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  embeddingsTable,
  encodeTable,
  featuresTable,
  imagesTable,
  instancesTable,
  predictionsTable,
  proposalsTable,
  segmentsTable,
  semanticsTable,
  skippedTable,
  type TableType,
} from '../src/index.ts';

const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
const peer = spawnSync(python, ['-c', 'import pyarrow']).status === 0;

const mask = {
  mask_height: 2,
  mask_width: 3,
  mask_rle: '0:',
  bbox_xywh: Float32Array.of(0, 0.5, 3, 2),
  area_px: 6,
  score: 0.25,
};
const photo = 'sub/ümlaut 🦊.jpg';
const cases: readonly (readonly [TableType<never>, Readonly<Record<string, unknown>>])[] = [
  [imagesTable, { image_id: photo, path: photo, height: 2, width: 3, sha256: 'ab' }],
  [skippedTable, { path: photo, reason: 'it is empty' }],
  [
    featuresTable(2, 1, 'float16'),
    {
      image_id: photo,
      grid_h: 1,
      grid_w: 2,
      patch_size: 8,
      patches: Float32Array.of(1, -2, 0.5, 3),
      cls: Float32Array.of(7),
    },
  ],
  [embeddingsTable(2), { image_id: photo, proposal_id: 0, embedding: Float32Array.of(1, 2) }],
  [proposalsTable, { image_id: photo, proposal_id: 0, ...mask }],
  [instancesTable(2), { image_id: photo, instance_id: 0, ...mask, cluster_id: 4, embedding: Float32Array.of(1, 2) }],
  [semanticsTable, { image_id: photo, cluster_id: 26, mask_height: 2, mask_width: 3, mask_rle: '0:', area_px: 6 }],
  [segmentsTable, { image_id: photo, segment_id: 1, is_thing: true, cluster_id: 4, ...mask }],
  [predictionsTable, { image_id: photo, prediction_id: 0, cluster_id: 4, ...mask }],
] as never;

describe.skipIf(!peer)('pyarrow', () => {
  it.each(cases.map(([table, row]) => [table.name, table, row] as const))(
    'reads the table %s',
    async (name, table, row) => {
      const path = join(await mkdtemp(join(tmpdir(), 'u2seg-pyarrow-')), `${name}.arrow`);
      await writeFile(path, encodeTable(table, [row as never]));
      const script = `
import json, sys, pyarrow as pa
table = pa.ipc.open_file(sys.argv[1]).read_all()
table.validate(full=True)
plain = lambda v: [plain(x) for x in v] if isinstance(v, list) else v
meta = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
described = all((f.metadata or {}).get(b'description') for f in table.schema)
print(json.dumps([meta, described, plain(table.to_pylist())]))
`;
      const { stdout, stderr } = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
      expect(stderr).toBe('');
      const [metadata, described, rows] = JSON.parse(stdout) as [unknown, boolean, readonly Record<string, unknown>[]];
      expect(metadata).toMatchObject({ u2seg_table: name, schema_version: String(table.version) });
      expect(described).toBe(true);
      const wanted = Object.fromEntries(
        Object.entries(row).map(([column, value]) => [column, value instanceof Float32Array ? [...value] : value]),
      );
      // a matrix is a list of rows there
      const got = Object.fromEntries(
        Object.entries(rows[0]!).map(([column, value]) => [column, Array.isArray(value) ? value.flat() : value]),
      );
      expect(rows).toHaveLength(1);
      expect(got).toEqual(wanted);
    },
  );
});
