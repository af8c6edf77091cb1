/** Last stage: the page to look at. */
import { officialWeights } from '@u2seg/backbone';
import { rleFromString } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import { writeFileAtomic, type PredictionRow, type ProposalRow, type SegmentRow } from '@u2seg/interchange';
import {
  renderReport,
  type ReportCluster,
  type ReportFact,
  type ReportPhoto,
  type ReportSegment,
  type ReportStage,
} from '@u2seg/viewer';
import { instanceCrops, stuffCrops } from './cluster-crops.ts';
import type { PipelineConfig } from '../config/config.ts';
import type { FitResult } from '../fit-result.ts';
import { openGroundTruth, type GroundTruth } from '../evaluate/ground-truth.ts';
import { metricTables } from '../evaluate/metric-tables.ts';
import { decodePhoto } from '../photos/photo-index.ts';
import { codeVersion, machine } from '../run/provenance.ts';
import { trainingCurves } from './training-curves.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { photosPerPartition } from '../run/partitions.ts';
import type { StageTimes } from '../run/stage-times.ts';
import { byPhoto, toProposal } from '../tables/mask-rows.ts';

/** Proposals drawn on a photo; more would only hide each other. */
const shownProposals = 12;

export async function writeRunReport(
  run: RunDirectory,
  result: FitResult,
  config: PipelineConfig,
  gt: string | undefined,
  times: StageTimes,
): Promise<string> {
  const { index } = result;
  const truth = gt === undefined ? undefined : await openGroundTruth(gt, index);
  const shown = chosenPhotos(index.photos.length, truth, config.report.maxPhotos);
  const names = matchedNames(result);
  const html = await renderReport(
    {
      title: `u2seg: ${index.folder}`,
      createdAt: new Date().toISOString(),
      config,
      environment: await environment(result, config),
      stages: stageLines(result, times),
      photos: reportPhotos(result, config, truth, shown, names),
      clusters: await reportClusters(result, config, names),
      curves: trainingCurves(result).map(({ name, points }) => ({
        name,
        xLabel: 'iteration',
        series: [
          { name: 'total', points: points.map(({ iteration, total }) => [iteration, total] as const) },
          ...Object.keys(points[0]?.losses ?? {}).map((loss) => ({
            name: loss,
            points: points.map(({ iteration, losses }) => [iteration, losses[loss] ?? Number.NaN] as const),
          })),
        ],
      })),
      metrics: result.metrics === undefined ? [] : metricTables(result.metrics),
      warnings: result.warnings,
      skipped: index.skipped.map(({ path, reason }) => ({ id: path, reason })),
      photosLeftOut: index.photos.length - shown.length,
    },
    { maxPhotos: config.report.maxPhotos, maxExemplars: config.report.exemplars },
  );
  const path = run.path('report.html');
  await writeFileAtomic(path, html);
  return path;
}

/** Evenly spread over the annotated photos where there are some, over all otherwise. */
function chosenPhotos(count: number, truth: GroundTruth | undefined, most: number): number[] {
  const from = truth === undefined ? Array.from({ length: count }, (_, i) => i) : [...truth.photos];
  const n = Math.min(most, from.length);
  return Array.from({ length: n }, (_, i) => from[Math.floor((i * from.length) / n)]!);
}

/** Class names of clusters under many-to-one matching, by `thing 3` and `stuff 5`. */
function matchedNames({ metrics, instances }: FitResult): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const model = metrics?.universal['model']?.results.find(({ protocol }) => protocol === 'hungarian-many-to-one');
  if (model === undefined) return names;
  const { classNames, classOfCluster } = model.mapping;
  const things = Math.max(1, instances?.summary.k ?? 0);
  classOfCluster.forEach((at, cluster) => {
    const name = classNames[at];
    if (name !== undefined)
      names.set(cluster < things ? clusterName(true, cluster) : clusterName(false, cluster - things), name);
  });
  return names;
}

function clusterName(isThing: boolean, cluster: number): string {
  return `${isThing ? 'thing' : 'stuff'} ${cluster}`;
}

/** One photo after the other, so that only one is in memory. */
async function* reportPhotos(
  result: FitResult,
  config: PipelineConfig,
  truth: GroundTruth | undefined,
  shown: readonly number[],
  names: ReadonlyMap<string, string>,
): AsyncGenerator<ReportPhoto> {
  const { index, proposals, labels, predictions } = result;
  const annotated = new Set(truth?.photos);
  const categories = new Map(truth?.categories.map((category) => [category.id, category]));
  for (const photo of shown) {
    const row = index.photos[photo]!;
    const p = Math.floor(photo / photosPerPartition);
    const image = await decodePhoto(index.folder, row, config.photos);
    const found = byPhoto((await proposals?.proposals.read(p)) ?? []).get(row.image_id) ?? [];
    const label = byPhoto((await labels?.segments.read(p)) ?? []).get(row.image_id) ?? [];
    const prediction = byPhoto((await predictions?.segments.read(p)) ?? []).get(row.image_id) ?? [];
    const one = truth !== undefined && annotated.has(photo) ? await truth.load(photo) : undefined;
    yield {
      id: row.image_id,
      image,
      proposals: [...found]
        .sort((a, b) => b.score - a.score)
        .slice(0, shownProposals)
        .map(proposalSegment),
      proposalsLeftOut: Math.max(0, found.length - shownProposals),
      pseudoLabel: label.map((segment) => panopticSegment(segment, names)),
      prediction: prediction.map((segment) => panopticSegment(segment, names)),
      ...(one === undefined
        ? {}
        : {
            groundTruth: one.annotation.segments.flatMap((segment): ReportSegment[] => {
              const mask = one.masks.get(segment.id);
              const category = categories.get(segment.categoryId);
              if (mask === undefined || category === undefined) return [];
              return [{ mask, isThing: category.isThing, label: category.name, clusterId: category.id }];
            }),
          }),
    };
  }
}

