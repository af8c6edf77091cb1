import type { BinaryMask } from '@u2seg/core';
import { descendingOrder } from '../../boxes/nms.ts';
import type { PanopticConfig } from '../config/config.ts';

/** One segment of a panoptic map. */
export interface PanopticSegment {
  /** Value in the map, from 1. */
  readonly id: number;
  readonly isThing: boolean;
  /** Thing cluster in [0, K), or stuff class in [1, classes). */
  readonly category: number;
  /** Pixels in the map. */
  readonly area: number;
  /** Score and row of the instance it came from; only things have one. */
  readonly score?: number;
  readonly instance?: number;
}

export interface PanopticMap {
  /** [H, W] segment ids; 0 is void. */
  readonly ids: Int32Array;
  readonly segments: readonly PanopticSegment[];
}

/** Scored masks and a semantic map of the same image. */
export interface PanopticParts {
  readonly masks: readonly BinaryMask[];
  readonly scores: Float32Array;
  readonly classes: Int32Array;
  /** [H, W] stuff classes; 0 stands for all things. */
  readonly semantic: ArrayLike<number>;
}

/**
 * Combines instances and semantics (the heuristic of Panoptic FPN): instances by descending score, skipped when too
 * much of them is taken, then stuff classes ascending on what is left.
 */
export function combinePanoptic(parts: PanopticParts, config: PanopticConfig): PanopticMap {
  const { masks, scores, classes, semantic } = parts;
  const ids = new Int32Array(semantic.length);
  const segments: PanopticSegment[] = [];
  for (const instance of descendingOrder(scores)) {
    const score = scores[instance]!;
    if (score < config.minInstanceScore) break;
    const { data } = masks[instance]!;
    let total = 0;
    let taken = 0;
    eachRun(data, (from, to) => {
      total += to - from;
      for (let i = from; i < to; i += 1) if (ids[i]! > 0) taken += 1;
    });
    if (total === 0 || taken / total > config.overlapThreshold) continue;
    const id = segments.length + 1;
    eachRun(data, (from, to) => {
      for (let i = from; i < to; i += 1) if (ids[i] === 0) ids[i] = id;
    });
    segments.push({ id, isThing: true, category: classes[instance]!, area: total - taken, score, instance });
  }

  const stuffAreas = new Map<number, number>();
  for (let i = 0; i < ids.length; i += 1) {
    const label = semantic[i]!;
    if (label !== 0 && ids[i] === 0) stuffAreas.set(label, (stuffAreas.get(label) ?? 0) + 1);
  }
  for (const label of [...stuffAreas.keys()].sort((a, b) => a - b)) {
    const area = stuffAreas.get(label)!;
    if (area < config.minStuffArea) continue;
    const id = segments.length + 1;
    for (let i = 0; i < ids.length; i += 1) if (semantic[i] === label && ids[i] === 0) ids[i] = id;
    segments.push({ id, isThing: false, category: label, area });
  }
  return { ids, segments };
}

/** Bounds of every run of ones; masks are mostly zeros, which `indexOf` passes over faster than a loop. */
function eachRun(data: Uint8Array, visit: (from: number, to: number) => void): void {
  let from = data.indexOf(1);
  while (from >= 0) {
    const zero = data.indexOf(0, from);
    const to = zero < 0 ? data.length : zero;
    visit(from, to);
    from = data.indexOf(1, to);
  }
}
