import { rleFromString, rleToString, type Segment } from '@u2seg/core';
import { decodeImage } from '@u2seg/datasets';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { copyPaste, type CopyPasteRandom, type TrainingExample } from '@u2seg/self-train';

interface Instances {
  readonly image_size_of_instances: [number, number];
  readonly classes: number[];
  readonly boxes_xyxy: [number, number, number, number][];
  readonly masks: { readonly size: [number, number]; readonly counts: string }[];
}

interface Case {
  readonly COPY_PASTE_RATE: number;
  readonly COPY_PASTE_RANDOM_NUM: boolean;
  readonly COPY_PASTE_MIN_RATIO: number;
  readonly COPY_PASTE_MAX_RATIO: number;
  readonly random_calls_in_order: (readonly [string, ...unknown[]])[];
  readonly inputs: Instances[];
  readonly outputs: Instances[];
}

/** Answers each draw with the recorded one, and fails when another was asked for. */
function recorded(calls: Case['random_calls_in_order']): CopyPasteRandom & { left: () => number } {
  let at = 0;
  const next = <T>(name: string, ...args: unknown[]): T => {
    const call = calls[at]!;
    at += 1;
    expect(call.slice(0, -1)).toEqual([name, ...args]);
    return call.at(-1) as T;
  };
  return {
    gate: () => next('random.random'),
    count: (n) => next('np.random.randint', 1, n),
    choose: (n, count) => next('np.random.choice', n, count),
    ratio: (min, max) => next('random.uniform', min, max),
    shift: (max) => next('random.randint', 0, max),
    left: () => calls.length - at,
  };
}

const folder = golden('droploss-copypaste');

describe.skipIf(folder === undefined)('golden copy-paste', () => {
  if (folder === undefined) return;
  const cases = folder.json<Record<string, Case>>('copypaste.json');
  it.each(Object.keys(cases))('%s', async (name) => {
    const wanted = cases[name]!;
    const batch: TrainingExample[] = await Promise.all(
      wanted.inputs.map(async (input, i) => ({
        image: await decodeImage(folder.file(`cp_${name}_in${i}.png`)),
        instances: input.masks.map((mask, k): Segment => {
          const rle = rleFromString(...mask.size, mask.counts);
          const [x0, y0, x1, y1] = input.boxes_xyxy[k]!;
          return { mask: rle, bboxXywh: [x0, y0, x1 - x0, y1 - y0], area: 0, score: 1, clusterId: input.classes[k]! };
        }),
      })),
    );
    const random = recorded(wanted.random_calls_in_order);
    const result = copyPaste(batch, random, {
      rate: wanted.COPY_PASTE_RATE,
      randomCount: wanted.COPY_PASTE_RANDOM_NUM,
      minRatio: wanted.COPY_PASTE_MIN_RATIO,
      maxRatio: wanted.COPY_PASTE_MAX_RATIO,
      mode: 'reference',
    });
    expect(random.left()).toBe(0);
    for (const [i, output] of wanted.outputs.entries()) {
      const got = result[i]!;
      expect(got.instances.map((segment) => segment.clusterId)).toEqual(output.classes);
      expect(got.instances.map((segment) => rleToString(segment.mask))).toEqual(
        output.masks.map((mask) => rleToString(rleFromString(...mask.size, mask.counts))),
      );
      expect(got.instances.flatMap(({ bboxXywh: [x, y, w, h] }) => [x, y, x + w, y + h])).toBeAllClose(
        output.boxes_xyxy.flat(),
        { atol: 1e-5, rtol: 1e-6 },
      );
      const image = await decodeImage(folder.file(`cp_${name}_out${i}.png`));
      // +-1 level where the bilinear value lies within 1e-4 of an integer; nothing else may differ.
      expect(got.image.data).toBeAllClose(image.data, { atol: 1 });
      const off = got.image.data.reduce((sum, value, p) => sum + (value === image.data[p] ? 0 : 1), 0);
      expect(off).toBeLessThanOrEqual(got.image.data.length * 1e-3);
    }
  });
});
