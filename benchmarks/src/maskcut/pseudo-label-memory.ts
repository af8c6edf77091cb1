/**
 * Peak memory of `u2seg pseudo-label` over the number of photos.
 *
 *   npm run build && node benchmarks/dist/maskcut/pseudo-label-memory.js [100 500 2000]
 *
 * Writes benchmarks/maskcut/memory-summary.json. Linux only: memory is read from /proc.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSyntheticDataset } from '@u2seg/datasets';

const size = { height: 96, width: 128 };
/** Small enough that 2,000 photos take minutes; what is kept per photo does not depend on it. */
const settings = [
  'backbone.size=128',
  'proposals.method=maskcut',
  'semantics.steps=40',
  'semantics.maxGrid=16',
  'clustering.k=30',
];
const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [100, 500, 2000];
const cli = fileURLToPath(new URL('../../../packages/cli/bin/u2seg.js', import.meta.url));

/** High-water mark of resident memory, MiB. */
function peakOf(pid: number): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/u.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function measure(photos: number, folder: string): Promise<{ photos: number; peakMiB: number; seconds: number }> {
  const { imageFolder } = await writeSyntheticDataset(join(folder, `scenes-${photos}`), {
    count: photos,
    seed: 0,
    ...size,
  });
  const args = settings.flatMap((setting) => ['--set', setting]);
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [cli, 'pseudo-label', imageFolder, '--out', join(folder, `run-${photos}`), ...args],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  let peakMiB = 0;
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid!));
  }, 100);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`u2seg pseudo-label ended with ${code}`);
  return { photos, peakMiB: Math.round(peakMiB), seconds: Math.round((performance.now() - start) / 1000) };
}

const folder = mkdtempSync(join(tmpdir(), 'u2seg-memory-'));
try {
  const results = [];
  for (const photos of counts) {
    results.push(await measure(photos, folder));
    process.stdout.write(`${JSON.stringify(results.at(-1))}\n`);
  }
  const [first, last] = [results[0]!, results.at(-1)!];
  const summary = {
    job: 'memory of u2seg pseudo-label',
    image: size,
    settings,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      node: process.version,
      loadAverage: loadavg(),
    },
    results,
    growthMiBPerThousandPhotos: Number(
      ((1000 * (last.peakMiB - first.peakMiB)) / Math.max(1, last.photos - first.photos)).toFixed(1),
    ),
  };
  writeFileSync(
    new URL('../../maskcut/memory-summary.json', import.meta.url),
    `${JSON.stringify(summary, undefined, 2)}\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
