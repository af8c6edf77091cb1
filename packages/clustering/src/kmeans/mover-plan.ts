/** What is computed in one iteration. */
export interface IterationPlan {
  /** Centroids that moved most, ascending ids; compared with `compared` in a product of their own. */
  readonly movers: Int32Array;
  /** The farthest any other centroid moved. */
  readonly restDrift: number;
  /** Points compared with the movers alone, ascending. */
  readonly compared: Int32Array;
  /** Points compared with all centroids, ascending. */
  readonly full: Int32Array;
}

/** Shares of the centroids that may be set apart. */
const moverRatios = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4];
/** What picking a point and reading its answer costs, as a share of comparing it with all centroids. */
const rowCostRatio = 1 / 16;

/**
 * Chooses how many centroids to set apart, so that the fewest scores are computed.
 *
 * @param open - points whose bounds met, ascending
 * @param gaps - [open] lower minus upper bound before the centroids moved; NaN where there is none
 * @param drifts - [K] how far each centroid moved; NaN for one that cannot win
 */
export function planIteration(open: Int32Array, gaps: Float64Array, drifts: Float64Array): IterationPlan {
  const k = drifts.length;
  const order = Array.from(drifts.keys())
    .filter((c) => drifts[c]! > 0)
    .sort((a, b) => drifts[b]! - drifts[a]! || a - b);
  let movers = 0;
  let restDrift = Infinity;
  let lowest = open.length * k;
  const counts = moverRatios.map((ratio) => Math.round(ratio * k)).filter((count) => count > 0 && count < k);
  for (const count of new Set([...counts.filter((c) => c < order.length), order.length])) {
    const rest = count < order.length ? drifts[order[count]!]! : 0;
    let unsettled = 0;
    for (const gap of gaps) if (!(gap > rest)) unsettled += 1;
    const cost = open.length * (count + rowCostRatio * k) + unsettled * (1 + rowCostRatio) * k;
    if (cost < lowest) [movers, restDrift, lowest] = [count, rest, cost];
  }
  if (lowest === open.length * k) {
    return { movers: new Int32Array(0), restDrift, compared: new Int32Array(0), full: open };
  }
  return {
    movers: Int32Array.from(order.slice(0, movers)).sort(),
    restDrift,
    compared: open.filter((_, i) => gaps[i]! > restDrift),
    full: open.filter((_, i) => !(gaps[i]! > restDrift)),
  };
}
