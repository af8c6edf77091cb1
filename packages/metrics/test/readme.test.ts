import { readFileSync } from 'node:fs';
import * as metrics from '@u2seg/metrics';
import { expect, it } from 'vitest';

it("the README's example prints what the README says", () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n(.*?)```/su.exec(text)![1]!;
  const printed = /```text\n(.*?)```/su.exec(text)![1]!;
  const [, names, body] = /^import (\{.*?\}) from '@u2seg\/metrics';(.*)$/su.exec(code)!;
  const lines: string[] = [];
  // the example is plain JavaScript; its import becomes an argument
  // oxlint-disable-next-line no-implied-eval, no-new-func
  const run = new Function('metrics', 'console', `const ${names} = metrics;${body}`) as (
    all: typeof metrics,
    out: { log: (line: string) => void },
  ) => void;
  run(metrics, { log: (line) => lines.push(line) });
  expect(`${lines.join('\n')}\n`).toBe(printed);
});
