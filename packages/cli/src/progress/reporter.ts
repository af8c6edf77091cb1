import type { OnProgress, ProgressEvent } from '@u2seg/core';

/** Shows how a run gets on. */
export interface Reporter {
  /** A stage begins; `title` is for people. */
  begin(stage: string, title: string): void;
  readonly progress: OnProgress;
  /** A stage is done; `detail` says what came of it. */
  end(stage: string, detail: string): void;
  /** A sentence beside the stages. */
  note(sentence: string): void;
  /** Something people should know before they trust the result. */
  warn(sentence: string): void;
}

/** Rate and time left of a stage whose units finish one after the other. */
export class Pace {
  readonly #now: () => number;
  #stage = '';
  #start = 0;
  #first = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `rate` in units a second and seconds left, once something is done. */
  of(event: ProgressEvent): { readonly rate: number | undefined; readonly secondsLeft: number | undefined } {
    const key = `${event.stage}/${event.unit}`;
    if (key !== this.#stage || event.done < this.#first) {
      this.#stage = key;
      this.#start = this.#now();
      this.#first = event.done;
    }
    const seconds = (this.#now() - this.#start) / 1000;
    const done = event.done - this.#first;
    if (done <= 0 || seconds <= 0) return { rate: undefined, secondsLeft: undefined };
    const rate = done / seconds;
    return { rate, secondsLeft: event.total === undefined ? undefined : (event.total - event.done) / rate };
  }
}

/** `1h 05m`, `3m 20s`, `8s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h > 0) return `${h}h ${String(m).padStart(2, '0')}m`;
  return m > 0 ? `${m}m ${String(s).padStart(2, '0')}s` : `${s}s`;
}

/** The values of an event worth showing: loss, learning rate, counts. */
export function glance(event: ProgressEvent): string {
  const shown = ['loss', 'lr', 'memoryMiB', 'proposals', 'labels', 'skipped', 'round'];
  return Object.entries(event.values ?? {})
    .filter(([name]) => shown.includes(name))
    .map(
      ([name, value]) =>
        `${name} ${Number.isInteger(value) ? value : value < 0.01 ? value.toExponential(1) : value.toFixed(3).replace(/\.?0+$/u, '')}`,
    )
    .join(' ');
}
