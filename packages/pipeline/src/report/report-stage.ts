/** The page to look at. */
import { officialWeights } from '@u2seg/backbone';
import { rleFromString, writeFileAtomic } from '@u2seg/core';
import { loadTfBackend } from '@u2seg/heads';
import type { PredictionRow, ProposalRow, SegmentRow } from '@u2seg/interchange';
import {
  renderReport,
  type ReportCluster,
  type ReportFact,
  type ReportPhoto,
  type ReportSegment,
  type ReportStage,
} from '@u2seg/viewer';
import { clusterStage, thingClasses } from '../cluster/cluster-stage.ts';
import type { GroundTruth } from '../evaluate/ground-truth.ts';
import { metricTables } from '../evaluate/metric-tables.ts';
import { evaluateStage, groundTruth } from '../evaluate/score-run.ts';
import { mergeStage } from '../merge/merge-stage.ts';
import { decodePhoto } from '../photos/decode-photo.ts';
import { imagesStage, stageContext } from '../photos/index-photos.ts';
import { predictStage } from '../predict/predict-stage.ts';
import { proposeStage } from '../propose/propose-stage.ts';
import { photosPerPartition } from '../run/partitions.ts';
import { codeVersion, machine } from '../run/provenance.ts';
import type { FitContext, Results, Stage } from '../run/stage.ts';
import { semanticsStage } from '../semantics/semantics-stage.ts';
import { byPhoto, toProposal } from '../tables/mask-rows.ts';
import { finalModel, trainStage } from '../train/train-stage.ts';
import { instanceCrops, stuffCrops } from './cluster-crops.ts';
import { warningsPart } from './summary.ts';
import { trainingCurves } from './training-curves.ts';

/** Writes the report. */
export const reportStage: Stage<string> = {
  name: 'report',
  title: 'Report',
  needs: [imagesStage],
  run: (context) => writeRunReport(context),
  describe: (path) => path,
  smoke: { report: { maxPhotos: 2 } },
};

/** Proposals drawn on a photo; more would only hide each other. */
const shownProposals = 12;

/** Writes `report.html` of the stages that ran; ground truth is drawn with the classes that were scored. @returns its path */
export async function writeRunReport(context: FitContext): Promise<string> {
  const { run, config, results } = context;
  const index = results.of(imagesStage);
  const truth = results.get(groundTruth);
  const metrics = results.get(evaluateStage);
  const shown = chosenPhotos(index.photos.length, truth, config.report.maxPhotos);
  const names = matchedNames(results);
  const html = await renderReport(
    {
      title: `u2seg: ${index.folder}`,
      createdAt: new Date().toISOString(),
      config,
      environment: await environment(context),
      stages: stageLines(context),
      photos: reportPhotos(context, truth, shown, names),
      clusters: await reportClusters(context, names),
      curves: trainingCurves(results).map(({ name, points }) => ({
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
      metrics: metrics === undefined ? [] : metricTables(metrics),
      warnings: results.get(warningsPart) ?? [],
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
function matchedNames(results: Results): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const { universal } = results.get(evaluateStage) ?? {};
  const model = universal?.['model']?.results.find(({ protocol }) => protocol === 'hungarian-many-to-one');
  const instances = results.get(clusterStage);
  if (model === undefined || instances === undefined) return names;
  const { classNames, classOfCluster } = model.mapping;
  const things = thingClasses(instances);
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
  context: FitContext,
  truth: GroundTruth | undefined,
  shown: readonly number[],
  names: ReadonlyMap<string, string>,
): AsyncGenerator<ReportPhoto> {
  const { config, results } = context;
  const { index } = stageContext(context);
  const [proposals, labels] = [results.get(proposeStage), results.get(mergeStage)];
  const predictions = results.get(predictStage);
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

async function reportClusters(context: FitContext, names: ReadonlyMap<string, string>): Promise<ReportCluster[]> {
  const { results } = context;
  const [proposals, instances] = [results.get(proposeStage), results.get(clusterStage)];
  const semantics = results.get(semanticsStage);
  const clusters: ReportCluster[] = [];
  const matched = (own: string): { matchedClass?: string } => {
    const name = names.get(own);
    return name === undefined ? {} : { matchedClass: name };
  };
  if (proposals !== undefined && instances !== undefined) {
    const crops = await instanceCrops(stageContext(context), instances, proposals);
    instances.summary.counts.forEach((size, c) =>
      clusters.push({ clusterId: c, isThing: true, size, exemplars: crops[c] ?? [], ...matched(clusterName(true, c)) }),
    );
  }
  if (semantics !== undefined) {
    const crops = await stuffCrops(stageContext(context), semantics);
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

async function environment({ config, results }: FitContext): Promise<ReportFact[]> {
  const { u2seg, commit, node } = await codeVersion();
  const { cpu, cores, memoryGiB, platform } = machine();
  const { photos, dataHash } = results.of(imagesStage);
  const facts: ReportFact[] = [
    { name: 'u2seg', value: `${u2seg} (${commit})` },
    { name: 'Node', value: node },
    { name: 'Machine', value: `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}` },
    { name: 'Photos', value: `${photos.length}, SHA-256 ${dataHash}` },
    { name: 'Seed', value: String(config.seed) },
  ];
  const proposals = results.get(proposeStage);
  if (proposals !== undefined) {
    const { name, license, weightsSha256 } = proposals.backbone;
    const weights = weightsSha256 === 'none' ? 'made by hand, no weights' : `weights SHA-256 ${weightsSha256}`;
    facts.push({ name: 'Backbone', value: `${name}, ${weights}`, licence: license });
  }
  const trained = finalModel(results);
  const start = results.get(trainStage)?.start;
  if (start !== undefined && start !== 'random weights') {
    const official = officialWeights.find(({ name }) => name === config.train.init);
    const license = official === undefined ? {} : { licence: official.license };
    facts.push({ name: 'initial weights', value: start.split('\n')[0]!, ...license });
  }
  if (trained !== undefined) {
    const { description, why } = await loadTfBackend(config.train.backend);
    facts.push({ name: 'Training backend', value: `${description} (${why})` });
  }
  return facts;
}

function stageLines({ stages, results, seconds }: FitContext): ReportStage[] {
  return stages.flatMap((stage) => {
    if (!results.has(stage)) return [];
    const took = seconds[stage.name];
    const lines = stage.reportLines?.(results) ?? [];
    return lines.map((line) => ({ name: stage.name, ...line, ...(took === undefined ? {} : { seconds: took }) }));
  });
}
