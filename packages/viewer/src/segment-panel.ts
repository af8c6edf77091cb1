/** One panel: the photo with the outlines of some segments over it, and the list of those segments. */
import { rleArea } from '@u2seg/core';
import { clusterColor } from './colors.ts';
import { markup, oneLine, type Html } from './html.ts';
import type { Overlay } from './overlay.ts';
import type { ReportSegment } from './report-input.ts';

/** Longest label shown, in characters. */
const maxLabel = 120;

export interface PanelPicture {
  /** Name of the photo, on one line. */
  readonly name: string;
  /** Anchor of the photo's row. */
  readonly anchor: string;
  /** Id of the element that holds the photo's pixels; panels refer to it instead of repeating them. */
  readonly imageId: string;
  readonly height: number;
  readonly width: number;
}

export interface PanelContent {
  /** Column, for example `Pseudo-label`. */
  readonly caption: string;
  /** Its style class, for example `pseudo-label`. */
  readonly kind: string;
  readonly segments: readonly ReportSegment[];
  /** Segments there are besides those. */
  readonly leftOut?: number;
  readonly overlay: Overlay;
}

/** A panel with segments; an empty list says so in words. */
export function segmentPanel(picture: PanelPicture, content: PanelContent): Html {
  const { caption, kind, segments, overlay } = content;
  const { leftOut = 0 } = content;
  const count = `${counted(segments.length, 'segment')}${leftOut === 0 ? '' : `, ${leftOut} more not drawn`}`;
  const scaleX = picture.width / overlay.grid.width;
  const scaleY = picture.height / overlay.grid.height;
  const transform = (scaleX !== 1 || scaleY !== 1) && markup`transform="scale(${scaleX} ${scaleY})"`;
  const box = markup`viewBox="0 0 ${picture.width} ${picture.height}"`;
  return markup`<figure class="panel ${kind}">
    <figcaption>${caption}</figcaption>
    <a class="enlarge" href="#${picture.anchor}">
      <svg ${box} role="img" aria-label="${caption} of ${picture.name}: ${count}">
        <use href="#${picture.imageId}" />
        <g ${transform}>${drawingOrder(segments).map((i) => outlineOf(segments[i]!, i, overlay.paths[i]!))}</g>
      </svg>
    </a>
    ${
      segments.length === 0
        ? markup`<p class="segments none">No segments</p>`
        : markup`<details class="segments">
            <summary>${count}</summary>
            <ol>
              ${segments.map(listEntry)}
            </ol>
          </details>`
    }
  </figure>
  `;
}

/** Large segments below small ones, so that each can be pointed at. */
function drawingOrder(segments: readonly ReportSegment[]): number[] {
  const areas = segments.map(({ mask }) => rleArea(mask));
  return segments.map((_, i) => i).sort((a, b) => areas[b]! - areas[a]! || a - b);
}

function outlineOf(segment: ReportSegment, index: number, path: string): Html | false {
  if (path === '') return false;
  const kind = segment.isThing ? 'thing' : 'stuff';
  return markup`<path class="${kind}" color="${colorOf(segment, index)}" data-i="${index}" d="${path}">
    <title>${describe(segment)}</title></path>
  `;
}

function listEntry(segment: ReportSegment, index: number): Html {
  const empty = rleArea(segment.mask) === 0 ? ', empty mask' : '';
  return markup`<li data-i="${index}">
    ${swatch(colorOf(segment, index), segment.isThing)}<span>${describe(segment)}${empty}</span>
  </li>`;
}

/** A patch of a segment's colour: round for things, square for stuff. */
export function swatch(color: string, isThing: boolean): Html {
  return markup`<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">
    <rect width="12" height="12" rx="${isThing ? 6 : 1}" fill="${color}" />
  </svg>`;
}

function colorOf(segment: ReportSegment, index: number): string {
  return clusterColor(segment.clusterId < 0 ? index : segment.clusterId, segment.isThing);
}

function describe({ label, isThing, clusterId, score }: ReportSegment): string {
  const facts = [oneLine(label, maxLabel), isThing ? 'thing' : 'stuff'];
  if (clusterId >= 0) facts.push(`cluster ${clusterId}`);
  if (score !== undefined) facts.push(`score ${score.toFixed(2)}`);
  return facts.filter((fact) => fact !== '').join(' \u00b7 ');
}

/** `1 segment`, `2 segments`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
