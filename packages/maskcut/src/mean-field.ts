import type { CrfArena } from './crf-kernels.ts';
import type { PermutohedralLattice } from './permutohedral-lattice.ts';

/** A kernel of the CRF on its lattice. */
export interface BuiltKernel {
  readonly compat: number;
  readonly lattice: PermutohedralLattice;
  /** [N] float32 factors before and after the filter; the latter includes the blur's constant but not `compat`. */
  readonly before: number;
  readonly after: number;
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

/** As in `assembly/crf.ts`. */
const chunk = 1024;
const kernelWords = 16;

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
 *
 * @param ones - of each kernel, address of its response to ones, [N] float32; not used for labels
 */
export function meanField(
  arena: CrfArena,
  n: number,
  layout: RowLayout,
  settings: { readonly iterations: number; readonly labelled: boolean },
  addresses: { readonly unary: number; readonly q: number },
  built: readonly BuiltKernel[],
  ones: readonly number[],
): MeanFieldResult {
  const { iterations, labelled } = settings;
  const { lanes, groups, lastLanes } = layout;
  const padded = Math.ceil(n / 4) * 4;
  const rowBytes = lanes === 0 ? 4 : labelled ? groups * 64 : lanes * 16;
  // Only the log-odds are a result.
  const logits = labelled ? 0 : arena.allocate(padded * rowBytes);
  const scratch = arena.allocate(2 * chunk * rowBytes);
  const taken = arena.allocate((iterations + 1) * 4);
  arena.u8(taken, (iterations + 1) * 4).fill(0);
  const tasks = built
    .flatMap(({ lattice }, i) =>
      Array.from({ length: groups }, (_, g) => ({ i, g, cost: lattice.points * lanesOf(layout, g) })),
    )
    .sort((a, b) => b.cost - a.cost || a.i - b.i || a.g - b.g);
  const order = arena.plan(tasks.flatMap(({ i, g }) => [i, g]));
  const kernels = built.flatMap((kernel, i): number[] => {
    const scale = arena.allocate(padded * 4);
    // Of two labels only the second is filtered: compat * (f1 - f0) = compat * (2 f1 - ones).
    arena.kernels.scaled(n, labelled ? kernel.compat : 2 * kernel.compat, kernel.after, scale);
    return kernelPlan(arena, kernel, scale, layout, labelled ? undefined : (ones[i] ?? 0));
  });
  const sizes = [n, lanes, groups, lastLanes, iterations, labelled ? 1 : 0, built.length];
  const places = [addresses.unary, addresses.q, logits, scratch, taken, order, 0, 0, 0];
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
  const plan = [n, 0, 1, 0, 1, 0, 1, out, q, out, 0, 0, 0, 0, 0, 0];
  arena.dispatch('filter-plane', arena.plan([...plan, ...kernelPlan(arena, kernel, kernel.after, layoutOf(1), 0)]));
  arena.release(scratch);
}

/** Words of one kernel; allocates its values, and where there are responses to ones two more buffers for the splats. */
function kernelPlan(
  arena: CrfArena,
  { compat, lattice, before }: BuiltKernel,
  scale: number,
  layout: RowLayout,
  ones: number | undefined,
): number[] {
  const { d, points, rows, weights, axes } = lattice;
  const bytes = Math.ceil(rowsBytes(layout, points + 1) / 16) * 16;
  const buffers = [arena.allocate(bytes), 0, 0];
  // Labels splat right into their values.
  for (const i of [1, 2]) {
    if (ones === undefined) continue;
    buffers[i] = arena.allocate(bytes);
    arena.u8(buffers[i], bytes).fill(0);
  }
  const words = [d + 1, rows, weights, before, scale, points, axes, ...buffers, ones ?? 0, floatWord(compat)];
  return [...words, ...Array.from<number>({ length: kernelWords - words.length }).fill(0)];
}

function floatWord(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}
