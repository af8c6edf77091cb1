/** What every process of the benchmark is told, as JSON on its command line. */
export interface Sizes {
  readonly n: number;
  readonly dim: number;
  readonly k: number;
  readonly iterations: number;
  readonly threads: number;
  /** Raw float32 files: [N, D] and [K, D]. */
  readonly points: string;
  readonly start: string;
  /** Where a run leaves its centroids. */
  readonly out: string;
}

/** One line of a process's output. */
export interface Answer {
  readonly ready?: string;
  readonly missing?: string;
  readonly seconds?: number;
  /** Of all threads together; means more than `seconds` where the machine is shared. */
  readonly processorSeconds?: number;
  readonly iterations?: number;
  /** Scores computed, in passes over all N K. */
  readonly passes?: number;
}
