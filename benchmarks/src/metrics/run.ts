/**
 * Metrics against their Python peers, in turns within one run.
 *
 *   npm run build && node benchmarks/dist/metrics/run.js [--rounds 5] [--slow-rounds 1] [--note "..."]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  evaluateCoco,
  PanopticQuality,
  PixelVotes,
  readCocoGroundTruth,
  readCocoResults,
  UnsupervisedSemantics,
  type PanopticCategory,
  type PanopticImage,
} from '@u2seg/metrics';
import { readPanopticPng, writePanopticPng } from '@u2seg/datasets';
import { detectionSizes, generateAnnotations, generateDetections, generateMaps } from './generate.ts';
import { PeerProcess } from './peers.ts';

interface Timed {
  readonly seconds: number;
  /** Processor seconds, all threads: what a busy machine does not distort as much as the clock. */
  readonly cpu: number;
  readonly value: number;
}
interface Row {
  readonly job: string;
  readonly cold: number;
  readonly warm: number;
  readonly fastest: number;
  readonly cpu: number;
  readonly value: number;
  readonly peers: Record<string, PeerRow>;
  readonly extra?: Record<string, number>;
}

interface PeerRow {
  readonly seconds?: number;
  readonly fastest?: number;
  readonly cpu?: number;
  readonly value?: number;
  readonly timesOurs?: number;
  readonly cpuTimesOurs?: number;
  readonly missing?: string;
}

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'slow-rounds': { type: 'string', default: '1' },
    note: { type: 'string', default: '' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'u2seg-metrics-'));
const say = (text: string): void => void process.stderr.write(`${text}\n`);

function time(work: () => number): Timed {
  const before = process.cpuUsage();
  const start = performance.now();
  const value = work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6, value };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs ours and every peer in turns; the first of ours is the cold call, the first of a peer is not counted if there are more. */
async function compare(
  peers: PeerProcess,
  job: string,
  ours: () => number,
  others: readonly { name: string; job: string; args: readonly string[]; slow: boolean }[],
  extra?: Record<string, number>,
): Promise<Row> {
  const rounds = Number(flags.rounds);
  const own: Timed[] = [];
  const theirs = others.map(() => [] as Timed[]);
  const missing: (string | undefined)[] = others.map(() => undefined);
  for (let round = 0; round < rounds; round += 1) {
    own.push(time(ours));
    for (const [i, other] of others.entries()) {
      if (missing[i] !== undefined || (other.slow && round >= Number(flags['slow-rounds']))) continue;
      const answer = await peers.ask(other.job, ...other.args);
      if (answer.missing === undefined)
        theirs[i]!.push({ seconds: answer.seconds!, cpu: answer.cpu!, value: answer.value! });
      else missing[i] = answer.missing;
    }
  }
  const settled = own.slice(Math.min(2, rounds - 1));
  const warm = median(settled.map((one) => one.seconds));
  const cpu = median(settled.map((one) => one.cpu));
  const row: Row = {
    job,
    cold: own[0]!.seconds,
    warm,
    fastest: Math.min(...settled.map((one) => one.seconds)),
    cpu,
    value: own[0]!.value,
    peers: Object.fromEntries(
      others.map(({ name }, i): [string, PeerRow] => {
        if (missing[i] !== undefined) return [name, { missing: missing[i] }];
        const times = theirs[i]!.length > 1 ? theirs[i]!.slice(1) : theirs[i]!;
        const seconds = median(times.map((one) => one.seconds));
        const theirCpu = median(times.map((one) => one.cpu));
        return [
          name,
          {
            seconds,
            fastest: Math.min(...times.map((one) => one.seconds)),
            cpu: theirCpu,
            value: theirs[i]![0]!.value,
            timesOurs: seconds / warm,
            cpuTimesOurs: theirCpu / cpu,
          },
        ];
      }),
    ),
    ...(extra === undefined ? {} : { extra }),
  };
  say(JSON.stringify(row));
  return row;
}

