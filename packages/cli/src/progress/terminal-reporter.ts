import { SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { duration, glance, Pace } from './reporter.ts';
import type { Reporter } from '@u2seg/pipeline';

/** A bar with rate and time left for people at a terminal. */
export function terminalReporter(stream: NodeJS.WriteStream, now: () => number): Reporter {
  const pace = new Pace(now);
  let bar: SingleBar | undefined;
  let barKey = '';
  let started = now();
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
    barKey = '';
  };
  return {
    begin: (_stage, title) => {
      stop();
      started = now();
      stream.write(`${pc.bold(title)}\n`);
    },
    progress: (event) => {
      const { rate, secondsLeft } = pace.of(event);
      const payload = {
        name: event.stage,
        rate: rate === undefined ? '' : `${rate < 10 ? rate.toFixed(2) : rate.toFixed(0)} ${event.unit}/s`,
        left: secondsLeft === undefined ? '' : `${duration(secondsLeft)} left`,
        glance: glance(event),
      };
      const key = `${event.stage}/${event.unit}`;
      if (bar === undefined || key !== barKey) {
        stop();
        bar = new SingleBar({
          stream,
          hideCursor: true,
          clearOnComplete: true,
          format: '  {name} {bar} {value}/{total}  {rate}  {left}  {glance}',
          barCompleteChar: '█',
          barIncompleteChar: '░',
          barsize: 24,
          fps: 8,
        });
        barKey = key;
        bar.start(event.total ?? event.done, event.done, payload);
      } else {
        bar.setTotal(event.total ?? event.done);
        bar.update(event.done, payload);
      }
    },
    end: (_stage, detail) => {
      stop();
      stream.write(`  ${detail} ${pc.dim(`(${duration((now() - started) / 1000)})`)}\n`);
    },
    note: (sentence) => {
      stop();
      stream.write(`${pc.dim(sentence)}\n`);
    },
    warn: (sentence) => {
      stop();
      stream.write(`${pc.yellow('warning')} ${sentence}\n`);
    },
  };
}
