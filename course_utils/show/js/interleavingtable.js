import { MODES } from './anticipate.js';
import { fitCanvas, h } from './dom.js';
import { number } from './format.js';
import { NAMES } from './interleavingmodel.js';
import { drawDistances } from './interleavingpaint.js';
import { createInk } from './pianorollpaint.js';

// The four modes side by side: how far each control stands from its event, and whether one can know when it is due.

export function createTable(root, store, model) {
  const ink = createInk(root, store);
  const rows = MODES.map((mode) => {
    const canvas = h('canvas', { role: 'img' });
    const cells = { median: h('b', {}), max: h('span', {}), known: h('span', {}) };
    const name = h('button', { class: 'il-name', type: 'button', onclick: () => store.set({ mode }) }, NAMES[mode]);
    const node = h(
      'div',
      { class: 'il-mode', role: 'row' },
      h('div', { role: 'rowheader' }, name),
      h('div', { class: 'il-dots', role: 'cell' }, canvas),
      h('div', { class: 'il-number', role: 'cell' }, cells.median),
      h('div', { class: 'il-number', role: 'cell' }, cells.max),
      h('div', { class: 'il-known', role: 'cell' }, cells.known),
    );
    return { mode, canvas, cells, node, name };
  });
  const head = h(
    'div',
    { class: 'il-mode head', role: 'row' },
    h('div', { role: 'columnheader', 'aria-label': 'order' }),
    ['tokens from each control to the event it concerns', 'median', 'largest', 'when a control is due'].map((text) =>
      h('div', { role: 'columnheader' }, text),
    ),
  );
  const element = h(
    'section',
    { class: 'il-table', role: 'table', 'aria-label': 'Distances and the stopping-time test' },
    head,
    rows.map((r) => r.node),
  );
  let room = [0, 0];

  function draw() {
    const { mode, delta, hover, width } = store.get();
    if (!width) return;
    const all = model.all(delta);
    const most = Math.max(30, ...all.map((a) => a.figures.max));
    if (room[0] !== width) room = [width, rows[0].canvas.parentElement.clientWidth];
    rows.forEach((row, i) => {
      const { found, figures, left } = all[i];
      const own = row.mode === mode;
      row.node.classList.toggle('on', own);
      row.name.setAttribute('aria-pressed', String(own));
      const marks = i === rows.length - 1;
      const height = marks ? 51 : 38;
      row.canvas.style.width = `${room[1]}px`;
      row.canvas.style.height = `${height}px`;
      const g = fitCanvas(row.canvas, room[1], height);
      const pointed = hover !== null && hover >= model.count ? hover - model.count : null;
      drawDistances(g, found, {
        width: room[1],
        height,
        most,
        hover: pointed,
        marks,
        ink,
        colour: ink(row.mode === 'autoregressive' ? 'faint-ink' : 'orange'),
        order: figures,
      });
      row.canvas.setAttribute(
        'aria-label',
        `${NAMES[row.mode]}: median ${figures.median}, largest ${figures.max} tokens`,
      );
      row.cells.median.textContent = number(figures.median, figures.median % 1 ? 1 : 0);
      row.cells.max.textContent = String(figures.max);
      row.cells.known.textContent = knownWords(row.mode, delta, left);
      row.cells.known.className = row.mode === 'sort' ? 'no' : '';
    });
  }

  function knownWords(mode, delta, left) {
    const bad = model.violations(mode, delta).length;
    if (mode === 'autoregressive') return 'never: nothing is given';
    const words = bad
      ? `\u2717 unknown after ${bad} of ${model.events.length} events`
      : '\u2713 known after every event';
    return left ? `${words}; ${left} find no place` : words;
  }

  return { element, draw };
}
