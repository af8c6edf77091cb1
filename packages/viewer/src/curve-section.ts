/** Training curves: uPlot where scripts run, a drawing of the same lines where they do not. */
import { curveLine } from './curve-points.ts';
import { curveSketch, seriesStyles } from './curve-sketch.ts';
import { markup, jsonForScript, oneLine, type Html } from './html.ts';
import type { ReportCurve } from './report-input.ts';

/** Longest series name shown, in characters. */
const maxName = 60;

/**
 * Renders the charts and the data block the chart script reads.
 *
 * @throws U2SegError `out-of-range` for a series whose x is not finite or falls
 */
export function curveSection(curves: readonly ReportCurve[], maxPoints: number): Html {
  const charts = curves.map((curve) => ({
    name: curve.name,
    xLabel: curve.xLabel,
    lines: curve.series.map((series) =>
      curveLine(
        `renderReport: curve ${JSON.stringify(curve.name)}: series ${JSON.stringify(series.name)}`,
        { ...series, name: oneLine(series.name, maxName) },
        maxPoints,
      ),
    ),
  }));
  return markup`<section id="curves" aria-labelledby="curves-title">
    <h2 id="curves-title">Training curves</h2>
    <div class="charts">
      ${charts.map(
        ({ name, xLabel, lines }, index) =>
          markup`<figure class="curve">
            <figcaption>${name}</figcaption>
            <div class="chart" data-chart="${index}">
              ${curveSketch(name, lines)}
              <p class="chart-key">
                ${lines.map(
                  (line, i) =>
                    markup`<span>
                      <svg class="key" viewBox="0 0 24 8" aria-hidden="true">
                        <path class="line series-${i % seriesStyles}" d="M1 4h22" />
                      </svg>${line.name}
                    </span>
                    `,
                )}<span>across: ${xLabel}</span>
              </p>
            </div>
            ${lines.map(
              ({ name, notFinite }) =>
                notFinite > 0 &&
                markup`<p class="note">
                  ${name}: ${notFinite} value${notFinite === 1 ? '' : 's'} not finite (gaps in the line).
                </p> `,
            )}
          </figure> `,
      )}
    </div>
    <script type="application/json" id="curve-data">
      ${jsonForScript(charts)}
    </script>
  </section> `;
}
