/** The page's style sheet. Colours are variables, so that light and dark differ in one place; text reaches contrast 4.5 on both. */
export const reportStyle: string = `:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --text: #1d1f23; --soft: #5a5f69; --line: #d9dbe0; --grid: #e6e7ea;
  --link: #0b57a4; --warn-back: #fff4d6; --warn-line: #c98a00; --warn-text: #4a3300; --empty: #efeff1;
  --series-0: #0b5fa5; --series-1: #b34700; --series-2: #00734f; --series-3: #9c3d78; --series-4: #6b5b00; --series-5: #4b4f9f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --card: #1e2125; --text: #e9eaec; --soft: #a4a9b3; --line: #383c43; --grid: #30343a;
    --link: #7cb7f2; --warn-back: #33280d; --warn-line: #d9a13a; --warn-text: #f6e3b8; --empty: #26292e;
    --series-0: #6db6f2; --series-1: #f2944d; --series-2: #3fc79a; --series-3: #e596c5; --series-4: #d9c64a; --series-5: #a9adf5;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 1720px; padding: 1.5rem clamp(.75rem, 2vw, 2rem) 3rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
h1 { margin: 0 0 .75rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.25rem 0 .5rem; font-size: 1.3rem; line-height: 1.25; }
h3 { margin: 1.25rem 0 .35rem; font-size: 1.02rem; line-height: 1.3; }
h4 { margin: 0 0 .5rem; font-size: .9rem; line-height: 1.3; }
p { margin: .25rem 0 .6rem; max-width: 80ch; }
small, .note, .legend { color: var(--soft); font-size: .85rem; font-weight: 400; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: .5rem; top: .5rem; padding: .4rem .8rem; background: var(--card); z-index: 9; }
html:not(.js) .js-only, [hidden] { display: none !important; }
summary { cursor: pointer; color: var(--link); }

.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .6rem 1.5rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; margin-top: 1.2rem; padding: .5rem 0; border-block: 1px solid var(--line); }
.warnings { margin-top: 1.2rem; padding: .7rem 1rem; background: var(--warn-back); color: var(--warn-text); border: 1px solid var(--warn-line); border-left-width: 6px; border-radius: 4px; }
.warnings h2 { margin: 0 0 .25rem; font-size: 1.05rem; }
.warnings ul { margin: 0; padding-left: 1.2rem; }

.metric { margin-bottom: 1.75rem; }
.protocol { border-left: 3px solid var(--line); padding-left: .75rem; color: var(--soft); }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; max-width: 60ch; overflow-wrap: break-word; }
thead th { color: var(--soft); font-size: .8rem; vertical-align: bottom; border-bottom-width: 2px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-left: .9rem; }
td.text, th.text { min-width: 4.5rem; }

.toolbar { position: sticky; top: 0; z-index: 2; background: var(--page); border-bottom: 1px solid var(--line); padding-top: .4rem; }
.controls { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1.2rem; padding-bottom: .4rem; }
.controls label { display: inline-flex; align-items: center; gap: .4rem; }
.controls input[type=checkbox] { width: 1.05rem; height: 1.05rem; margin: 0; accent-color: var(--link); }
input[type=search], select, button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: 4px; padding: .15rem .5rem; min-width: 0; }
button { cursor: pointer; padding: .25rem .8rem; }
.column-heads, .panels { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .6rem; }
.without-ground-truth .column-heads, .without-ground-truth .panels { grid-template-columns: repeat(4, minmax(0, 1fr)); }
.without-ground-truth .panel.ground-truth { display: none; }
.column-heads { padding-bottom: .3rem; font-weight: 600; font-size: .88rem; }
.photo-row { padding: .35rem 0 .9rem; border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 17rem; }
.photo-row h3 { margin: .4rem 0; font-size: .92rem; }
.photo-row:target h3 { text-decoration: underline; }
.panel { margin: 0; min-width: 0; }
.photo-row .panel figcaption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.panel svg:not(.swatch) { display: block; width: 100%; height: auto; background: var(--empty); border-radius: 3px; }
.photo-row .panel svg:not(.swatch) { max-height: 24rem; }
.enlarge { display: block; cursor: zoom-in; }
.missing p { display: grid; place-items: center; height: 100%; min-height: 6rem; margin: 0; background: var(--empty); color: var(--soft); font-size: .85rem; border-radius: 3px; }
.panel path { fill: currentColor; fill-opacity: .5; fill-rule: evenodd; stroke: currentColor; stroke-width: 1.6px; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.panel path.stuff { fill-opacity: .4; stroke-width: 1.2px; stroke-dasharray: 5 3; }
.panel path.hot { fill-opacity: .82; stroke: #ffffff; stroke-width: 2.5px; stroke-dasharray: none; }
body:has(#show-things:not(:checked)) path.thing, body:has(#show-stuff:not(:checked)) path.stuff { display: none; }
body:has(#show-fill:not(:checked)) .panel path:not(.hot) { fill-opacity: 0; }
body:has(#show-outlines:not(:checked)) .panel path:not(.hot) { stroke: none; }
.segments { margin: .25rem 0 0; font-size: .8rem; }
.segments.none { color: var(--soft); }
.segments ol { margin: .3rem 0 0; padding: 0; list-style: none; max-height: 14rem; overflow-y: auto; }
.segments li { display: flex; gap: .4rem; align-items: baseline; padding: .05rem .2rem; }
.segments li.hot { background: var(--empty); }
.swatch { flex: none; width: .75rem; height: .75rem; }
#tooltip { position: fixed; left: 0; top: 0; z-index: 10; pointer-events: none; max-width: min(24rem, 90vw); padding: .2rem .55rem; background: #101216; color: #ffffff; border: 1px solid #8a8f99; border-radius: 4px; font-size: .82rem; }

dialog { border: 1px solid var(--soft); border-radius: 6px; padding: .75rem; max-width: 98vw; max-height: 96vh; background: var(--card); color: var(--text); }
dialog::backdrop { background: rgb(0 0 0 / .65); }
.dialog-bar { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin-bottom: .5rem; }
.dialog-bar strong { flex: 1 1 12rem; }
dialog .panel { width: min-content; margin: 0 auto; }
dialog .panel figcaption { display: none; }
dialog .segments ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 14rem), 1fr)); }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19.5rem), 1fr)); gap: .75rem; margin: .5rem 0; padding: 0; list-style: none; }
.cluster { padding: .6rem .7rem; background: var(--card); border: 1px solid var(--line); border-radius: 5px; }
.cluster h4 { display: flex; gap: .45rem; align-items: baseline; }
.cluster h4 small { margin-left: auto; flex: none; }
.exemplars { display: flex; flex-wrap: wrap; gap: .35rem; align-items: center; }
.exemplars img { display: block; height: 4.75rem; width: auto; min-width: 2.4rem; max-width: 8.4rem; object-fit: cover; border-radius: 2px; }
.exemplars p { margin: 0; color: var(--soft); font-size: .85rem; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; max-width: 90rem; }
.curve { margin: 0; min-width: 0; }
.curve figcaption { font-weight: 600; margin-bottom: .3rem; }
.sketch { display: block; width: 100%; max-width: 640px; height: auto; }
.sketch text { fill: var(--soft); font-size: 12px; }
.sketch .axis { fill: none; stroke: var(--line); }
.line { fill: none; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
.chart-key span { margin-right: 1rem; white-space: nowrap; color: var(--soft); font-size: .85rem; }
.key { width: 24px; height: 8px; margin-right: .4rem; vertical-align: middle; }
.series-0 { stroke: var(--series-0); }
.series-1 { stroke: var(--series-1); stroke-dasharray: 7 4; }
.series-2 { stroke: var(--series-2); stroke-dasharray: 2 3; }
.series-3 { stroke: var(--series-3); stroke-dasharray: 10 4 2 4; }
.series-4 { stroke: var(--series-4); stroke-dasharray: 4 2; }
.series-5 { stroke: var(--series-5); stroke-dasharray: 12 5; }
.uplot, .uplot * { font-family: inherit; }
.u-legend { font-size: .85rem; }
.u-legend th { border: 0; padding: .1rem .3rem; }
.u-legend td { border: 0; padding: .1rem .9rem .1rem .2rem; }
pre { white-space: pre-wrap; font-size: .8rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .88rem; }
footer h2 { font-size: 1rem; margin: 1rem 0 .4rem; }

@media (max-width: 860px) {
  .column-heads { display: none; }
  .panels, .without-ground-truth .panels { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .photo-row .panel figcaption { position: static; width: auto; height: auto; clip-path: none; font-size: .8rem; color: var(--soft); }
  html { scroll-padding-top: 7rem; }
}
@media print {
  .toolbar, nav, .skip { display: none; }
  .photo-row { break-inside: avoid; content-visibility: visible; }
}`;
