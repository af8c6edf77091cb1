import type { CrfArena } from './crf-kernels.ts';
import { tile, type NeighbourPairs, type PermutohedralLattice } from './permutohedral-lattice.ts';

/** A kernel of the CRF on its lattice. */
export interface BuiltKernel {
  readonly compat: number;
  readonly lattice: PermutohedralLattice;
  /** [N] float32 factors before and after the filter; the latter includes the blur's constant but not `compat`. */
  readonly before: number;
  readonly after: number;
  /** For rows of four values only. */
  readonly neighbours?: NeighbourPairs;
}

/**
 * What is filtered: one problem of two labels (`width` 1) or four of them (`width` 4), or labels in groups of four, each
 * group [padded, 4], one after the other.
 */
export interface FieldLayout {
  readonly width: 1 | 4;
  readonly groups: number;
  readonly labelled: boolean;
}

/** Addresses of values in the layout of the field. */
export interface MeanFieldResult {
  readonly probabilities: number;
  readonly logits: number;
}

/** Of one group, as in `assembly/crf-labels.ts`: 512 pixels and what keeps groups from falling on the same cache lines. */
const blockBytes = 512 * 16 + 64;

/** Bytes of a field of N pixels, N rounded up to 4. */
export function fieldBytes({ width, groups }: FieldLayout, padded: number): number {
  return groups * padded * width * 4;
}

/**
 * Mean-field steps from `unary`, which they may change: energies times -1 for labels, else log-odds, each a problem of its
 * own.
 */
export function meanField(
  arena: CrfArena,
  n: number,
  layout: FieldLayout,
  iterations: number,
  addresses: { readonly unary: number; readonly q: number },
  built: readonly BuiltKernel[],
): MeanFieldResult {
  const { width, groups, labelled } = layout;
  const padded = Math.ceil(n / 4) * 4;
  // Only the log-odds are a result.
  const logits = labelled ? 0 : arena.allocate(fieldBytes(layout, padded));
  const scratch = arena.allocate(2 * (labelled ? groups * blockBytes : fieldBytes(layout, tile)));
  const taken = arena.allocate((iterations + 1) * 4);
  arena.u8(taken, (iterations + 1) * 4).fill(0);
  const tasks = built
    .flatMap(({ lattice }, i) => Array.from({ length: groups }, (_, g) => ({ i, g, cost: lattice.points })))
    .sort((a, b) => b.cost - a.cost || a.i - b.i || a.g - b.g);
  const order = arena.plan(tasks.flatMap(({ i, g }) => [i, g]));
  const kernels = built.flatMap((kernel): number[] => {
    const scale = arena.allocate(padded * 4);
    // Of two labels the difference of the probabilities is filtered: compat * (f1 - f0).
    arena.kernels.scaled(n, kernel.compat, kernel.after, scale);
    return kernelPlan(arena, kernel, scale, layout, padded);
  });
  const rooms = [...ownRoom(arena, width, built), ...(labelled ? workRoom(arena, built) : [0, 0])];
  const sizes = [n, width, groups, iterations, labelled ? 1 : 0, built.length];
  const places = [addresses.unary, addresses.q, logits, scratch, taken, order, ...rooms];
  arena.dispatch('mean-field', arena.plan([...sizes, ...places, ...kernels]));
  return {
    probabilities: addresses.q,
    logits: built.length === 0 || iterations === 0 ? addresses.unary : logits,
  };
}

/** out = the kernel's filter of the plane `q`, with its factors before and after. */
export function filterPlane(arena: CrfArena, n: number, kernel: BuiltKernel, q: number, out: number): void {
  const scratch = arena.mark();
  arena.u8(out, Math.ceil(n / 4) * 16).fill(0);
  const layout: FieldLayout = { width: 1, groups: 1, labelled: false };
  const plan = [n, 1, 1, 0, 0, 1, out, q, out, 0, 0, 0, ...ownRoom(arena, 1, [kernel]), 0, 0];
  arena.dispatch('filter-plane', arena.plan([...plan, ...kernelPlan(arena, kernel, kernel.after, layout, 0)]));
  arena.release(scratch);
}

/** Room for the rows of a tile's points, for each thread twice: address and bytes of a thread. The second is zero. */
function ownRoom(arena: CrfArena, width: 1 | 4, built: readonly BuiltKernel[]): readonly [number, number] {
  const rows = Math.max(0, ...built.map(({ lattice }) => lattice.largestTile));
  const bytes = 2 * 64 * Math.ceil((rows * width) / 16);
  const at = arena.allocate(2 * bytes);
  arena.u8(at, 2 * bytes).fill(0);
  return [at, bytes];
}

/** For each thread room where a group of labels is blurred: rows of the points and how far they move. */
function workRoom(arena: CrfArena, built: readonly BuiltKernel[]): readonly [number, number] {
  const rows = built.map(({ lattice: { d, points }, neighbours }) =>
    arena.i32(neighbours!.distances, d + 1).reduce((sum, distance) => sum + distance, points + 2),
  );
  const bytes = 64 * Math.ceil(Math.max(0, ...rows) / 4);
  return [arena.allocate(2 * bytes), bytes];
}

/** Words of one kernel; allocates what it gives for labels, for log-odds its values and buffers of the splats and the blur. */
function kernelPlan(
  arena: CrfArena,
  { lattice, before, neighbours }: BuiltKernel,
  scale: number,
  layout: FieldLayout,
  padded: number,
): number[] {
  const { width, labelled } = layout;
  const { d, points, locals, weights, tiles, map, flags, flagBytes, headers, middle } = lattice;
  const pixels = [d + 1, locals, weights, before, scale, points, map, tiles];
  const blur = [flags, flagBytes, headers, middle, neighbours?.pairs ?? 0, neighbours?.distances ?? 0];
  if (labelled) return [...pixels, ...blur, arena.allocate(fieldBytes(layout, padded)), 0, 0, 0, 0];
  // Rows are rounded up to 16, and lists are written in whole vectors.
  const bytes = 4 * flagBytes * width * 4 + 64;
  const zeros = (): number => {
    const at = arena.allocate(bytes);
    arena.u8(at, bytes).fill(0);
    return at;
  };
  const values = arena.allocate(bytes);
  const [first, second, other] = [zeros(), zeros(), arena.allocate(width === 1 ? 4 * bytes : bytes)];
  // The row that stands for missing neighbours.
  if (width === 4) for (const at of [values, other]) arena.f32(at + (points + 1) * 16, 4).fill(0);
  return [...pixels, ...blur, values, first, second, other, bytes];
}
