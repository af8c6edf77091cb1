// Tries to give faiss-node, an optional clustering engine, its native library.
//
//   node tools/native/faiss.mjs [--force]
//
// The package's install script downloads a prebuilt binary; where that is out of reach the engine stays unavailable
// and clustering uses its own kernels, which need no native library.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMain } from '../is-main.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'node_modules', 'faiss-node');
const attempted = join(folder, '.u2seg-attempt.json');

/** Whether faiss-node loads, tried in a child process. */
export function probeFaiss() {
  if (!existsSync(join(folder, 'package.json'))) return { works: false, reason: 'faiss-node is not installed' };
  const script = `const { IndexFlatL2 } = require(${JSON.stringify(folder)}); const i = new IndexFlatL2(2); i.add([1, 2]); process.stdout.write(String(i.ntotal()));`;
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 60_000 });
  return child.status === 0 && child.stdout === '1'
    ? { works: true }
    : { works: false, reason: 'its native library is missing' };
}

/** @returns {{ works: boolean, message: string }} */
export function setUpFaiss({ force = false, log = () => {} } = {}) {
  const before = probeFaiss();
  if (before.works) return { works: true, message: 'faiss-node: in place.' };
  const unavailable = `faiss-node: not available (${before.reason}); clustering uses its own kernels, same results.`;
  if (!existsSync(folder)) return { works: false, message: unavailable };
  if (!force && existsSync(attempted))
    return { works: false, message: JSON.parse(readFileSync(attempted, 'utf8')).message };
  log('trying the prebuilt binary');
  spawnSync('npm', ['rebuild', 'faiss-node', '--ignore-scripts=false', '--foreground-scripts=false'], {
    cwd: root,
    stdio: 'ignore',
    timeout: 120_000,
  });
  if (probeFaiss().works) return { works: true, message: "faiss-node: the package's own download." };
  if (existsSync(folder)) writeFileSync(attempted, JSON.stringify({ message: unavailable }));
  return { works: false, message: unavailable };
}

if (isMain(import.meta.url)) {
  console.error(
    setUpFaiss({ force: process.argv.includes('--force'), log: (line) => console.error(`faiss: ${line}`) }).message,
  );
}
