import { readFileSync } from 'node:fs';
import * as library from '@u2seg/datasets';
import { afterEach, expect, it } from 'vitest';
import { tempFolder } from './temp-folder.ts';

const folder = tempFolder();
const home = process.cwd();
afterEach(() => process.chdir(home));

it('prints what the README says its example prints', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/u.exec(readme)![1]!;
  const printed = /```text\n([\s\S]*?)```/u.exec(readme)![1]!;
  const body = code.replace(/import (\{[\s\S]*?\}) from '@u2seg\/datasets';/u, 'const $1 = library;');
  const lines: string[] = [];
  const run = new Function('library', 'console', `return (async () => {${body}})();`) as (
    ...args: unknown[]
  ) => Promise<void>;
  process.chdir(folder);
  await run(library, { log: (...values: unknown[]) => lines.push(values.join(' ')) });
  expect(`${lines.join('\n')}\n`).toBe(printed);
});
