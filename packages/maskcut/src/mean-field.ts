import type { CrfArena } from './crf-kernels.ts';
import { tile, type PermutohedralLattice } from './permutohedral-lattice.ts';

/** A kernel of the CRF on its lattice. */
export interface BuiltKernel {
  readonly compat: number;
  readonly lattice: PermutohedralLattice;
  /** [N] float32 factors before and after the filter; the latter includes the blur's constant but not `compat`. */
  readonly before: number;
  readonly after: number;
  /** Rows of the neighbours, see `pairsOf`: for rows of several values only. */
  readonly pairs?: number;
}

/** Rows of values of a pixel: a single one (0 lanes), or 4 * lanes in groups of 16, the last of which may be shorter. */
export interface RowLayout {
  readonly lanes: number;
  readonly groups: number;
  readonly lastLanes: number;
}

/** Values of all pixels, where `groupBytes` is the distance of two groups. */
export interface MeanFieldResult {
  readonly probabilities: number;
  readonly logits: number;
}

export function layoutOf(labels: number): RowLayout {
  if (labels === 1) return { lanes: 0, groups: 1, lastLanes: 0 };
  const lanes = Math.ceil(labels / 4);
  const groups = Math.ceil(lanes / 4);
  return { lanes, groups, lastLanes: lanes - 4 * (groups - 1) };
}

/** Lanes of a group. */
export function lanesOf(layout: RowLayout, group: number): number {
  return group === layout.groups - 1 ? layout.lastLanes : 4;
}

/** Bytes of [padded] rows in this layout; groups of 16 values are padded * 64 bytes apart. */
export function rowsBytes(layout: RowLayout, padded: number): number {
  return layout.lanes === 0 ? padded * 4 : ((layout.groups - 1) * 4 + layout.lastLanes) * padded * 16;
}

/**
 * Mean-field steps from `unary`, which they may change: energies times -1 for `labelled` rows, else log-odds, each a
 * problem of its own.
 */
export function meanField(
  arena: CrfArena,
  n: number,
  layout: RowLayout,
  settings: { readonly iterations: number; readonly labelled: boolean },
  addresses: { readonly unary: number; readonly q: number },
  built: readonly BuiltKernel[],
): MeanFieldResult {
  const { iterations, labelled } = settings;
  const { lanes, groups, lastLanes } = layout;
  const padded = Math.ceil(n / 4) * 4;
  const rowBytes = lanes === 0 ? 4 : labelled ? groups * 64 : lanes * 16;
  // Only the log-odds are a result.
  const logits = labelled ? 0 : arena.allocate(padded * rowBytes);
  const scratch = arena.allocate(2 * tile * rowBytes);
  const taken = arena.allocate((iterations + 1) * 4);
  arena.u8(taken, (iterations + 1) * 4).fill(0);
  const tasks = built
    .flatMap(({ lattice }, i) =>
      Array.from({ length: groups }, (_, g) => ({ i, g, cost: lattice.points * lanesOf(layout, g) })),
    )
    .sort((a, b) => b.cost - a.cost || a.i - b.i || a.g - b.g);
  const order = arena.plan(tasks.flatMap(({ i, g }) => [i, g]));
  const kernels = built.flatMap((kernel): number[] => {
    const scale = arena.allocate(padded * 4);
    // Of two labels the difference of the probabilities is filtered: compat * (f1 - f0).
    arena.kernels.scaled(n, kernel.compat, kernel.after, scale);
    return kernelPlan(arena, kernel, scale, layout, labelled);
  });
  const own = labelled ? ownOfLabels(arena, layout, built) : ownOfOdds(arena, built);
  const sizes = [n, lanes, groups, lastLanes, iterations, labelled ? 1 : 0, built.length];
  const places = [addresses.unary, addresses.q, logits, scratch, taken, order, ...own, 0];
  arena.dispatch('mean-field', arena.plan([...sizes, ...places, ...kernels]));
  return {
    probabilities: addresses.q,
    logits: built.length === 0 || iterations === 0 ? addresses.unary : logits,
  };
}

/** out = the kernel's filter of the plane `q`, with its factors before and after. */
export function filterPlane(arena: CrfArena, n: number, kernel: BuiltKernel, q: number, out: number): void {
  const scratch = arena.mark();
  arena.f32(out, n).fill(0);
  const own = ownOfOdds(arena, [kernel]);
  const plan = [n, 0, 1, 0, 1, 0, 1, out, q, out, 0, 0, 0, ...own, 0];
  arena.dispatch('filter-plane', arena.plan([...plan, ...kernelPlan(arena, kernel, kernel.after, layoutOf(1), false)]));
  arena.release(scratch);
}

/** Room for one value of a tile's points, for each thread twice: address and bytes of a thread. The second is zero. */
function ownOfOdds(arena: CrfArena, built: readonly BuiltKernel[]): readonly [number, number] {
  const rows = Math.max(0, ...built.map(({ lattice }) => lattice.largestTile));
  const bytes = 2 * 64 * Math.ceil((rows * 4) / 64);
  const at = arena.allocate(2 * bytes);
  arena.u8(at, 2 * bytes).fill(0);
  return [at, bytes];
}

/** Room for the values of the largest lattice, for each thread. */
function ownOfLabels(arena: CrfArena, layout: RowLayout, built: readonly BuiltKernel[]): readonly [number, number] {
  const points = Math.max(0, ...built.map(({ lattice }) => lattice.points));
  const bytes = (points + 1) * 16 * lanesOf(layout, 0);
  return [arena.allocate(2 * bytes), bytes];
}

/** Words of one kernel; allocates its values, and for log-odds the buffers of the splats and the blur. */
function kernelPlan(
  arena: CrfArena,
  { lattice, before, pairs = 0 }: BuiltKernel,
  scale: number,
  layout: RowLayout,
  labelled: boolean,
): number[] {
  const { d, points, locals, weights, tiles, map, flags, flagBytes, headers, middle } = lattice;
  // Rows are rounded up to 16, and a list is written in whole vectors.
  const bytes = rowsBytes(layout, 4 * flagBytes) + 64;
  const [values, first, second] = Array.from({ length: labelled ? 1 : 3 }, () => arena.allocate(bytes));
  for (const sums of labelled ? [] : [first!, second!]) arena.u8(sums, bytes).fill(0);
  const other = labelled ? 0 : arena.allocate(layout.lanes === 0 ? 4 * bytes : bytes);
  const pixels = [d + 1, locals, weights, before, scale, points, map, tiles];
  const blur = [flags, flagBytes, headers, middle, pairs];
  return [...pixels, ...blur, values!, first ?? 0, second ?? 0, other, bytes];
}
