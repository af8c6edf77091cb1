/** A training run's loss curve, small enough to commit: means over stretches, and a chart of them. */
import type { CurvePoint } from '@u2seg/self-train';

/** Means over consecutive steps. */
export interface CurveStretch {
  /** Last step of the stretch. */
  readonly iteration: number;
  /** Learning rate of that step. */
  readonly lr: number;
  /** Means of the weighted losses: their sum, and by detectron2's names. */
  readonly total: number;
  readonly losses: Readonly<Record<string, number>>;
}

/** How many stretches a committed curve has at most. */
export const maxStretches = 100;

/** Means over `count` stretches of nearly equal length; every step on its own where there are no more than that. */
export function condenseCurve(points: readonly CurvePoint[], count: number = maxStretches): CurveStretch[] {
  const stretches = Math.min(count, points.length);
  return Array.from({ length: stretches }, (_, s) => {
    const from = Math.floor((s * points.length) / stretches);
    const part = points.slice(from, Math.floor(((s + 1) * points.length) / stretches));
    const mean = (of: (point: CurvePoint) => number): number =>
      Number((part.reduce((sum, point) => sum + of(point), 0) / part.length).toPrecision(5));
    const { iteration, lr, losses } = part.at(-1)!;
    return {
      iteration,
      lr,
      total: mean(({ total }) => total),
      losses: Object.fromEntries(
        Object.keys(losses).map((name) => [name, mean((point) => point.losses[name] ?? Number.NaN)]),
      ),
    };
  });
}

/** A named curve, for example `train` or `round 1`. */
export interface NamedCurve {
  readonly name: string;
  readonly stretches: readonly CurveStretch[];
}

/** Losses that share a line: those of all levels and stages are added up. Colours: Okabe and Ito. */
const groups: readonly { readonly name: string; readonly color: string; readonly of: RegExp }[] = [
  { name: 'semantic', color: '#009e73', of: /^loss_sem_seg$/u },
  { name: 'proposals', color: '#56b4e9', of: /^loss_rpn_/u },
  { name: 'classes', color: '#d55e00', of: /^loss_cls/u },
  { name: 'boxes', color: '#cc79a7', of: /^loss_box_reg/u },
  { name: 'masks', color: '#0072b2', of: /^loss_mask$/u },
];
const totalColor = '#222222';

const panel = { width: 640, height: 260, left: 48, right: 104, top: 28, bottom: 34 } as const;
/** Lines of text at the right are this far apart. */
const labelStep = 13;

/** One chart a curve, one below the other: the sum of the losses and its parts, logarithmic, over the steps. */
export function curveSvg(curves: readonly NamedCurve[]): string {
  const drawn = curves.filter(({ stretches }) => stretches.length > 0);
  const height = panel.height * drawn.length;
  const charts = drawn.map((curve, i) => `<g transform="translate(0 ${i * panel.height})">${chart(curve)}</g>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panel.width} ${height}" width="${panel.width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${panel.width}" height="${height}" fill="#ffffff"/>`,
    ...charts,
    '</svg>\n',
  ].join('\n');
}

function chart({ name, stretches }: NamedCurve): string {
  const lines = linesOf(stretches);
  const values = lines.flatMap((line) => line.values).filter((value) => value > 0 && Number.isFinite(value));
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10) as [number, number];
  const last = stretches.at(-1)!.iteration;
  const x = (iteration: number): number => panel.left + (iteration / last) * (panel.width - panel.left - panel.right);
  const y = (value: number): number =>
    panel.top + ((high - Math.log10(value)) / (high - low || 1)) * (panel.height - panel.top - panel.bottom);
  const bottom = panel.height - panel.bottom;
  const parts = [
    `<text x="${panel.left}" y="16" font-weight="bold">${name}: loss over ${last} steps, means of ${Math.round(last / stretches.length)}</text>`,
    `<path d="M${panel.left} ${panel.top}V${bottom}H${panel.width - panel.right}" fill="none" stroke="#888888"/>`,
  ];
  for (const tick of ticks(low, high)) {
    const at = y(tick).toFixed(1);
    parts.push(
      `<path d="M${panel.left} ${at}H${panel.width - panel.right}" stroke="#dddddd"/>`,
      `<text x="${panel.left - 5}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${tick}</text>`,
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const at = Math.round(share * last);
    parts.push(`<text x="${x(at).toFixed(1)}" y="${bottom + 15}" text-anchor="middle">${at}</text>`);
  }
  let above = -Infinity;
  const ends = [...lines].sort((a, b) => b.values.at(-1)! - a.values.at(-1)!);
  for (const { name: label, color, values: of, width } of ends) {
    const path = of.map(
      (value, i) => `${i === 0 ? 'M' : 'L'}${x(stretches[i]!.iteration).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    above = Math.max(y(of.at(-1)!) + 4, above + labelStep);
    parts.push(
      `<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="${width}" stroke-linejoin="round"/>`,
      `<text x="${panel.width - panel.right + 6}" y="${above.toFixed(1)}" fill="${color}">${label} ${of.at(-1)!.toPrecision(3)}</text>`,
    );
  }
  return parts.join('\n');
}

interface Line {
  readonly name: string;
  readonly color: string;
  readonly width: number;
  readonly values: readonly number[];
}

/** Lines with a value above zero everywhere: a logarithm has no place for others. */
function linesOf(stretches: readonly CurveStretch[]): Line[] {
  const lines = [
    { name: 'sum', color: totalColor, width: 2, values: stretches.map(({ total }) => total) },
    ...groups.map(({ name, color, of }) => ({
      name,
      color,
      width: 1.2,
      values: stretches.map(({ losses }) =>
        Object.entries(losses).reduce((sum, [key, value]) => (of.test(key) ? sum + value : sum), 0),
      ),
    })),
  ];
  return lines.filter(({ values }) => values.every((value) => value > 0 && Number.isFinite(value)));
}

/** 1, 2 and 5 times powers of ten between two logarithms. */
function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const factor of [1, 2, 5]) {
      const value = Number((factor * 10 ** power).toPrecision(1));
      if (Math.log10(value) >= low && Math.log10(value) <= high) found.push(value);
    }
  }
  return found;
}
