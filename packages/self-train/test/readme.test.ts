import { readFileSync } from 'node:fs';
import * as core from '@u2seg/core';
import * as datasets from '@u2seg/datasets';
import * as heads from '@u2seg/heads';
import * as selfTrain from '@u2seg/self-train';
import { transformWithOxc } from 'vite';
import { expect, it } from 'vitest';

it('prints what the README says its example prints', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/u.exec(readme)![1]!;
  const printed = /```text\n([\s\S]*?)```/u.exec(readme)![1]!;
  const untyped = (await transformWithOxc(code, 'example.ts')).code;
  const body = untyped.replace(/import (\{[\s\S]*?\}) from "@u2seg\/[a-z-]+";/gu, 'const $1 = library;');
  const lines: string[] = [];
  const run = new Function('library', 'console', `return (async () => {${body}})();`) as (
    ...args: unknown[]
  ) => Promise<void>;
  await run({ ...core, ...datasets, ...heads, ...selfTrain }, { log: (line: string) => lines.push(line) });
  expect(`${lines.join('\n')}\n`).toBe(printed);
}, 600_000);
