import { expect, it } from 'vitest';
import { mapOrdered } from '../src/map-ordered.ts';

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

it('yields in the order of the items, at most so many at a time', async () => {
  let running = 0;
  let most = 0;
  const results: number[] = [];
  for await (const result of mapOrdered([5, 1, 3, 2, 4], 2, async (item) => {
    most = Math.max(most, (running += 1));
    await later(item);
    running -= 1;
    return item;
  }))
    results.push(result);
  expect(results).toEqual([5, 1, 3, 2, 4]);
  expect(most).toBe(2);
});

it('fails at the turn of the item that failed, even if that was long before', async () => {
  const results: number[] = [];
  const run = async (): Promise<void> => {
    for await (const result of mapOrdered([1, 2, 3], 3, async (item) => {
      if (item === 2) throw new Error('two');
      await later(20);
      return item;
    }))
      results.push(result);
  };
  await expect(run()).rejects.toThrow('two');
  expect(results).toEqual([1]);
});
