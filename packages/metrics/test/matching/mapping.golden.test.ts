import { readFileSync } from 'node:fs';
import {
  ClusteredInstanceEvaluator,
  ClusteredSemanticEvaluator,
  coco80,
  coco133,
  cocoStuff53,
  detectionsFrom,
  evaluateCoco,
  InstanceVotes,
  matchClusters,
  PanopticQuality,
  readCocoGroundTruth,
  readPanopticJson,
  remapLabels,
  remapTable,
  SemanticConfusion,
  SemanticVotes,
  sequentialRemapTable,
  u2segSemantic16,
  type ClusterMatch,
  type PanopticSegment,
} from '@u2seg/metrics';
import { u2segStuffId, u2segStuffTable } from '@u2seg/metrics/internal';
import { golden, readPanopticIds, readPng } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';

type Percents = Readonly<Record<string, number | null>>;
interface Mapping {
  readonly cluster_num: number;
  readonly instance: {
    readonly mapping: Readonly<Record<string, number>>;
    readonly n_votes: number;
    readonly n_ties_in_vote: number;
  };
  readonly semantic: {
    readonly mapping: Readonly<Record<string, number>>;
    readonly n_votes: number;
    readonly n_ties_in_vote: number;
    readonly effective_table_of_sequential_in_place_loop: readonly number[];
  };
  readonly metrics_reference_as_is: {
    readonly sem_seg_percent: Percents;
    readonly sem_seg_conf_matrix_17x17: number[][];
    readonly bbox_percent: Percents;
    readonly bbox_per_category_percent: Percents;
    readonly panoptic_percent: Percents;
  };
  readonly metrics_majority_simultaneous_semantic_remap: {
    readonly sem_seg_percent: Percents;
    readonly sem_seg_conf_matrix_17x17: number[][];
  };
  readonly metrics_true_hungarian: {
    readonly bbox_percent: Percents;
    readonly panoptic_percent: Percents;
    readonly sem_seg_percent_simultaneous_remap: Percents;
  };
  readonly true_hungarian: {
    readonly instance_mapping_non_negative: Readonly<Record<string, number>>;
    readonly semantic_mapping: Readonly<Record<string, number>>;
    readonly instance_total_votes: number;
    readonly semantic_total_votes: number;
  };
}
interface Prediction {
  readonly image_id: number;
  readonly instances: readonly { bbox_xyxy: [number, number, number, number]; cluster: number; score: number }[];
  readonly panoptic_segments_info: readonly { id: number; category_id: number; isthing: boolean }[];
}
interface Tables {
  readonly things_80: readonly { coco_id: number; contiguous: number; name: string; supercategory: string }[];
  readonly stuff_53: readonly {
    coco_id: number;
    contiguous_1based: number;
    name: string;
    supercategory: string;
    supercategory_id_1to15: number;
  }[];
}

const folder = golden('mapping');

