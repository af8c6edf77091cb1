import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const packages = readdirSync(join(root, 'packages')).sort();

/** What the sources of each package may import; docs/decisions/0002-boundaries.md. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  interchange: ['core'],
  datasets: ['core', 'interchange'],
  backbone: ['core', 'interchange'],
  maskcut: ['core'],
  clustering: ['core'],
  heads: ['core', 'interchange'],
  metrics: ['core'],
  'self-train': ['core', 'interchange', 'heads'],
  viewer: ['core', 'interchange', 'datasets'],
  pipeline: packages.filter((name) => !['pipeline', 'cli', 'testing'].includes(name)),
  cli: ['core', 'interchange', 'datasets', 'backbone', 'heads', 'metrics', 'pipeline'],
  testing: ['core'],
};

const folder = mkdtempSync(join(tmpdir(), 'u2seg-boundaries-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('lets the linter fail on every import that crosses a boundary, by name or by path, and on no other', () => {
  expect(Object.keys(allowed).sort()).toEqual(packages);
  copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  const wanted = new Set<string>();
  for (const from of packages) {
    for (const to of packages) {
      if (from === to) continue;
      for (const [way, specifier] of [
        ['name', `@u2seg/${to}`],
        ['deep', `@u2seg/${to}/dist/index.js`],
        ['path', `../../${to}/src/index.ts`],
        ['inner/path', `../../../${to}/src/index.ts`],
        ['inner/most/path', `../../../../${to}/src/index.ts`],
      ] as const) {
        const file = `packages/${from}/src/to-${to}/${way}.ts`;
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        // the module is one folder deeper than its name says
        const path = specifier.startsWith('.') ? `../${specifier}` : specifier;
        writeFileSync(join(folder, file), `export { x } from '${path}';\n`);
        if (!allowed[from]!.includes(to)) wanted.add(file);
      }
    }
  }
  const oxlint = join(root, 'node_modules', '.bin', 'oxlint');
  const { stdout, status } = spawnSync(oxlint, ['-c', '.oxlintrc.json', '--format', 'json', '.'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    shell: process.platform === 'win32',
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code?: string; filename: string }[] };
  const found = new Set(
    diagnostics
      .filter(({ code }) => code?.includes('no-restricted-imports') === true)
      .map(({ filename }) => filename.replaceAll('\\', '/')),
  );
  expect([...found].sort()).toEqual([...wanted].sort());
  expect(status).not.toBe(0);
});
