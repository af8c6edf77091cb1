import type { Reporter } from '@u2seg/pipeline';

/** One JSON object a line, for programs; every progress event, nothing left out. */
export function jsonReporter(write: (line: string) => void): Reporter {
  const say = (event: object): void => write(JSON.stringify(event));
  return {
    begin: (stage, title) => say({ event: 'begin', stage, title }),
    progress: (event) => say({ event: 'progress', ...event }),
    end: (stage, detail) => say({ event: 'end', stage, detail }),
    note: (sentence) => say({ event: 'note', message: sentence }),
    warn: (sentence) => say({ event: 'warning', message: sentence }),
  };
}
