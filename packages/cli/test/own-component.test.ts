import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSyntheticDataset } from '@u2seg/datasets';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { u2seg } from './run-cli.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'u2seg-own-component-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

it('runs typed modules of a user’s own, found by --component', async () => {
  const { imageFolder } = await writeSyntheticDataset(join(folder, 'scenes'), {
    count: 3,
    seed: 1,
    height: 48,
    width: 64,
  });
  const source = await readFile(fileURLToPath(new URL('own-component.ts', import.meta.url)), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const component = join(folder, 'own.mjs');
  await writeFile(component, outputText);
  // Where the user's module finds the packages it imports.
  await symlink(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'));
  const out = join(folder, 'run');
  const flags = ['--component', `proposals=${component}`, '--component', `clustering=${component}`, '--k', '2'];
  const small = ['--set', 'backbone.size=64', '--set', 'semantics.method=none', '--workers', '1'];
  const { code, stderr } = await u2seg(['pseudo-label', imageFolder, '--out', out, ...flags, ...small]);
  expect(code, stderr).toBe(0);
  const result = async (stage: string): Promise<unknown> =>
    (JSON.parse(await readFile(join(out, 'stages', stage, 'stage.json'), 'utf8')) as { result: unknown }).result;
  expect(await result('propose')).toMatchObject({ photos: 3, proposals: 6 });
  expect(await result('cluster')).toMatchObject({ k: 2, instances: 6, counts: [3, 3] });
});