function proposalSegment(row: ProposalRow | PredictionRow, i: number): ReportSegment {
  const { mask, score } = toProposal(row);
  return { mask, isThing: true, label: `proposal ${i + 1}`, clusterId: -1, score };
}

function panopticSegment(row: SegmentRow, names: ReadonlyMap<string, string>): ReportSegment {
  const own = clusterName(row.is_thing, row.cluster_id);
  const matched = names.get(own);
  return {
    mask: rleFromString(row.mask_height, row.mask_width, row.mask_rle),
    isThing: row.is_thing,
    label: matched === undefined ? own : `${own} (${matched})`,
    clusterId: row.cluster_id,
    ...(row.is_thing ? { score: row.score } : {}),
  };
}

async function reportClusters(
  result: FitResult,
  config: PipelineConfig,
  names: ReadonlyMap<string, string>,
): Promise<ReportCluster[]> {
  const { instances, semantics } = result;
  const clusters: ReportCluster[] = [];
  const matched = (own: string): { matchedClass?: string } => {
    const name = names.get(own);
    return name === undefined ? {} : { matchedClass: name };
  };
  if (instances !== undefined) {
    const crops = await instanceCrops(result, config);
    instances.summary.counts.forEach((size, c) =>
      clusters.push({ clusterId: c, isThing: true, size, exemplars: crops[c] ?? [], ...matched(clusterName(true, c)) }),
    );
  }
  if (semantics !== undefined) {
    const crops = await stuffCrops(result, config);
    semantics.summary.pixels.forEach((size, c) =>
      clusters.push({
        clusterId: c,
        isThing: false,
        size,
        exemplars: crops[c] ?? [],
        ...matched(clusterName(false, c)),
      }),
    );
  }
  return clusters;
}

async function environment(result: FitResult, config: PipelineConfig): Promise<ReportFact[]> {
  const { u2seg, commit, node } = await codeVersion();
  const { cpu, cores, memoryGiB, platform } = machine();
  const facts: ReportFact[] = [
    { name: 'u2seg', value: `${u2seg} (${commit})` },
    { name: 'Node', value: node },
    { name: 'Machine', value: `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}` },
    { name: 'Photos', value: `${result.index.photos.length}, SHA-256 ${result.index.dataHash}` },
    { name: 'Seed', value: String(config.seed) },
  ];
  if (result.proposals !== undefined) {
    const { name, license, weightsSha256 } = result.proposals.backbone;
    const weights = weightsSha256 === 'none' ? 'made by hand, no weights' : `weights SHA-256 ${weightsSha256}`;
    facts.push({ name: 'Backbone', value: `${name}, ${weights}`, licence: license });
  }
  const { start } = result.trained ?? {};
  if (start !== undefined && start !== 'random weights') {
    const official = officialWeights.find(({ name }) => name === config.train.init);
    const license = official === undefined ? {} : { licence: official.license };
    facts.push({ name: 'initial weights', value: start.split('\n')[0]!, ...license });
  }
  if (result.trained !== undefined) {
    const { description, why } = await loadTfBackend(config.train.backend);
    facts.push({ name: 'Training backend', value: `${description} (${why})` });
  }
  return facts;
}

function stageLines(result: FitResult, times: StageTimes): ReportStage[] {
  const { index, proposals, instances, semantics, labels, trained, contours, predictions, metrics } = result;
  const known: [string, number, string][] = [['images', index.photos.length, `${index.skipped.length} left out`]];
  if (proposals !== undefined)
    known.push([
      'propose',
      proposals.counts.proposals,
      `proposals; ${proposals.counts.photosWithoutProposals} photos have none`,
    ]);
  if (instances !== undefined)
    known.push(['cluster', instances.summary.k, `clusters of ${instances.summary.instances} instances`]);
  if (semantics !== undefined)
    known.push([
      'semantics',
      semantics.summary.pixels.filter((n) => n > 0).length,
      `semantic clusters in use of ${semantics.summary.clusters}`,
    ]);
  if (labels !== undefined)
    known.push([
      'merge',
      labels.summary.things + labels.summary.stuff,
      `segments: ${labels.summary.things} things, ${labels.summary.stuff} stuff`,
    ]);
  for (const { name, points } of trained?.curves ?? [])
    known.push([name === 'train' ? 'train' : 'rounds', points.length, `iterations (${name})`]);
  if (contours !== undefined)
    known.push([
      'contours',
      contours.curve.length,
      `iterations on scenes of ${contours.summary.regions} regions of ${contours.summary.photos} photos`,
    ]);
  if (predictions !== undefined)
    known.push([
      'predict',
      predictions.summary.instances,
      `instances, ${predictions.summary.segments} panoptic segments`,
    ]);
  if (metrics !== undefined) known.push(['evaluate', metrics.groundTruth.photos, 'annotated photos']);
  return known.map(([name, items, detail]) => {
    const seconds = times.seconds[name];
    return { name, items, detail, ...(seconds === undefined ? {} : { seconds }) };
  });
}
