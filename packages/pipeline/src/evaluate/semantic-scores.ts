/** Semantic maps of a run against the ground truth: clusters alone, before any instance lies over them. */
import { U2SegError } from '@u2seg/core';
import { ClusteredSemanticEvaluator, UnsupervisedSemantics } from '@u2seg/metrics';
import type { PhotoTruth } from './ground-truth.ts';
import type { SemanticClasses } from './scored-classes.ts';

/** Numbers in [0, 1]; how they came about. */
export interface SemanticScore {
  readonly classes: string;
  readonly numClasses: number;
  readonly matching: SemanticClasses['matching'] | 'linear-probe';
  readonly miou: number;
  readonly pixelAccuracy: number;
  readonly photos: number;
  /** Data the mapping or the probe was fitted on. */
  readonly fittedOn: string;
}

/** Label of pixels that belong to no class. */
const ignoreLabel = 255;

/** [H, W] class of each pixel, 255 for none. */
export function classMap({ map, fileCategories }: PhotoTruth, { classOf }: SemanticClasses): Uint8Array {
  const classes = new Map<number, number>();
  for (const [segment, category] of fileCategories) {
    const index = classOf(category);
    classes.set(segment, index < 0 ? ignoreLabel : index);
  }
  return Uint8Array.from(map.ids, (id) => classes.get(id) ?? ignoreLabel);
}

/** Scores cluster maps in several class lists at once. */
export class SemanticScorer {
  readonly #lists: readonly {
    readonly list: SemanticClasses;
    readonly evaluator: UnsupervisedSemantics | ClusteredSemanticEvaluator;
  }[];
  readonly #clusters: number;
  #photos = 0;

  /** @param clusters - of the maps, [0, K); at most 254, because maps are bytes */
  constructor(lists: readonly SemanticClasses[], clusters: number, dataset: string) {
    this.#clusters = clusters;
    this.#lists = lists.map((list) => {
      const { classNames, matching } = list;
      if (classNames.length >= ignoreLabel) {
        throw new U2SegError(
          'unsupported',
          `${dataset}: ${classNames.length} classes; semantic maps can tell 254 apart.`,
        );
      }
      const evaluator =
        matching === 'majority-vote'
          ? // one more cluster, for pixels without any
            new ClusteredSemanticEvaluator({ classNames, numClusters: clusters + 1, dataset, protocols: [matching] })
          : new UnsupervisedSemantics({
              numClasses: classNames.length,
              extraClusters: Math.max(0, clusters - classNames.length),
            });
      return { list, evaluator };
    });
  }

  /** @param clusters - [H, W], -1 where there is none: such pixels count against their class in the vote, and are left out one to one, as STEGO’s evaluation does */
  update(name: string, clusters: Int32Array, truth: PhotoTruth): void {
    for (const { list, evaluator } of this.#lists) {
      const labels = classMap(truth, list);
      if (evaluator instanceof UnsupervisedSemantics) evaluator.update(clusters, labels);
      else {
        const bytes = Uint8Array.from(clusters, (cluster) => (cluster < 0 ? this.#clusters : cluster));
        evaluator.update(name, bytes, labels);
      }
    }
    this.#photos += 1;
  }

  compute(): SemanticScore[] {
    return this.#lists.map(({ list: { name, classNames, matching }, evaluator }) => {
      const { miou, pixelAccuracy } =
        evaluator instanceof UnsupervisedSemantics ? oneToOne(evaluator) : byVote(evaluator, this.#clusters);
      return {
        classes: name,
        numClasses: classNames.length,
        matching,
        miou,
        pixelAccuracy,
        photos: this.#photos,
        fittedOn: 'the photos scored',
      };
    });
  }
}

function oneToOne(evaluator: UnsupervisedSemantics): { readonly miou: number; readonly pixelAccuracy: number } {
  const { miou, accuracy } = evaluator.compute();
  return { miou, pixelAccuracy: accuracy };
}

/** Pixels without a cluster are no cluster that could be named. */
function byVote(
  evaluator: ClusteredSemanticEvaluator,
  nothing: number,
): { readonly miou: number; readonly pixelAccuracy: number } {
  const mappings = evaluator.fit().map((mapping) => {
    const classOfCluster = [...mapping.classOfCluster];
    classOfCluster[nothing] = -1;
    return { ...mapping, classOfCluster };
  });
  return evaluator.compute(mappings)[0]!.semantic;
}
