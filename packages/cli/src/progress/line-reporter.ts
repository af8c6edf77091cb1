import { duration, glance, Pace } from './reporter.ts';
import type { Reporter } from '@u2seg/pipeline';

/** Seconds between two lines of one stage. */
const interval = 10;

/** Plain lines for logs: one when a stage begins and ends, one every ten seconds between. */
export function lineReporter(write: (line: string) => void, now: () => number): Reporter {
  const pace = new Pace(now);
  let last = now();
  let started = now();
  return {
    begin: (_stage, title) => {
      last = started = now();
      write(title);
    },
    progress: (event) => {
      const { rate, secondsLeft } = pace.of(event);
      if (now() - last < 1000 * interval) return;
      last = now();
      const parts = [
        `  ${event.stage} ${event.done}${event.total === undefined ? '' : `/${event.total}`} ${event.unit}`,
      ];
      if (rate !== undefined) parts.push(`${rate.toFixed(2)} ${event.unit}/s`);
      if (secondsLeft !== undefined) parts.push(`${duration(secondsLeft)} left`);
      write([...parts, glance(event)].filter((part) => part !== '').join(', '));
    },
    end: (_stage, detail) => write(`  ${detail} (${duration((now() - started) / 1000)})`),
    note: (sentence) => write(sentence),
    warn: (sentence) => write(`warning: ${sentence}`),
  };
}
