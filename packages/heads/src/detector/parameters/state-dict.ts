import * as tf from '@tensorflow/tfjs-core';
import { U2SegError } from '@u2seg/core';
import { assertFloats, toFloat32, toInt32, type DenseTensor } from '@u2seg/interchange';
import type { ParameterSpec } from './layer-specs.ts';
import { toDisk, toRuntime } from './parameter-layout.ts';
import type { ParameterStore } from './parameter-store.ts';

/** A network as far as its tensors go. */
export interface WithStore {
  readonly store: ParameterStore;
}

/** A tensor of a checkpoint, in torch's layout. The dtype says what its data mean: halves are stored as raw bits. */
export type CheckpointTensor = DenseTensor;

/** What became of a checkpoint's tensors. */
export interface StateDictReport {
  /** Parameters that were set, by name. */
  readonly loaded: readonly string[];
  /** Parameters of the network the checkpoint has no tensor for. */
  readonly missing: readonly UnmatchedName[];
  /** Tensors of the checkpoint the network has no place for. */
  readonly unexpected: readonly UnmatchedName[];
  /** Same name, other shape; not loaded. */
  readonly mismatched: readonly ShapeMismatch[];
}

export interface UnmatchedName {
  readonly name: string;
  /** The most similar name on the other side that is free too; undefined if there is none. */
  readonly nearest: string | undefined;
}

export interface ShapeMismatch {
  readonly name: string;
  readonly wanted: readonly number[];
  readonly got: readonly number[];
}

export interface LoadStateDictOptions {
  /**
   * What to do with names or shapes that do not match: `error` throws and lists them, `report` loads what matches and
   * returns the list.
   */
  readonly onMismatch?: 'error' | 'report';
  /** What to call the file in an error. */
  readonly source?: string;
}

/**
 * Sets a network's parameters and buffers from tensors under detectron2's names.
 *
 * @throws U2SegError `bad-format` if something does not match and `onMismatch` is `error` (the default);
 * `unsupported` for a tensor whose dtype is no real number's, where the network wants one. Nothing is loaded then
 */
export function loadStateDict(
  model: WithStore,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  options: LoadStateDictOptions = {},
): StateDictReport {
  const { specs } = model.store;
  const missingNames = [...specs.keys()].filter((name) => !tensors.has(name));
  const unexpectedNames = [...tensors.keys()].filter((name) => !specs.has(name));
  const mismatched: ShapeMismatch[] = [];
  const matching: ParameterSpec[] = [];
  for (const spec of specs.values()) {
    const tensor = tensors.get(spec.name);
    if (tensor === undefined) continue;
    if (spec.shape.join() === tensor.shape.join()) matching.push(spec);
    else mismatched.push({ name: spec.name, wanted: spec.shape, got: tensor.shape });
  }
  const report: StateDictReport = {
    loaded: matching.map(({ name }) => name),
    missing: missingNames.map((name) => ({ name, nearest: nearestName(name, unexpectedNames) })),
    unexpected: unexpectedNames.map((name) => ({ name, nearest: nearestName(name, missingNames) })),
    mismatched,
  };
  if (options.onMismatch !== 'report' && matching.length < Math.max(specs.size, tensors.size)) {
    throw new U2SegError('bad-format', `loadStateDict: ${describeReport(report)}`);
  }
  const where = options.source === undefined ? 'loadStateDict' : `loadStateDict: ${options.source}`;
  for (const { name, dtype } of matching) {
    if (dtype === 'float32') assertFloats(`${where}: ${name}`, tensors.get(name)!);
  }
  for (const spec of matching) assignTensor(`${where}: ${spec.name}`, model, spec, tensors.get(spec.name)!);
  return report;
}

function assignTensor(where: string, model: WithStore, spec: ParameterSpec, tensor: CheckpointTensor): void {
  let value: tf.Tensor;
  if (spec.dtype === 'int64') value = tf.tensor(toInt32(tensor, where), [...spec.shape], 'int32');
  else {
    const { data, shape } = toRuntime(toFloat32(tensor, where), spec.shape, spec.layout);
    value = tf.tensor(data, [...shape]);
  }
  model.store.get(spec.name).assign(value);
  value.dispose();
}

/** A parameter as it is written to a checkpoint. */
export interface StateDictEntry {
  readonly dtype: 'float32' | 'int64';
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** Parameters and buffers of a network in torch's layout, under detectron2's names and in its order. */
export function stateDict(model: WithStore): Map<string, StateDictEntry> {
  const entries = new Map<string, StateDictEntry>();
  for (const spec of model.store.specs.values()) {
    const values = model.store.get(spec.name).dataSync();
    if (spec.dtype === 'int64') {
      entries.set(spec.name, { dtype: 'int64', shape: [], data: BigInt64Array.from([BigInt(values[0]!)]) });
    } else {
      const { data } = toDisk(values as Float32Array, spec.shape, spec.layout);
      entries.set(spec.name, { dtype: 'float32', shape: spec.shape, data });
    }
  }
  return entries;
}

/** A report as text: counts, then one line a name with its nearest candidate. */
export function describeReport(report: StateDictReport): string {
  const lines = [
    `${report.loaded.length} tensors match, ${report.missing.length} are missing, ${report.unexpected.length} are unexpected, ${report.mismatched.length} have another shape.`,
  ];
  const line = (kind: string, { name, nearest }: UnmatchedName): string =>
    `  ${kind} ${name}${nearest === undefined ? '' : ` (nearest: ${nearest})`}`;
  lines.push(...report.missing.map((entry) => line('missing', entry)));
  lines.push(...report.unexpected.map((entry) => line('unexpected', entry)));
  lines.push(
    ...report.mismatched.map(
      ({ name, wanted, got }) => `  shape of ${name}: wanted [${wanted.join(', ')}], got [${got.join(', ')}]`,
    ),
  );
  return lines.join('\n');
}

/** The candidate with the most dot-separated parts in common at the end, then the smallest edit distance. */
function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestSuffix = -1;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const suffix = commonSuffix(name.split('.'), candidate.split('.'));
    // names that differ in length by that much cannot be nearer
    const hopeless = suffix === bestSuffix && Math.abs(candidate.length - name.length) >= bestDistance;
    if (suffix < bestSuffix || hopeless) continue;
    const distance = editDistance(name, candidate);
    if (suffix > bestSuffix || distance < bestDistance) {
      best = candidate;
      bestSuffix = suffix;
      bestDistance = distance;
    }
  }
  return best;
}

function commonSuffix(a: readonly string[], b: readonly string[]): number {
  let count = 0;
  while (count < a.length && count < b.length && a.at(-1 - count) === b.at(-1 - count)) count += 1;
  return count;
}

function editDistance(a: string, b: string): number {
  const row = Uint16Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j += 1) {
      const change = diagonal + Number(a[i - 1] !== b[j - 1]);
      diagonal = row[j]!;
      row[j] = Math.min(change, diagonal + 1, row[j - 1]! + 1);
    }
  }
  return row[b.length]!;
}
