/**
 * What the page does beyond showing: tooltips, highlighting, filter, sorting, enlarging. Plain JavaScript, run by the reader's
 * browser; it only moves nodes that are there and writes text, never markup.
 */
export const photoScript: string = `(() => {
'use strict';
const byId = (id) => document.getElementById(id);
document.documentElement.classList.add('js');

const tooltip = byId('tooltip');
const textOf = (path) => {
  const title = path.querySelector('title');
  if (title) {
    path.dataset.text = title.textContent;
    title.remove();
  }
  return path.dataset.text;
};
const segmentAt = (target) => target instanceof Element ? target.closest('.panel path[data-i], .segments li[data-i]') : null;
const marked = new Set();
const mark = (segment) => {
  for (const node of marked) node.classList.remove('hot');
  marked.clear();
  if (!segment) return;
  const panel = segment.closest('.panel');
  for (const node of panel.querySelectorAll('[data-i="' + segment.dataset.i + '"]')) {
    node.classList.add('hot');
    marked.add(node);
  }
};
const place = (event) => {
  const x = Math.min(event.clientX + 14, innerWidth - tooltip.offsetWidth - 6);
  const below = event.clientY + 18;
  const y = below + tooltip.offsetHeight > innerHeight ? event.clientY - tooltip.offsetHeight - 10 : below;
  tooltip.style.transform = 'translate(' + Math.max(4, x) + 'px,' + y + 'px)';
};
document.addEventListener('pointerover', (event) => {
  const segment = segmentAt(event.target);
  mark(segment);
  tooltip.hidden = !segment || segment.localName !== 'path';
  if (!tooltip.hidden) {
    tooltip.textContent = textOf(segment);
    // a modal dialog covers everything outside of it
    (segment.closest('dialog') || document.body).append(tooltip);
    place(event);
  }
});
document.addEventListener('pointermove', (event) => {
  if (!tooltip.hidden) place(event);
});

const rows = byId('photo-rows');
if (rows) {
  const given = [...rows.children];
  const order = new Intl.Collator('en', { numeric: true });
  const byName = (a, b) => order.compare(a.dataset.name, b.dataset.name);
  const filter = byId('filter');
  const sort = byId('sort');
  const update = () => {
    const wanted = filter.value.trim().toLowerCase();
    const sorted = sort.value === 'given' ? given : [...given].sort(sort.value === 'name' ? byName : (a, b) => byName(b, a));
    let shown = 0;
    for (const row of sorted) {
      row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
      if (!row.hidden) shown += 1;
    }
    rows.append(...sorted);
    byId('no-match').hidden = shown > 0;
    byId('match-count').textContent = wanted === '' ? '' : shown + ' of ' + given.length;
  };
  filter.addEventListener('input', update);
  sort.addEventListener('change', update);
  // browsers keep the values of controls across a reload
  update();
}

const dialog = byId('enlarged');
const content = byId('enlarged-content');
let current = null;
const show = (link) => {
  current = link;
  const panel = link.closest('.panel').cloneNode(true);
  for (const node of panel.querySelectorAll('[id]')) node.removeAttribute('id');
  for (const node of panel.querySelectorAll('.hot')) node.classList.remove('hot');
  for (const details of panel.querySelectorAll('details')) details.open = true;
  const inner = panel.querySelector('.enlarge');
  inner.replaceWith(...inner.childNodes);
  const svg = panel.querySelector('svg');
  const box = svg.viewBox.baseVal;
  const scale = Math.min((innerWidth * 0.96 - 32) / box.width, innerHeight * 0.72 / box.height);
  svg.style.width = Math.floor(box.width * scale) + 'px';
  content.replaceChildren(panel);
  byId('enlarged-title').textContent = link.querySelector('svg').getAttribute('aria-label');
};
const move = (step) => {
  const links = [...document.querySelectorAll('.photo-row:not([hidden]) .enlarge')].filter((link) => link.offsetParent);
  const next = links[links.indexOf(current) + step];
  if (next) show(next);
};
document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('.enlarge') : null;
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link);
  dialog.showModal();
});
dialog.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowRight') move(1);
  if (event.key === 'ArrowLeft') move(-1);
});
dialog.addEventListener('click', (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener('close', () => {
  document.body.append(tooltip);
  tooltip.hidden = true;
  if (current) current.focus();
});
byId('close').addEventListener('click', () => dialog.close());
byId('next').addEventListener('click', () => move(1));
byId('previous').addEventListener('click', () => move(-1));
})();`;
