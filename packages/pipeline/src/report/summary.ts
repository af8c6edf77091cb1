import { writeFileAtomic } from '@u2seg/core';
import type { PipelineConfig } from '../config/config.ts';
import { metricNumbers } from '../evaluate/metric-numbers.ts';
import { evaluateStage } from '../evaluate/score-run.ts';
import { imagesStage } from '../photos/index-photos.ts';
import { proposeStage } from '../propose/propose-stage.ts';
import { codeVersion, type CodeVersion } from '../run/provenance.ts';
import type { FitContext, Part } from '../run/stage.ts';

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

/** What looks wrong in a run. */
export const warningsPart: Part<readonly string[]> = { name: 'warnings' };

/** Sentences about what looks wrong, stage by stage; empty when nothing does. */
export function runWarnings({ stages, results }: Pick<FitContext, 'stages' | 'results'>): string[] {
  return stages.flatMap((stage) => (results.has(stage) ? (stage.warnings?.(results) ?? []) : []));
}

/** Puts together what a run gave. */
export async function runSummary({ config, stages, results }: FitContext): Promise<RunSummary> {
  const { dataHash, photos, skipped } = results.of(imagesStage);
  const metrics = results.get(evaluateStage);
  return {
    format: 'u2seg-summary/1',
    config,
    seed: config.seed,
    code: await codeVersion(),
    dataHash,
    photos: photos.length,
    skipped: skipped.map(({ path, reason }) => ({ path, reason })),
    backbone: results.get(proposeStage)?.backbone ?? null,
    stages: Object.fromEntries(
      stages.flatMap(({ name, summary }) => (summary === undefined ? [] : [[name, summary(results)]])),
    ),
    metrics: metrics === undefined ? null : metricNumbers(metrics),
    warnings: results.of(warningsPart),
  };
}

/** Writes `summary.json`. @returns its path */
export async function writeSummary(context: FitContext): Promise<string> {
  const path = context.run.path('summary.json');
  await writeFileAtomic(path, `${JSON.stringify(await runSummary(context), undefined, 2)}\n`);
  return path;
}
