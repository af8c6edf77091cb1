import { expect, it } from 'vitest';
import { pipelinePresets } from '../../src/config/presets.ts';
import { openRegionSource } from '../../src/predict/region-source.ts';

const { tiny } = pipelinePresets;
const withRegions = (regions: number): typeof tiny => ({
  ...tiny,
  backbone: { ...tiny.backbone, size: 64 },
  predict: { ...tiny.predict, regions },
});

/** Two squares on a plain ground. */
function image(): { data: Uint8Array; height: number; width: number } {
  const [height, width] = [48, 64];
  const data = new Uint8Array(height * width * 3).fill(120);
  for (let y = 10; y < 30; y += 1) {
    for (let x = 8; x < 28; x += 1) data.set([220, 30, 30], 3 * (y * width + x));
    for (let x = 36; x < 56; x += 1) data.set([30, 30, 220], 3 * (y * width + x));
  }
  return { data, height, width };
}

it('is absent where no regions are asked for', async () => {
  expect(await openRegionSource(withRegions(0))).toBeUndefined();
});

it('gives the best proposals of a photo, no more than asked for, and names what they are made from', async () => {
  const [two, many] = [(await openRegionSource(withRegions(2)))!, (await openRegionSource(withRegions(50)))!];
  const all = await many.propose(image());
  expect(all.length).toBeGreaterThanOrEqual(2);
  expect(await two.propose(image())).toEqual(all.slice(0, 2));
  for (let i = 1; i < all.length; i += 1) expect(all[i]!.score).toBeLessThanOrEqual(all[i - 1]!.score);
  expect(two.identity).toBe(many.identity);
  const other = withRegions(2);
  const cut = (await openRegionSource({ ...other, proposals: { ...other.proposals, tau: 0.4 } }))!;
  expect(cut.identity).not.toBe(two.identity);
});
