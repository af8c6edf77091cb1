import { U2SegError } from '@u2seg/core';
import { arrayAt, badRecord, finiteAt, integerAt, objectAt, parseJson } from '@u2seg/core/internal';
import type { ClusterMatch, MatchingProtocol } from './cluster-matching.ts';

/** What a mapping was fitted on. Scoring the same data with it is what the papers do, and the report then says so. */
export interface FittedOn {
  /** For example `coco/val2017`. */
  readonly dataset: string;
  readonly images: number;
  /** SHA-256 of the ground truth, lower-case hex; see `DataHash`. */
  readonly sha256: string;
}

/** A fitted cluster-to-class mapping, as it is written to `mapping.json`. */
export interface ClusterMapping {
  readonly format: 'u2seg-cluster-mapping';
  readonly version: 1;
  readonly protocol: MatchingProtocol;
  /** `pixels`, `instances` (box votes) or `regions` (votes of semantic regions). */
  readonly evidence: 'pixels' | 'instances' | 'regions';
  /** Every number the votes depended on, for example `{ minScore: 0.6, minIou: 0.7 }`. */
  readonly thresholds: Readonly<Record<string, number>>;
  readonly classNames: readonly string[];
  /** [K] class in [0, C), or -1 for void. */
  readonly classOfCluster: readonly number[];
  readonly votes: number;
  readonly agreeing: number;
  readonly fittedOn: FittedOn;
}

/** Puts a match together with where it came from. */
export function describeMapping(
  match: ClusterMatch,
  about: Pick<ClusterMapping, 'protocol' | 'evidence' | 'thresholds' | 'classNames' | 'fittedOn'>,
): ClusterMapping {
  return {
    format: 'u2seg-cluster-mapping',
    version: 1,
    ...about,
    classOfCluster: [...match.classOfCluster],
    votes: match.votes,
    agreeing: match.agreeing,
  };
}

/** `mapping.json`, two spaces deep. */
export function writeClusterMapping(mapping: ClusterMapping): string {
  return `${JSON.stringify(mapping, null, 2)}\n`;
}

/**
 * Reads a `mapping.json`.
 *
 * @throws U2SegError `bad-format` naming file and field; `unsupported` for another version
 */
export function readClusterMapping(file: string, source: string | Uint8Array): ClusterMapping {
  const root = objectAt(`${file}: the file`, parseJson(file, source));
  if (root['format'] !== 'u2seg-cluster-mapping') {
    throw badRecord(`${file}: the file`, 'format', '"u2seg-cluster-mapping"', root['format']);
  }
  if (root['version'] !== 1) {
    throw new U2SegError('unsupported', `${file}: version must be 1, got ${String(root['version'])}.`);
  }
  const protocols: readonly unknown[] = ['majority-vote', 'hungarian-one-to-one', 'hungarian-many-to-one'];
  if (!protocols.includes(root['protocol'])) {
    throw badRecord(`${file}: the file`, 'protocol', `one of ${protocols.join(', ')}`, root['protocol']);
  }
  const names = arrayAt(file, root, 'classNames');
  names.forEach((name, i) => {
    if (typeof name !== 'string') throw badRecord(`${file}: the file`, `classNames[${i}]`, 'a string', name);
  });
  arrayAt(file, root, 'classOfCluster').forEach((value, k) => {
    if (!Number.isInteger(value) || (value as number) < -1 || (value as number) >= names.length) {
      throw badRecord(`${file}: the file`, `classOfCluster[${k}]`, `a class in [0, ${names.length}) or -1`, value);
    }
  });
  const fitted = objectAt(`${file}: fittedOn`, root['fittedOn']);
  integerAt(`${file}: fittedOn`, fitted, 'images');
  for (const field of ['dataset', 'sha256']) {
    if (typeof fitted[field] !== 'string') throw badRecord(`${file}: fittedOn`, field, 'a string', fitted[field]);
  }
  const thresholds = objectAt(`${file}: thresholds`, root['thresholds']);
  for (const name of Object.keys(thresholds)) finiteAt(`${file}: thresholds`, thresholds, name);
  const evidences: readonly unknown[] = ['pixels', 'instances', 'regions'];
  if (!evidences.includes(root['evidence'])) {
    throw badRecord(`${file}: the file`, 'evidence', `one of ${evidences.join(', ')}`, root['evidence']);
  }
  for (const field of ['votes', 'agreeing']) finiteAt(`${file}: the file`, root, field, 0);
  return root as unknown as ClusterMapping;
}
