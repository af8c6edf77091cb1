/** Processes that train one network together, each on its part of every batch. */
export interface GradientReducer {
  /** This process, in [0, size). The first one writes the files. */
  readonly rank: number;
  readonly size: number;
  /**
   * Sums an array over all processes, in place. Every process must call it in the same order with arrays of one length;
   * the sum is the same, to the bit, on all of them.
   */
  allReduceSum(values: Float32Array | Float64Array): void;
  /** Leaves the group; nothing may be reduced afterwards. */
  close(): void;
}

/** A process on its own. */
export const singleProcess: GradientReducer = {
  rank: 0,
  size: 1,
  allReduceSum: () => {},
  close: () => {},
};
