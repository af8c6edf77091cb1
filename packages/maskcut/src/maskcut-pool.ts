import { assertInteger, WorkerPool, type BboxXywh, type PatchFeatures, type RgbImage } from '@u2seg/core';
import type { CrfKernel } from './crf/crf-settings.ts';
import { defaultProposalScore, type ProposalDetails, type ProposalScorer } from './proposal-score.ts';
import type { ProposeMasksOptions, ScoredProposal } from './propose-masks.ts';

/** What crosses to a worker: every option but the functions. */
export type PooledOptions = Omit<ProposeMasksOptions, 'scorer' | 'matmul' | 'graph'> & {
  readonly crfKernels?: readonly CrfKernel[];
};

export interface MaskCutPoolOptions {
  /** Number of worker threads, at least 1. */
  readonly size: number;
  /** Photos handed over and not finished, at which `propose` makes its caller wait. */
  readonly maxPending?: number;
  readonly propose?: PooledOptions;
  /** Runs on the caller's thread, on the evidence the worker sends back. */
  readonly scorer?: ProposalScorer;
}

/** Job of `maskcut-worker.ts`. */
export interface MaskCutJob {
  readonly image: RgbImage;
  readonly features: PatchFeatures;
  readonly options: PooledOptions;
}

/** Answer of `maskcut-worker.ts`: proposals whose score is the worker's own. */
export interface MaskCutAnswer {
  readonly proposals: readonly {
    readonly counts: Uint32Array;
    readonly bboxXywh: BboxXywh;
    readonly area: number;
    readonly details: ProposalDetails;
  }[];
}

/**
 * Worker threads that turn photos and their features into proposals, so that cut and CRF run beside the backbone.
 *
 * At most `maxPending` photos (twice the threads by default) are held at a time: `propose` waits for a place before it
 * takes another, and so bounds memory however fast it is fed. Results are those of `proposeMasks`, in any order of
 * completion, each by its promise.
 */
export class MaskCutPool {
  readonly #pool: WorkerPool<MaskCutJob, MaskCutAnswer>;
  readonly #maxPending: number;
  readonly #options: PooledOptions;
  readonly #scorer: ProposalScorer;
  readonly #waiting: (() => void)[] = [];
  #pending = 0;

  constructor(options: MaskCutPoolOptions) {
    assertInteger('MaskCutPool: size', options.size, 1);
    this.#maxPending = options.maxPending ?? 2 * options.size;
    assertInteger('MaskCutPool: maxPending', this.#maxPending, 1);
    this.#options = options.propose ?? {};
    this.#scorer = options.scorer ?? defaultProposalScore;
    this.#pool = new WorkerPool(new URL('./maskcut-worker.ts', import.meta.url), { size: options.size });
  }

  /** Photos handed over and not finished. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * {@link proposeMasks} on a worker. The pixels and features are copied, not moved.
   *
   * @throws (rejects) what `proposeMasks` throws, or U2SegError `unavailable` if the worker died
   */
  async propose(image: RgbImage, features: PatchFeatures): Promise<ScoredProposal[]> {
    while (this.#pending >= this.#maxPending) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#pending += 1;
    try {
      const answer = await this.#pool.run({ image, features, options: this.#options });
      return answer.proposals.map(({ counts, bboxXywh, area, details }) => ({
        mask: { height: image.height, width: image.width, counts },
        bboxXywh,
        area,
        score: Math.min(1, Math.max(0, this.#scorer(details))),
        details,
      }));
    } finally {
      this.#pending -= 1;
      this.#waiting.shift()?.();
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