describe.skipIf(folder === undefined)("golden: U2Seg's matching and the scores after it", () => {
  // a skipped suite is still collected; without the folder there is nothing to read
  if (folder === undefined) {
    it('needs the folder of goldens', () => undefined);
    return;
  }
  const wanted = folder.json<Mapping>('mapping.json');
  const predictions = folder.json<Prediction[]>('predictions.json');
  const gt = readCocoGroundTruth('instances_gt.json', readFileSync(folder.file('instances_gt.json')));
  const panopticGt = readPanopticJson('panoptic_gt.json', readFileSync(folder.file('panoptic_gt.json')));
  const K = wanted.cluster_num;
  const numStuffClusters = Object.keys(wanted.semantic.mapping).length;
  const toSupercategory = u2segStuffTable(255);

  const xywh = ([x0, y0, x1, y1]: [number, number, number, number]): [number, number, number, number] => [
    x0,
    y0,
    x1 - x0,
    y1 - y0,
  ];
  const maps = predictions.map(({ image_id }) => {
    const truth = readPng(folder.file(`semseg_gt/${image_id}.png`));
    const prediction = readPng(folder.file(`semseg_pred/${image_id}.png`));
    return { ...truth, gt: remapLabels(truth.data, toSupercategory), prediction: prediction.data };
  });

  const instanceVotes = new InstanceVotes(K, coco80.classes.length);
  const annotations = gt.annotations;
  for (const { image_id, instances } of predictions) {
    const rows = [...annotations.imageIndex.keys()].filter(
      (row) => gt.images[annotations.imageIndex[row]!]!.id === image_id,
    );
    instanceVotes.update(
      instances.map((one) => ({ clusterId: one.cluster, score: one.score, bboxXywh: xywh(one.bbox_xyxy) })),
      rows.map((row) => ({
        classIndex: annotations.categoryIndex[row]!,
        bboxXywh: [...annotations.bboxXywh.subarray(4 * row, 4 * row + 4)] as [number, number, number, number],
      })),
    );
  }
  const semanticVotes = new SemanticVotes(numStuffClusters, u2segSemantic16.classes.length);
  for (const map of maps) semanticVotes.update(map.prediction, map.gt);

  /** Label 0, things, is no cluster: it stays what it is. */
  const withThings = (match: ClusterMatch): Int32Array => match.classOfCluster.map((c, k) => (k === 0 ? 0 : c));

  it('has the tables of classes', () => {
    const tables = folder.json<Tables>('tables.json');
    expect(coco80.classes.map(({ id, name, supercategory }) => ({ id, name, supercategory }))).toEqual(
      tables.things_80.map((one) => ({ id: one.coco_id, name: one.name, supercategory: one.supercategory })),
    );
    expect(cocoStuff53.classes.map(({ id, name, supercategory }) => ({ id, name, supercategory }))).toEqual(
      tables.stuff_53.map((one) => ({ id: one.coco_id, name: one.name, supercategory: one.supercategory })),
    );
    for (const one of tables.stuff_53) {
      expect(toSupercategory[one.contiguous_1based]).toBe(one.supercategory_id_1to15);
    }
    expect(coco133.classes).toHaveLength(133);
  });

  it('votes and maps as the reference', () => {
    const instance = matchClusters(instanceVotes, 'majority-vote');
    expect(instance.votes).toBe(wanted.instance.n_votes);
    expect(instance.ties).toBe(wanted.instance.n_ties_in_vote);
    expect(Object.fromEntries(instance.classOfCluster.entries())).toEqual(wanted.instance.mapping);
    const semantic = matchClusters(semanticVotes, 'majority-vote');
    expect(semantic.votes).toBe(wanted.semantic.n_votes);
    expect(semantic.ties).toBe(wanted.semantic.n_ties_in_vote);
    expect(Object.fromEntries(withThings(semantic).entries())).toEqual(wanted.semantic.mapping);
    const table = sequentialRemapTable(withThings(semantic), u2segSemantic16.classes.length);
    expect([...table.subarray(0, numStuffClusters)]).toEqual(
      wanted.semantic.effective_table_of_sequential_in_place_loop,
    );
  });

  it('keeps as many votes as the best one-to-one assignment', () => {
    expect(matchClusters(instanceVotes, 'hungarian-one-to-one').agreeing).toBe(
      wanted.true_hungarian.instance_total_votes,
    );
    expect(matchClusters(semanticVotes, 'hungarian-one-to-one').agreeing).toBe(
      wanted.true_hungarian.semantic_total_votes,
    );
  });

  const semanticScores = (
    table: Uint8Array,
    wrapBoundaryCounts = false,
  ): { percents: Record<string, number>; matrix: number[] } => {
    const confusion = new SemanticConfusion(
      u2segSemantic16.classes.map((one) => one.name),
      { boundary: true, voidPredictions: 'left-out', wrapBoundaryCounts },
    );
    for (const map of maps) confusion.update(remapLabels(map.prediction, table), map.gt, map.height, map.width);
    const report = confusion.compute();
    const percents: Record<string, number> = {
      mIoU: 100 * report.miou,
      fwIoU: 100 * report.frequencyWeightedIou,
      mACC: 100 * report.meanAccuracy,
      pACC: 100 * report.pixelAccuracy,
    };
    for (const one of report.perClass) {
      percents[`IoU-${one.name}`] = 100 * one.iou;
      percents[`ACC-${one.name}`] = 100 * one.accuracy;
      percents[`BoundaryIoU-${one.name}`] = 100 * one.boundaryIou;
      percents[`min(IoU, B-Iou)-${one.name}`] = 100 * one.minIou;
    }
    return { percents, matrix: [...confusion.matrix] };
  };
  const expectPercents = (actual: Readonly<Record<string, number>>, expected: Percents): void => {
    const keys = Object.keys(expected);
    expect(keys.map((key) => actual[key] ?? Number.NaN)).toBeAllClose(
      keys.map((key) => expected[key] ?? Number.NaN),
      { atol: 1e-9 },
    );
  };

  it('scores semantics: as the reference remaps, all at once, and one to one', () => {
    const majority = withThings(matchClusters(semanticVotes, 'majority-vote'));
    const voidLabel = u2segSemantic16.classes.length;
    const asIs = semanticScores(sequentialRemapTable(majority, voidLabel), true);
    expectPercents(asIs.percents, wanted.metrics_reference_as_is.sem_seg_percent);
    expect(asIs.matrix).toEqual(wanted.metrics_reference_as_is.sem_seg_conf_matrix_17x17.flat());
    const right = semanticScores(remapTable(majority, voidLabel));
    expectPercents(right.percents, wanted.metrics_majority_simultaneous_semantic_remap.sem_seg_percent);
    expect(right.matrix).toEqual(wanted.metrics_majority_simultaneous_semantic_remap.sem_seg_conf_matrix_17x17.flat());
    // the optimum may not be unique, so the reference's own assignment is what is scored
    const given = Int32Array.from({ length: numStuffClusters }, (_, k) =>
      k === 0 ? 0 : wanted.true_hungarian.semantic_mapping[k]!,
    );
    expectPercents(
      semanticScores(remapTable(given, voidLabel)).percents,
      wanted.metrics_true_hungarian.sem_seg_percent_simultaneous_remap,
    );
  });

  const hungarianInstances = (): Int32Array =>
    Int32Array.from({ length: K }, (_, k) => wanted.true_hungarian.instance_mapping_non_negative[k] ?? -1);

  it('scores instances after mapping', () => {
    const score = (
      classOfCluster: Int32Array,
    ): { all: Record<string, number>; perCategory: Record<string, number> } => {
      const instances = predictions.flatMap(({ image_id, instances: list }) =>
        list
          .filter((one) => classOfCluster[one.cluster]! >= 0)
          .map((one) => ({
            imageId: image_id,
            categoryId: coco80.classes[classOfCluster[one.cluster]!]!.id,
            bboxXywh: xywh(one.bbox_xyxy),
            score: one.score,
          })),
      );
      const { stats, perCategory } = evaluateCoco(gt, detectionsFrom(gt, instances));
      return {
        all: {
          AP: 100 * stats.ap,
          AP50: 100 * stats.ap50,
          AP75: 100 * stats.ap75,
          APs: 100 * stats.apSmall,
          APm: 100 * stats.apMedium,
          APl: 100 * stats.apLarge,
        },
        perCategory: Object.fromEntries(perCategory.map((one) => [`AP-${one.name}`, 100 * one.ap])),
      };
    };
    const majority = score(matchClusters(instanceVotes, 'majority-vote').classOfCluster);
    expectPercents(majority.all, wanted.metrics_reference_as_is.bbox_percent);
    expectPercents(majority.perCategory, wanted.metrics_reference_as_is.bbox_per_category_percent);
    expectPercents(score(hungarianInstances()).all, wanted.metrics_true_hungarian.bbox_percent);
  });

  it('gives the same through the evaluators that fit and score in one', () => {
    const instances = new ClusteredInstanceEvaluator({ categories: gt.categories, numClusters: K, dataset: 'golden' });
    for (const image of gt.images) {
      const rows = [...annotations.imageIndex.keys()].filter(
        (row) => gt.images[annotations.imageIndex[row]!] === image,
      );
      instances.update({
        image,
        gt: rows.map((row) => ({
          categoryId: gt.categories[annotations.categoryIndex[row]!]!.id,
          bboxXywh: [...annotations.bboxXywh.subarray(4 * row, 4 * row + 4)] as [number, number, number, number],
          area: annotations.area[row]!,
          crowd: annotations.crowd[row] === 1,
        })),
        detections: (predictions.find(({ image_id }) => image_id === image.id)?.instances ?? []).map((one) => ({
          clusterId: one.cluster,
          score: one.score,
          bboxXywh: xywh(one.bbox_xyxy),
        })),
      });
    }
    const { bbox } = instances.compute()[0]!;
    expectPercents(
      { AP: 100 * bbox.stats.ap, AP50: 100 * bbox.stats.ap50, AP75: 100 * bbox.stats.ap75 },
      Object.fromEntries(
        ['AP', 'AP50', 'AP75'].map((name) => [name, wanted.metrics_reference_as_is.bbox_percent[name]!]),
      ),
    );
    for (const [remap, expected] of [
      ['sequential', wanted.metrics_reference_as_is],
      ['simultaneous', wanted.metrics_majority_simultaneous_semantic_remap],
    ] as const) {
      const semantic = new ClusteredSemanticEvaluator({
        classNames: u2segSemantic16.classes.map(({ name }) => name),
        numClusters: numStuffClusters,
        dataset: 'golden',
        firstLabel: 1,
        voidPredictions: 'left-out',
        protocols: ['majority-vote'],
        remap,
      });
      maps.forEach((map, i) => semantic.update(`${i}`, map.prediction, map.gt));
      const { miou, pixelAccuracy, frequencyWeightedIou } = semantic.compute()[0]!.semantic;
      expectPercents(
        { mIoU: 100 * miou, pACC: 100 * pixelAccuracy, fwIoU: 100 * frequencyWeightedIou },
        Object.fromEntries(['mIoU', 'pACC', 'fwIoU'].map((name) => [name, expected.sem_seg_percent[name]!])),
      );
    }
  });

  it('scores panoptic maps after mapping', () => {
    const score = (things: Int32Array, stuff: Int32Array): Record<string, number> => {
      const quality = new PanopticQuality(panopticGt.categories, { mode: 'reference' });
      const truths = new Map(panopticGt.annotations.map((one) => [one.imageId, one]));
      for (const { image_id, panoptic_segments_info } of predictions) {
        const truth = truths.get(image_id)!;
        const { ids } = readPanopticIds(folder.file(`panoptic_pred/${image_id}.png`));
        const segments: PanopticSegment[] = [];
        for (const segment of panoptic_segments_info) {
          const own = segment.isthing ? things[segment.category_id]! : stuff[segment.category_id]!;
          if (own < 0) {
            for (let i = 0; i < ids.length; i += 1) if (ids[i] === segment.id) ids[i] = 0;
          } else {
            segments.push({
              id: segment.id,
              categoryId: segment.isthing ? coco80.classes[own]!.id : u2segStuffId(own, K),
            });
          }
        }
        quality.update(
          { ids: readPanopticIds(folder.file(`panoptic_gt/${truth.fileName}`)).ids, segments: truth.segments },
          { ids, segments },
        );
      }
      const { all, things: th, stuff: st } = quality.compute();
      return Object.fromEntries(
        [['', all] as const, ['_th', th] as const, ['_st', st] as const].flatMap(([suffix, one]) => [
          [`PQ${suffix}`, 100 * one.pq],
          [`SQ${suffix}`, 100 * one.sq],
          [`RQ${suffix}`, 100 * one.rq],
        ]),
      );
    };
    const things = matchClusters(instanceVotes, 'majority-vote').classOfCluster;
    const stuff = matchClusters(semanticVotes, 'majority-vote').classOfCluster;
    expectPercents(score(things, stuff), wanted.metrics_reference_as_is.panoptic_percent);
    const given = Int32Array.from(
      { length: numStuffClusters },
      (_, k) => wanted.true_hungarian.semantic_mapping[k] ?? -1,
    );
    expectPercents(score(hungarianInstances(), given), wanted.metrics_true_hungarian.panoptic_percent);
  });
});
