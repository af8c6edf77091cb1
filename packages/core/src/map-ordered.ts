/**
 * Runs `work` on up to `concurrency` items at a time and yields the results in the order of the items. No more than
 * `concurrency` results wait for their turn, so memory is bounded however slow the consumer is.
 */
export async function* mapOrdered<T, R>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  try {
    for (const item of items) {
      const result = work(item);
      // one that fails before its turn is not unhandled: its turn comes
      result.catch(() => undefined);
      running.push(result);
      if (running.length >= concurrency) yield await running.shift()!;
    }
    while (running.length > 0) yield await running.shift()!;
  } finally {
    await Promise.allSettled(running);
  }
}
