/** The page: sections in reading order, one style, at most two scripts, and a policy that allows nothing else. */
import { createHash } from 'node:crypto';
import { assertInteger } from '@u2seg/core';
import { clusterSection } from './cluster-section.ts';
import { curveScript } from './curve-script.ts';
import { curveSection } from './curve-section.ts';
import { markup, trusted, type Html } from './html.ts';
import { metricSection } from './metric-section.ts';
import { photoScript } from './photo-script.ts';
import { photoSection } from './photo-section.ts';
import { reportDefaults, type ReportInput, type ReportOptions } from './report-input.ts';
import {
  configSection,
  headerSection,
  licenceSection,
  skippedSection,
  stageSection,
  warningSection,
} from './run-section.ts';
import { reportStyle } from './style.ts';
import { readUplot } from './uplot-asset.ts';

/**
 * Renders the report of a run as one HTML page that needs no other file and no network.
 *
 * 1. photos are drawn one at a time: JPEG once, masks as vector outlines over it;
 * 2. the other sections follow from the tables given;
 * 3. scripts and styles are inlined and pinned by hash in the page's content security policy.
 *
 * Pictures, segment lists, tables and charts are there without scripts; scripts add tooltips, filter, sorting,
 * enlarging and charts to explore. The same input gives the same bytes.
 *
 * @returns the page, about 0.1 MB per photo; a caller writes it as UTF-8
 * @throws U2SegError `shape-mismatch` for a mask that has not its photo's size or a metric row that has not its table's columns
 * @throws U2SegError `out-of-range` for a curve whose x falls, or an option out of its range
 */
export async function renderReport(input: ReportInput, options: ReportOptions = {}): Promise<string> {
  const resolved = { ...reportDefaults, ...options };
  checkOptions(resolved);
  const photos = await photoSection(input, resolved);
  const clusters = input.clusters.length > 0 && (await clusterSection(input.clusters, resolved));
  const curves = input.curves.length > 0 && curveSection(input.curves, resolved.maxCurvePoints);
  const uplot = curves === false ? undefined : await readUplot();
  const links: readonly (readonly [string, string] | false)[] = [
    ['metrics', 'Metrics'],
    ['photos', 'Photos'],
    clusters !== false && ['clusters', 'Clusters'],
    curves !== false && ['curves', 'Curves'],
    input.stages.length > 0 && ['stages', 'Stages'],
    ['config', 'Configuration'],
    input.skipped.length > 0 && ['skipped', 'Skipped'],
  ];
  const body = markup`${headerSection(input, photos.shown)}${warningSection(input.warnings)}
    <nav aria-label="Sections">
      ${links.map((link) => link !== false && markup`<a href="#${link[0]}">${link[1]}</a> `)}
    </nav>
    <main id="main">
      ${metricSection(input.metrics)}${photos.html}${clusters}${curves}${stageSection(input.stages)}${configSection(input.config)}${skippedSection(input.skipped)}
    </main>
    ${licenceSection(input.environment, uplot?.licence)}`;
  const style = uplot === undefined ? reportStyle : `${uplot.style}\n${reportStyle}`;
  const scripts = uplot === undefined ? [photoScript] : [photoScript, `${uplot.script}\n${curveScript}`];
  return documentOf(input.title, body, style, scripts);
}

function documentOf(title: string, body: Html, style: string, scripts: readonly string[]): string {
  const safeScripts = scripts.map((script) => `\n${script.replaceAll('</script', '<\\/script')}\n`);
  const safeStyle = `\n${style}\n`;
  const policy = [
    "default-src 'none'",
    'img-src data:',
    `style-src ${hashOf(safeStyle)}`,
    `script-src ${safeScripts.map(hashOf).join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${trusted(`<style>${safeStyle}</style>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        ${body}
        <dialog id="enlarged" aria-labelledby="enlarged-title">
          <div class="dialog-bar">
            <strong id="enlarged-title"></strong> <button type="button" id="previous">Previous</button
            ><button type="button" id="next">Next</button><button type="button" id="close">Close</button>
          </div>
          <div id="enlarged-content"></div>
        </dialog>
        <div id="tooltip" hidden></div>
        ${safeScripts.map((script) => trusted(`<script>${script}</script>\n`))}
      </body>
    </html>
    `.source;
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
}

function checkOptions(options: Required<ReportOptions>): void {
  const least: Required<ReportOptions> = {
    maxPhotos: 0,
    maxSide: 16,
    jpegQuality: 1,
    maxPanelCharacters: 0,
    maxClusters: 0,
    maxExemplars: 0,
    exemplarSide: 16,
    maxCurvePoints: 8,
  };
  for (const name of Object.keys(least) as (keyof ReportOptions)[]) {
    assertInteger(`renderReport: ${name}`, options[name], least[name], name === 'jpegQuality' ? 100 : undefined);
  }
}
