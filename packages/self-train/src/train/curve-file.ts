import { appendFile, readFile } from 'node:fs/promises';
import { ioError, writeFileAtomic } from '@u2seg/core';

/** One optimizer step of a training run. Holds no times: the same seed writes the same bytes. */
export interface CurvePoint {
  /** 1 after the first step. */
  readonly iteration: number;
  readonly lr: number;
  /** Sum of the losses, mean over the micro-batches. */
  readonly total: number;
  /** Weighted losses by detectron2's names. */
  readonly losses: Readonly<Record<string, number>>;
}

/** Adds a line to a curve file. @throws U2SegError `io` */
export async function appendCurve(path: string, point: CurvePoint): Promise<void> {
  await appendFile(path, `${JSON.stringify(point)}\n`).catch((cause: unknown) => {
    throw ioError(`${path}: could not be written`, cause);
  });
}

/** Points of a curve file up to `lastIteration`; a line cut off by a killed run is left out. Empty without a file. */
export async function readCurve(path: string, lastIteration: number = Number.POSITIVE_INFINITY): Promise<CurvePoint[]> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
  const points: CurvePoint[] = [];
  for (const line of content.split('\n').slice(0, -1)) {
    const point = JSON.parse(line) as CurvePoint;
    if (point.iteration <= lastIteration) points.push(point);
  }
  return points;
}

/** Forgets what was written after the checkpoint a run resumes from. */
export async function truncateCurve(path: string, lastIteration: number): Promise<CurvePoint[]> {
  const points = await readCurve(path, lastIteration);
  await writeFileAtomic(path, points.map((point) => `${JSON.stringify(point)}\n`).join(''));
  return points;
}
