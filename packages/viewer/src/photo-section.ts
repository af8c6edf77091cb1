/** The photos: one row each, with what every stage made of it side by side. */
import { assertImage } from '@u2seg/core';
import { markup, oneLine, type Html } from './html.ts';
import { overlayOf } from './overlay.ts';
import { embeddedPicture } from './picture.ts';
import type { ReportInput, ReportOptions, ReportPhoto, ReportSegment } from './report-input.ts';
import { counted, segmentPanel, type PanelPicture } from './segment-panel.ts';

/** Longest photo name shown, in characters. */
const maxName = 160;

const columns: readonly (readonly [kind: string, caption: string])[] = [
  ['photo', 'Photo'],
  ['proposals', 'Proposals'],
  ['pseudo-label', 'Pseudo-label'],
  ['prediction', 'Prediction'],
  ['ground-truth', 'Ground truth'],
];

export interface PhotoSection {
  readonly html: Html;
  /** Photos shown. */
  readonly shown: number;
}

/**
 * Renders up to `maxPhotos` photos, one at a time; an iterable is not read further than one photo beyond that.
 *
 * @throws U2SegError `shape-mismatch` for an image or a mask whose size does not fit
 */
export async function photoSection(
  input: Pick<ReportInput, 'photos' | 'photosLeftOut'>,
  options: Required<ReportOptions>,
): Promise<PhotoSection> {
  const rows: Html[] = [];
  let withGroundTruth = false;
  let cutOff = false;
  for await (const photo of input.photos) {
    if (rows.length === options.maxPhotos) {
      cutOff = true;
      break;
    }
    withGroundTruth ||= photo.groundTruth !== undefined;
    rows.push(await photoRow(photo, rows.length + 1, options));
  }
  const shown = rows.length;
  const heads = columns.filter(([kind]) => withGroundTruth || kind !== 'ground-truth');
  return {
    shown,
    html: markup`<section
      id="photos"
      class="photos ${withGroundTruth ? '' : 'without-ground-truth'}"
      aria-labelledby="photos-title"
    >
      <h2 id="photos-title">Photos</h2>
      <p>${extentOf(shown, cutOff, input.photosLeftOut)}</p>
      ${
        shown > 0 &&
        markup`${legend}
          <div class="toolbar">
            ${controls}
            <div class="column-heads" aria-hidden="true">
              ${heads.map(([, caption]) => markup`<span>${caption}</span>`)}
            </div>
          </div>
          <div id="photo-rows">${rows}</div>
          <p id="no-match" hidden>No photo name matches the filter.</p> `
      }
    </section> `,
  };
}

function extentOf(shown: number, cutOff: boolean, leftOut: number): string {
  if (shown === 0) return 'This report holds no photos.';
  const more =
    leftOut === 0 ? '' : ` ${counted(leftOut, 'more photo')} of this run ${leftOut === 1 ? 'is' : 'are'} not shown.`;
  return `${counted(shown, 'photo')} shown${cutOff ? ', the most this page takes; others were left out' : ''}.${more}`;
}

const legend: Html = markup`<p class="legend">
  Every cluster keeps its colour throughout. Things have strong colours and solid outlines, stuff has pale colours and
  dashed outlines. Point at a segment to read its label; select a picture to enlarge it.
</p>`;

const controls: Html = markup`<div class="controls" role="group" aria-label="What to show">
  <label><input type="checkbox" id="show-things" checked /> Things</label>
  <label><input type="checkbox" id="show-stuff" checked /> Stuff</label>
  <label><input type="checkbox" id="show-fill" checked /> Fill</label>
  <label><input type="checkbox" id="show-outlines" checked /> Outlines</label>
  <label class="js-only">Filter
    <input type="search" id="filter" placeholder="photo name" autocomplete="off" spellcheck="false" />
  </label>
  <label class="js-only">Sort
    <select id="sort">
      <option value="given">as given</option>
      <option value="name">name, A to Z</option>
      <option value="name-down">name, Z to A</option>
    </select>
  </label>
  <span class="js-only" id="match-count" role="status"></span>
</div>`;

async function photoRow(photo: ReportPhoto, number: number, options: Required<ReportOptions>): Promise<Html> {
  const where = `renderReport: photo ${JSON.stringify(photo.id)}`;
  assertImage(where, photo.image);
  const name = oneLine(photo.id, maxName);
  const jpeg = await embeddedPicture(photo.image, options.maxSide, options.jpegQuality);
  const picture: PanelPicture = {
    name,
    anchor: `photo-${number}`,
    imageId: `pixels-${number}`,
    height: jpeg.height,
    width: jpeg.width,
  };
  const panelOf = (kind: string, caption: string, segments: readonly ReportSegment[], leftOut = 0): Html =>
    segmentPanel(picture, {
      kind,
      caption,
      segments,
      leftOut,
      overlay: overlayOf(`${where}: ${kind}`, segments, photo.image, options.maxSide, options.maxPanelCharacters),
    });
  const truth = photo.groundTruth;
  return markup`<article class="photo-row" id="${picture.anchor}" data-name="${name}">
    <h3><bdi>${name}</bdi> <small>${photo.image.width} × ${photo.image.height}</small></h3>
    <div class="panels">
      <figure class="panel photo">
        <figcaption>Photo</figcaption>
        <a class="enlarge" href="#${picture.anchor}">
          <svg viewBox="0 0 ${jpeg.width} ${jpeg.height}" role="img" aria-label="Photo ${name}">
            <image id="${picture.imageId}" width="${jpeg.width}" height="${jpeg.height}" href="${jpeg.address}" />
          </svg>
        </a>
      </figure>
      ${panelOf('proposals', 'Proposals', photo.proposals, photo.proposalsLeftOut)}
      ${panelOf('pseudo-label', 'Pseudo-label', photo.pseudoLabel)}
      ${panelOf('prediction', 'Prediction', photo.prediction)}
      ${truth === undefined ? missingGroundTruth : panelOf('ground-truth', 'Ground truth', truth)}
    </div>
  </article>
  `;
}

const missingGroundTruth: Html = markup`<figure class="panel ground-truth missing">
  <figcaption>Ground truth</figcaption>
  <p>No ground truth</p>
</figure> `;
