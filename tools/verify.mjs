// All set-up, then every check of every package: lint with import boundaries, types, tests, package contents.
//
//   npm test [-- --skip-setup]
//
// Ends with one line: `N passed, N failed, N skipped` (tests; a failed check counts as one failure).
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, setUp } from './setup.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
if (!process.argv.includes('--skip-setup')) await setUp();

const projects = [
  ...readdirSync(join(root, 'packages')).map((name) => join('packages', name)),
  'experiments',
  'benchmarks',
];
for (const project of projects) rmSync(join(root, project, '.vitest'), { recursive: true, force: true });

const nx = (targets, ...flags) =>
  run(
    'npx',
    ['--no-install', 'nx', 'run-many', '-t', ...targets, '--output-style=static', '--nx-bail=false', ...flags],
    { mayFail: true, env: { NX_TUI: 'false' } },
  );
let failed = nx(['lint', 'typecheck', 'check:package'], '--parallel=2') === 0 ? 0 : 1;
// One package at a time: each Vitest run uses both cores itself.
const testStatus = nx(['test'], '--parallel=1');

let passed = 0;
let skipped = 0;
let testFailures = 0;
for (const project of projects) {
  const path = join(root, project, '.vitest', 'results.json');
  if (!existsSync(path)) {
    if (existsSync(join(root, project, 'test'))) {
      console.error(`verify: ${project} wrote no test results`);
      testFailures += 1;
    }
    continue;
  }
  const results = JSON.parse(readFileSync(path, 'utf8'));
  passed += results.numPassedTests;
  testFailures += results.numFailedTests;
  skipped += results.numPendingTests + results.numTodoTests;
  for (const file of results.testResults) {
    if (file.status === 'failed' && file.assertionResults.length === 0) testFailures += 1;
    for (const test of file.assertionResults) {
      if (test.status === 'failed') console.error(`verify: FAILED ${project}: ${test.fullName}`);
    }
  }
}
if (testStatus !== 0 && testFailures === 0) testFailures = 1;
failed += testFailures;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
