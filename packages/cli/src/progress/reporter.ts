import type { ProgressEvent } from '@u2seg/core';

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

/** How a line calls the losses, which are too many for one: those of all levels and stages are added up. */
const lossGroups: Readonly<Record<string, RegExp>> = {
  sem: /^loss_sem_seg$/u,
  rpn: /^loss_rpn_/u,
  cls: /^loss_cls/u,
  box: /^loss_box_reg/u,
  mask: /^loss_mask$/u,
};

/** The values of an event worth showing: losses, learning rate, images a second, memory, counts. */
export function glance(event: ProgressEvent): string {
  const values = event.values ?? {};
  const shown = ['lr', 'imagesPerSecond', 'memoryMiB', 'proposals', 'labels', 'skipped', 'round'];
  const parts: string[] = [];
  const { loss } = values;
  if (loss !== undefined) {
    const groups = Object.entries(lossGroups).flatMap(([name, pattern]) => {
      const members = Object.entries(values).filter(([key]) => pattern.test(key));
      return members.length === 0 ? [] : [`${name} ${short(members.reduce((sum, [, value]) => sum + value, 0))}`];
    });
    parts.push(`loss ${short(loss)}${groups.length === 0 ? '' : ` (${groups.join(' ')})`}`);
  }
  for (const [name, value] of Object.entries(values)) {
    if (!shown.includes(name)) continue;
    if (name === 'imagesPerSecond') parts.push(`${short(value)} images/s`);
    else if (name === 'memoryMiB') parts.push(`${value.toFixed(0)} MiB`);
    else parts.push(`${name} ${short(value)}`);
  }
  return parts.join(' ');
}

function short(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.01 ? value.toExponential(1) : value.toFixed(3).replace(/\.?0+$/u, '');
}
