/** A chart drawn without scripts: what a reader without JavaScript sees, and what is printed. */
import type { CurveLine } from './curve-points.ts';
import { markup, type Html } from './html.ts';

const width = 640;
const height = 260;
/** Room for the numbers at the axes. */
const margin = { left: 62, right: 12, top: 10, bottom: 26 } as const;

/** Colours and dashes of series repeat after this many; `style.ts` defines them. */
export const seriesStyles = 6;

/** Lines between the finite points, with the range of both axes in numbers. */
export function curveSketch(name: string, lines: readonly CurveLine[]): Html {
  const xs = lines.flatMap(({ x }) => x);
  const ys = lines.flatMap(({ y }) => y.filter((value): value is number => value !== null));
  const [x0, x1] = rangeOf(xs);
  const [y0, y1] = rangeOf(ys);
  const px = (x: number): string =>
    coordinate(margin.left + ((x - x0) / (x1 - x0)) * (width - margin.left - margin.right));
  const py = (y: number): string =>
    coordinate(margin.top + ((y1 - y) / (y1 - y0)) * (height - margin.top - margin.bottom));
  const bottom = height - margin.bottom;
  return markup`<svg class="sketch" viewBox="0 0 ${width} ${height}" role="img" aria-label="${summaryOf(name, lines)}">
    <path class="axis" d="M${margin.left} ${margin.top}V${bottom}H${width - margin.right}" />
    <text x="${margin.left - 6}" y="${margin.top + 10}" text-anchor="end">${short(y1)}</text>
    <text x="${margin.left - 6}" y="${bottom}" text-anchor="end">${short(y0)}</text>
    <text x="${margin.left}" y="${bottom + 17}">${short(x0)}</text>
    <text x="${width - margin.right}" y="${bottom + 17}" text-anchor="end">${short(x1)}</text>
    ${lines.map((line, i) => markup`<path class="line series-${i % seriesStyles}" d="${linePath(line, px, py)}" />`)}
  </svg>`;
}

/** What the chart says, in one sentence per series. */
export function summaryOf(name: string, lines: readonly CurveLine[]): string {
  const sentences = lines.map((line) => {
    const finite = line.y.filter((value): value is number => value !== null);
    return finite.length === 0
      ? `${line.name}: no finite values.`
      : `${line.name}: from ${short(finite[0]!)} to ${short(finite.at(-1)!)}, lowest ${short(lowestOf(finite))}.`;
  });
  return [`${name}.`, ...sentences].join(' ');
}

function linePath({ x, y }: CurveLine, px: (x: number) => string, py: (y: number) => string): string {
  let path = '';
  let pen = 'M';
  for (let i = 0; i < x.length; i += 1) {
    const value = y[i]!;
    if (value === null) {
      pen = 'M';
      continue;
    }
    // a point between two gaps still shows: a line of length zero has round caps
    path += `${pen}${px(x[i]!)} ${py(value)}${pen === 'M' ? 'h0' : ''}`;
    pen = 'L';
  }
  return path;
}

/** Smallest and largest; widened where they are one value, [0, 1] where there is none. */
function rangeOf(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = lowestOf(values);
  const high = values.reduce((a, b) => Math.max(a, b));
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

function lowestOf(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
