/** Facts about the run: header, warnings, stages, configuration, skipped photos, licences. */
import { U2SegError } from '@u2seg/core';
import { markup, oneLine, type Html } from './html.ts';
import { dataTable } from './metric-section.ts';
import type { ReportFact, ReportInput, ReportStage, SkippedPhoto } from './report-input.ts';
import { counted } from './segment-panel.ts';

/** Longest photo name in the list of skipped photos, in characters. */
const maxName = 200;
/** Skipped photos listed; the others are counted. */
const maxSkipped = 1000;
/** Levels of configuration; more is taken for a cycle. */
const maxDepth = 32;

export function headerSection(input: ReportInput, shown: number): Html {
  const seconds = input.stages.reduce((sum, stage) => sum + (stage.seconds ?? 0), 0);
  const facts: readonly ReportFact[] = [
    { name: 'Created', value: input.createdAt },
    { name: 'Photos shown', value: String(shown) },
    ...(seconds > 0 ? [{ name: 'Time of all stages', value: durationOf(seconds) }] : []),
    ...input.environment,
  ];
  return markup`<header>
    <h1>${input.title}</h1>
    <dl class="facts">
      ${facts.map(
        ({ name, value, licence }) =>
          markup`<div>
            <dt>${name}</dt>
            <dd>${value}${licence !== undefined && markup` <small>(${licence})</small>`}</dd>
          </div> `,
      )}
    </dl>
  </header> `;
}

export function warningSection(warnings: readonly string[]): Html | false {
  if (warnings.length === 0) return false;
  return markup`<section id="warnings" class="warnings" aria-labelledby="warnings-title">
    <h2 id="warnings-title">${counted(warnings.length, 'warning')}</h2>
    <ul>
      ${warnings.map((warning) => markup`<li>${warning}</li> `)}
    </ul>
  </section> `;
}

export function stageSection(stages: readonly ReportStage[]): Html | false {
  if (stages.length === 0) return false;
  const rows = stages.map(({ name, seconds, items, detail }) => [
    name,
    items,
    seconds === undefined ? 'not run again' : durationOf(seconds),
    seconds === undefined || !(seconds > 0) || items === 0 ? null : `${rateOf(items / seconds)} / s`,
    detail,
  ]);
  return markup`<section id="stages" aria-labelledby="stages-title">
    <h2 id="stages-title">Stages</h2>
    ${dataTable(['Stage', 'Items', 'Time', 'Rate', 'Detail'], rows, 'Stages')}
  </section> `;
}

/** @throws U2SegError `bad-format` for a configuration that contains itself */
export function configSection(config: object): Html {
  const rows = [...leavesOf(config, '', 0)].map(([name, value]) => [name, value]);
  return markup`<section id="config" aria-labelledby="config-title">
    <h2 id="config-title">Configuration</h2>
    ${
      rows.length === 0
        ? markup`<p>No configuration was given.</p>`
        : markup`<details>
            <summary>${counted(rows.length, 'value')}</summary>
            ${dataTable(['Key', 'Value'], rows, 'Configuration')}
          </details>`
    }
  </section> `;
}

/** The values of a nested object with the path to each; lists of plain values stay together. */
function* leavesOf(value: unknown, path: string, depth: number): Generator<readonly [string, string]> {
  if (depth > maxDepth) {
    throw new U2SegError(
      'bad-format',
      `renderReport: config must be nested at most ${maxDepth} deep, got more at ${path.slice(0, 80)}.`,
    );
  }
  if (value === undefined || typeof value === 'function') return;
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const plainList = Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);
  if (entries.length === 0 || plainList) {
    yield [path, plainValue(value)];
    return;
  }
  for (const [key, inner] of entries) yield* leavesOf(inner, path === '' ? key : `${path}.${key}`, depth + 1);
}

function plainValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainValue).join(', ')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? '{}' : String(value);
}

export function skippedSection(skipped: readonly SkippedPhoto[]): Html | false {
  if (skipped.length === 0) return false;
  const rows = skipped.slice(0, maxSkipped).map(({ id, reason }) => [oneLine(id, maxName), reason]);
  const more = skipped.length - rows.length;
  return markup`<section id="skipped" aria-labelledby="skipped-title">
    <h2 id="skipped-title">Skipped photos</h2>
    <p>${counted(skipped.length, 'photo')} could not be used.</p>
    ${dataTable(['Photo', 'Reason'], rows, 'Skipped photos')}${
      more > 0 && markup`<p class="note">${more} more are not listed.</p> `
    }
  </section> `;
}

export function licenceSection(environment: readonly ReportFact[], uplotLicence: string | undefined): Html {
  const licensed = environment.filter((fact) => fact.licence !== undefined);
  return markup`<footer id="licences">
    <h2>Licences</h2>
    <ul>
      ${licensed.map(({ name, value, licence }) => markup`<li>${name}: ${value} – ${licence}</li> `)}
      <li>This page was made by U2Seg for TypeScript (Apache-2.0).</li>
      ${
        uplotLicence !== undefined &&
        markup`<li>
          The charts are drawn by uPlot (MIT).
          <details>
            <summary>Licence of uPlot</summary>
            <pre>${uplotLicence}</pre>
          </details>
        </li> `
      }
    </ul>
  </footer> `;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationOf(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function rateOf(rate: number): string {
  return rate >= 100 ? Math.round(rate).toLocaleString('en-US') : String(Number(rate.toPrecision(2)));
}
