// Compiles packages/<package>/assembly/*.ts (AssemblyScript) to packages/<package>/wasm/*.wasm.
//
//   node tools/build-wasm.mjs packages/maskcut
//
// Extra flags of a kernel stand in its first line: `// asc: --importMemory --sharedMemory --maximumMemory 16384`.
// A kernel whose source, flags and compiler are unchanged since its last build is left alone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const common = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'bulk-memory'];

const root = resolve(process.argv[2] ?? '.');
const sources = join(root, 'assembly');
const target = join(root, 'wasm');
if (!existsSync(sources)) process.exit(0);
mkdirSync(target, { recursive: true });

const names = readdirSync(sources).filter((name) => name.endsWith('.ts'));
const texts = new Map(names.map((name) => [name, readFileSync(join(sources, name), 'utf8')]));
const shared = createHash('sha256').update(asc.version).update(common.join(' '));
for (const [name, text] of texts) shared.update(name).update(text);
const stamp = shared.digest('hex');

for (const [name, text] of texts) {
  const flags = /^\/\/ asc:(.*)/u.exec(text)?.[1]?.trim().split(/\s+/u) ?? [];
  if (flags.includes('library')) continue;
  const out = join(target, name.replace(/\.ts$/u, '.wasm'));
  const stampFile = `${out}.stamp`;
  if (existsSync(out) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) continue;
  const temporary = `${out}.${process.pid}.tmp`;
  const { error, stderr } = await asc.main([join(sources, name), '--outFile', temporary, ...common, ...flags]);
  if (error) {
    console.error(`build-wasm: ${join(sources, name)}: ${stderr.toString() || error.message}`);
    process.exit(1);
  }
  renameSync(temporary, out);
  writeFileSync(stampFile, stamp);
  console.log(`build-wasm: ${out}`);
}
