import { writeFileAtomic } from '@u2seg/interchange';
import type { PipelineConfig } from '../config/config.ts';
import type { FitResult } from '../fit-result.ts';
import { metricNumbers } from '../evaluate/metric-numbers.ts';
import { codeVersion, type CodeVersion } from '../run/provenance.ts';
import type { RunDirectory } from '../run/run-directory.ts';

/** What a run gave and what it was made from. The same for every run of the same code, configuration and photos. */
export interface RunSummary {
  readonly format: 'u2seg-summary/1';
  readonly config: PipelineConfig;
  readonly seed: number;
  readonly code: CodeVersion;
  /** SHA-256 over the photos. */
  readonly dataHash: string;
  readonly photos: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly backbone: object | null;
  readonly stages: Readonly<Record<string, unknown>>;
  readonly metrics: unknown;
  readonly warnings: readonly string[];
}

export async function runSummary(result: FitResult, config: PipelineConfig): Promise<RunSummary> {
  const { index, proposals, instances, semantics, labels, trained, contours, predictions, metrics, warnings } = result;
  return {
    format: 'u2seg-summary/1',
    config,
    seed: config.seed,
    code: await codeVersion(),
    dataHash: index.dataHash,
    photos: index.photos.length,
    skipped: index.skipped.map(({ path, reason }) => ({ path, reason })),
    backbone: proposals?.backbone ?? null,
    stages: {
      propose: proposals?.counts,
      cluster:
        instances === undefined
          ? undefined
          : { k: instances.summary.k, instances: instances.summary.instances, warnings: instances.summary.warnings },
      semantics: semantics?.summary,
      merge: labels?.summary,
      train: trained?.curves.map(({ name, points }) => ({
        name,
        iterations: points.length,
        firstLoss: points[0]?.total,
        lastLoss: points.at(-1)?.total,
      })),
      rounds: trained?.rounds,
      contours:
        contours === undefined
          ? undefined
          : { ...contours.summary, firstLoss: contours.curve[0]?.total, lastLoss: contours.curve.at(-1)?.total },
      predict: predictions?.summary,
    },
    metrics: metrics === undefined ? null : metricNumbers(metrics),
    warnings,
  };
}

export async function writeSummary(run: RunDirectory, summary: RunSummary): Promise<string> {
  const path = run.path('summary.json');
  await writeFileAtomic(path, `${JSON.stringify(summary, undefined, 2)}\n`);
  return path;
}
