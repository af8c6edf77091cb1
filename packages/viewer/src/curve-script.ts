import { seriesStyles } from './curve-sketch.ts';

/** Dashes of the series in turn, in pixels, so that lines differ by more than colour; the same as in `style.ts`. */
export const seriesDashes: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 4, 2, 4], [4, 2], [12, 5]];

/** Replaces the drawn charts by uPlot's; drawn anew when the reader's colour scheme or the window's width changes. */
export const curveScript: string = `(() => {
'use strict';
const charts = JSON.parse(document.getElementById('curve-data').textContent);
const dashes = ${JSON.stringify(seriesDashes)};
const dark = matchMedia('(prefers-color-scheme: dark)');
const drawn = [];
const draw = () => {
  while (drawn.length > 0) drawn.pop().destroy();
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const font = '12px system-ui, sans-serif';
  for (const box of document.querySelectorAll('.chart')) {
    const chart = charts[Number(box.dataset.chart)];
    if (!chart.lines.some((line) => line.y.some((y) => y !== null))) continue;
    const label = box.getAttribute('aria-label') || box.querySelector('svg').getAttribute('aria-label');
    const axis = { stroke: color('--text'), font, labelFont: font, grid: { stroke: color('--grid'), width: 1 }, ticks: { stroke: color('--grid'), width: 1 } };
    const options = {
      width: box.clientWidth,
      height: 280,
      scales: { x: { time: false } },
      cursor: { y: false },
      axes: [{ ...axis, label: chart.xLabel, labelSize: 22 }, { ...axis, size: 62 }],
      series: [{ label: chart.xLabel }, ...chart.lines.map((line, i) => ({
        label: line.name,
        stroke: color('--series-' + (i % ${seriesStyles})),
        width: 1.75,
        dash: dashes[i % ${seriesStyles}],
        points: { show: line.x.length < 40 },
        value: (self, value) => value === null || value === undefined ? '\\u2013' : String(Number(value.toPrecision(5))),
      }))],
    };
    box.replaceChildren();
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', label);
    drawn.push(new uPlot(options, uPlot.join(chart.lines.map((line) => [line.x, line.y])), box));
  }
};
draw();
dark.addEventListener('change', draw);
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  requestAnimationFrame(draw);
});
})();`;
