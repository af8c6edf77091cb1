import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeTable } from '../src/index.ts';
import { tableCases } from './table-cases.ts';

const python = process.env['U2SEG_PEER_PYTHON'] ?? 'python3';
const peer = spawnSync(python, ['-c', 'import pyarrow']).status === 0;

describe.skipIf(!peer)('pyarrow (where U2SEG_PEER_PYTHON or python3 has it)', () => {
  it.each(tableCases.map(([table, row]) => [table.name, table, row] as const))(
    'reads the table %s',
    async (name, table, row) => {
      const path = join(await mkdtemp(join(tmpdir(), 'u2seg-pyarrow-')), `${name}.arrow`);
      await writeFile(path, encodeTable(table, [row as never]));
      const script = `
import json, sys, pyarrow as pa
table = pa.ipc.open_file(sys.argv[1]).read_all()
table.validate(full=True)
plain = lambda v: [plain(x) for x in v] if isinstance(v, list) else v.item() if hasattr(v, 'item') else v
meta = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
described = all((f.metadata or {}).get(b'description') for f in table.schema)
# half floats are numpy's there
print(json.dumps([meta, described, [{k: plain(v) for k, v in row.items()} for row in table.to_pylist()]]))
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