async function main(): Promise<void> {
  say('generating');
  const files = generateDetections(1);
  writeFileSync(join(folder, 'gt.json'), files.gt);
  writeFileSync(join(folder, 'boxes.json'), files.boxes);
  writeFileSync(join(folder, 'masks.json'), files.masks);
  const annotations = join(folder, 'annotations.json');
  writeFileSync(annotations, generateAnnotations(2));
  const [count, repeat] = [50, 10];
  const maps = generateMaps(3, count, 26);
  writeFileSync(join(folder, 'maps.bin'), Buffer.concat(maps.flatMap((pair) => [pair.gt, pair.prediction])));
  writeFileSync(join(folder, 'maps.json'), JSON.stringify({ count, repeat, height: 480, width: 640 }));
  for (const [i, labels] of maps.flatMap((pair) => [pair.gt, pair.prediction]).entries()) {
    await writePanopticPng(join(folder, `${i}.png`), { ids: Uint32Array.from(labels), height: 480, width: 640 });
  }

  const peers = new PeerProcess(folder);
  const coco = (kind: 'bbox' | 'segm') =>
    ['hotcoco', 'faster-coco-eval', 'pycocotools'].map((name) => ({
      name,
      job: 'coco',
      args: [name, kind],
      slow: name !== 'hotcoco',
    }));
  const readGt = time(
    () => readCocoGroundTruth('gt.json', readFileSync(join(folder, 'gt.json'))).images.length,
  ).seconds;
  const gt = readCocoGroundTruth('gt.json', readFileSync(join(folder, 'gt.json')));
  const rasterise = time(() => gt.annotations.runs().length).seconds;
  const read = (name: string) => readCocoResults(name, readFileSync(join(folder, name)), gt);
  const readBoxes = time(() => read('boxes.json').length).seconds;
  const readMasks = time(() => read('masks.json').length).seconds;
  const boxes = read('boxes.json');
  const masks = read('masks.json');
  const rows = [
    await compare(peers, 'COCO boxes', () => evaluateCoco(gt, boxes).stats.ap, coco('bbox'), { readGt, readBoxes }),
    await compare(peers, 'COCO masks', () => evaluateCoco(gt, masks, { iouType: 'segm' }).stats.ap, coco('segm'), {
      rasterise,
      readMasks,
    }),
    await compare(
      peers,
      'panoptic quality',
      panopticJob(maps, repeat),
      [{ name: 'numpy, as panopticapi', job: 'panoptic', args: [], slow: true }],
      await pngTimes(peers, 2 * count, repeat),
    ),
    await compare(
      peers,
      'mIoU and Hungarian',
      () => {
        const votes = new PixelVotes(27, 27);
        for (let round = 0; round < repeat; round += 1) for (const one of maps) votes.update(one.prediction, one.gt);
        const metrics = new UnsupervisedSemantics({ numClasses: 27 });
        metrics.addCounts(votes.counts);
        return metrics.compute().miou;
      },
      [{ name: 'numpy and scipy', job: 'semantic', args: [], slow: false }],
    ),
    await compare(
      peers,
      'load annotations',
      () => readCocoGroundTruth('annotations.json', readFileSync(annotations)).images.length,
      ['hotcoco', 'pycocotools'].map((name) => ({ name, job: 'load', args: [name], slow: false })),
      loadMemory(annotations),
    ),
  ];
  const { versions = {} } = await peers.ask('versions');
  peers.close();
  const summary = {
    date: new Date().toISOString(),
    note: flags.note,
    machine: { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, loadAverage: loadavg() },
    versions,
    sizes: { ...detectionSizes, mapPairs: count * repeat, annotationsBytes: readFileSync(annotations).length },
    rows,
  };
  const target = fileURLToPath(new URL('../../metrics/summary.json', import.meta.url));
  writeFileSync(target, `${JSON.stringify(summary, null, 2)}\n`);
  rmSync(folder, { recursive: true });
}

function panopticJob(maps: ReturnType<typeof generateMaps>, repeat: number): () => number {
  const categories: PanopticCategory[] = Array.from({ length: 27 }, (_, id) => ({
    id,
    name: `${id}`,
    isThing: id < 12,
  }));
  const image = (labels: Uint8Array): PanopticImage => ({
    ids: Uint32Array.from(labels),
    segments: [...new Set(labels)].filter((id) => id > 0).map((id) => ({ id, categoryId: id % 27 })),
  });
  const pairs = maps.map((pair) => [image(pair.gt), image(pair.prediction)] as const);
  return () => {
    const quality = new PanopticQuality(categories);
    for (let round = 0; round < repeat; round += 1) for (const [gt, dt] of pairs) quality.update(gt, dt);
    return quality.compute().all.pq;
  };
}

/** Seconds that reading the PNGs of all pairs takes, one file after the other: ours, and Pillow with numpy. */
async function pngTimes(peers: PeerProcess, files: number, repeat: number): Promise<Record<string, number>> {
  const start = performance.now();
  for (let i = 0; i < files * repeat; i += 1) await readPanopticPng(join(folder, `${i % files}.png`));
  const readPngs = (performance.now() - start) / 1000;
  const { seconds } = await peers.ask('pngs');
  return { readPngs, ...(seconds === undefined ? {} : { readPngsPillow: seconds }) };
}

/**
 * Memory that reading the annotations takes, in a process of its own: what stays, and the peak, over the file's size.
 *
 * The peak is the kernel's VmHWM: `resourceUsage().maxRSS` of a child starts at what its parent had when it was started.
 */
function loadMemory(file: string): Record<string, number> {
  const script = `
    const { readFileSync, statSync } = await import('node:fs');
    const { readCocoGroundTruth } = await import('@u2seg/metrics');
    const before = process.memoryUsage().rss;
    const gt = readCocoGroundTruth('annotations.json', readFileSync(process.argv[1]));
    globalThis.kept = gt;
    const status = readFileSync('/proc/self/status', 'utf8');
    const peak = Number(/VmHWM:\\s+(\\d+)/.exec(status)[1]) * 1024;
    const size = statSync(process.argv[1]).size;
    process.stdout.write(JSON.stringify({ peakOverFile: (peak - before) / size, rssOverFile: (process.memoryUsage().rss - before) / size }));`;
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, file], { cwd });
  return JSON.parse(out.toString()) as Record<string, number>;
}

await main();
