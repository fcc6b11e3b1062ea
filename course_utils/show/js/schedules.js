import { fitCanvas, h } from './dom.js';
import { createFooter } from './footer.js';
import { number } from './format.js';
import { fitFrame, followPage, hideTwin } from './frame.js';
import { cellAt, paintCodes } from './grid.js';
import { bindKeys } from './keys.js';
import { createStore } from './store.js';
import { chance } from './vq.js';

// Lesson 02: r moves over three curves, and each masks the same grid of real codes. course_utils/show/schedules.py draws
// the same curves and the same masks from the same seed.

const CHART = { height: 230, left: 44, right: 96, top: 12, bottom: 34 };
const ROW = 17; // pixels of a codebook
const GUTTER = 30; // for the codebooks' names

export function cornerHeights(seed, corners) {
  const draw = chance(seed);
  const drawn = Array.from({ length: corners }, draw).sort((a, b) => b - a);
  return [1, ...drawn, 0];
}

// The three curves by name: share r in 0..1 -> share of masked tokens.
export function gammas(seed, corners) {
  const heights = cornerHeights(seed, corners);
  return {
    cosine: (r) => Math.max(Math.cos((Math.PI * r) / 2), 0),
    linear: (r) => 1 - r,
    random(r) {
      const place = r * (heights.length - 1);
      const low = Math.min(Math.floor(place), heights.length - 2);
      return heights[low] + (place - low) * (heights[low + 1] - heights[low]);
    },
  };
}

// A number for each cell, row after row: a cell is masked while its number lies below the share.
export function luck(cells, seed) {
  const draw = chance(seed);
  return Float64Array.from({ length: cells }, draw);
}

export const maskedCount = (numbers, share) => numbers.reduce((sum, u) => sum + (u < share), 0);

export async function schedules(root, data) {
  const store = createStore({ r: data.r, seed: data.seed, over: null, theme: 'light', width: 0 });
  const model = createModel(store, data);
  const parts = build(root, data);
  const view = createView(store, model, parts, data);
  connect(root, store, parts, data);
  store.on(['r', 'seed', 'theme', 'width', 'over'], view.ask);
  followPage(store, parts.body);
  view.redraw();
  fitFrame();
  hideTwin(data.twin, data.alt);
  return { store, model, redraw: view.redraw };
}

// Everything that follows from r and the seed.
function createModel(store, data) {
  const cells = data.codes.length * data.codes[0].length;
  let drawn = { seed: null };
  const now = () => {
    const { seed } = store.get();
    if (drawn.seed !== seed) drawn = { seed, curves: gammas(seed, data.corners), numbers: luck(cells, seed) };
    return drawn;
  };
  return {
    cells,
    curve: (name) => now().curves[name],
    numbers: () => now().numbers,
    share: (name) => now().curves[name](store.get().r),
    masked(name) {
      return maskedCount(now().numbers, this.share(name));
    },
  };
}

function build(root, data) {
  const slider = h('input', {
    type: 'range',
    min: '0',
    max: '1',
    step: '0.01',
    value: String(data.r),
    'aria-label': 'r: share of the way from everything masked to nothing masked',
  });
  const value = h('b', { 'aria-hidden': 'true' });
  const fresh = h('button', { class: 'switch', type: 'button', 'aria-keyshortcuts': 'n' }, 'New masks');
  const chart = h('canvas', { role: 'img' });
  const rows = data.names.map((name) => {
    const told = h('span', {});
    const canvas = h('canvas', { role: 'img' });
    const head = h('p', {}, h('b', {}, name), ' ', told);
    return { name, told, canvas, head, box: h('div', { class: 'sch-grid', 'data-name': name }, head, canvas) };
  });
  const cell = h('p', { class: 'cell' });
  const live = h('p', { class: 'for-readers', role: 'status', 'aria-live': 'polite' });
  const body = h('div', { class: 'sch-body' }, chart, ...rows.map((row) => row.box), cell);
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', data.title);
  root.replaceChildren(
    h('header', {}, h('h2', {}, data.title), h('p', { class: 'subtitle' }, data.subtitle)),
    h(
      'div',
      { class: 'sch-bar' },
      h('label', { class: 'sch-r' }, h('span', {}, 'r'), slider, value),
      h('div', { class: 'controls' }, fresh),
    ),
    body,
    live,
    footer(data),
  );
  return { slider, value, fresh, chart, rows, cell, live, body };
}

function footer(data) {
  const lines = [
    [['\u2190', '\u2192'], 'move r by 0.01'],
    [['Page\u2191', 'Page\u2193'], 'move r by 0.1'],
    [['Home', 'End'], 'r = 0, everything masked; r = 1, nothing masked'],
    [['N'], 'new masks, and a new random curve'],
  ];
  return createFooter(data, lines);
}

function createView(store, model, parts, data) {
  let inks = { theme: null };
  const ink = (name) => {
    const { theme } = store.get();
    if (inks.theme !== theme) inks = { theme };
    return (inks[name] ??= getComputedStyle(parts.body).getPropertyValue(`--${name}`).trim());
  };
  const frames = data.codes[0].length;
  let painted = { theme: null };
  let asked = 0;

  const ask = () => {
    asked ||= requestAnimationFrame(redraw);
  };

  function redraw() {
    cancelAnimationFrame(asked);
    asked = 0;
    const { width, r, theme } = store.get();
    if (!width) return;
    parts.value.textContent = number(r, 2);
    if (painted.theme !== theme) painted = { theme, picture: paintCodes(data.codes, data.entries, theme) };
    drawChart(width);
    parts.rows.forEach((row, i) => drawGrid(row, i, width));
    readCell();
  }

  function drawChart(width) {
    const { theme, r } = store.get();
    const size = width > 560 ? CHART : { ...CHART, right: 14 };
    const w = width - size.left - size.right;
    const t = size.height - size.top - size.bottom;
    parts.chart.style.width = `${width}px`;
    parts.chart.style.height = `${size.height}px`;
    const g = fitCanvas(parts.chart, width, size.height);
    const x = (v) => size.left + v * w;
    const y = (v) => size.top + (1 - v) * t;
    drawAxes(g, x, y);
    g.strokeStyle = ink('soft-ink');
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(x(r), y(0));
    g.lineTo(x(r), y(1) - 4);
    g.stroke();
    const ends = data.names.map((name, i) => curve(g, x, y, name, i, data.colours[theme][i]));
    if (size.right > 50) names(g, x(1) + 12, ends);
    const told = data.names.map((name) => `${name} ${number(100 * model.share(name), 0)} %`).join(', ');
    parts.chart.setAttribute('aria-label', `Share of masked tokens at r = ${number(r, 2)}: ${told}`);
  }

  function drawAxes(g, x, y) {
    g.font = `11px ${ink('sans')}`;
    g.fillStyle = ink('faint-ink');
    g.strokeStyle = ink('rule');
    g.lineWidth = 1;
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    for (const v of [0, 0.25, 0.5, 0.75, 1]) {
      g.fillText(`${number(100 * v, 0)} %`, x(0) - 7, y(v));
      g.beginPath();
      g.moveTo(x(0), Math.round(y(v)) + 0.5);
      g.lineTo(x(1), Math.round(y(v)) + 0.5);
      g.stroke();
    }
    g.textAlign = 'center';
    g.textBaseline = 'top';
    for (const v of [0, 0.25, 0.5, 0.75, 1]) g.fillText(String(v), x(v), y(0) + 6);
    g.fillStyle = ink('soft-ink');
    g.fillText('r', x(0.5), y(0) + 19);
  }

  // Draws one curve and its dot; returns what its name needs.
  function curve(g, x, y, name, i, colour) {
    const gamma = model.curve(name);
    const { r } = store.get();
    g.strokeStyle = colour;
    g.lineWidth = 2;
    g.setLineDash(data.dashes[i]);
    g.beginPath();
    for (let n = 0; n <= 240; n++) g.lineTo(x(n / 240), y(gamma(n / 240)));
    g.stroke();
    g.setLineDash([]);
    g.fillStyle = colour;
    g.beginPath();
    g.arc(x(r), y(gamma(r)), 5, 0, 2 * Math.PI);
    g.fill();
    return { name, colour, y: y(gamma(r)), dash: data.dashes[i] };
  }

  // The names to the right, at the height of the dots, moved apart where they would touch.
  function names(g, at, ends) {
    const sorted = [...ends].sort((a, b) => a.y - b.y);
    const lowest = CHART.height - CHART.bottom;
    let next = CHART.top + 4;
    const places = sorted.map((end, i) => {
      const room = lowest - 16 * (sorted.length - 1 - i);
      const place = Math.min(Math.max(end.y, next), room);
      next = place + 16;
      return place;
    });
    g.textAlign = 'left';
    g.textBaseline = 'middle';
    g.font = `600 12px ${ink('sans')}`;
    sorted.forEach((end, i) => {
      g.fillStyle = end.colour;
      g.fillText(`${end.name} ${number(100 * model.share(end.name), 0)} %`, at, places[i]);
    });
  }

  function drawGrid(row, i, width) {
    const { theme } = store.get();
    const colour = data.colours[theme][i];
    const share = model.share(row.name);
    const height = ROW * data.codes.length;
    const box = { x: GUTTER, y: 0, width: width - GUTTER, height };
    row.canvas.style.width = `${width}px`;
    row.canvas.style.height = `${height}px`;
    const g = fitCanvas(row.canvas, width, height);
    g.imageSmoothingEnabled = false;
    g.drawImage(covered(share), box.x, 0, box.width, height);
    g.fillStyle = ink('paper');
    for (let level = 1; level < data.codes.length; level++) g.fillRect(box.x, ROW * level - 1, box.width, 2);
    g.fillStyle = ink('faint-ink');
    g.font = `11px ${ink('sans')}`;
    g.textAlign = 'right';
    g.textBaseline = 'middle';
    data.codes.forEach((_, level) => g.fillText(`c${level}`, GUTTER - 7, ROW * (level + 0.5)));
    const count = model.masked(row.name);
    row.head.style.setProperty('--own', colour);
    row.told.textContent = `asked ${number(100 * share, 1)}\u2009%, masked ${count} of ${model.cells}`;
    row.canvas.setAttribute('aria-label', `${row.name}: ${count} of ${model.cells} codes masked`);
  }

  // The grid as a picture, a pixel a code; masked ones in the grey of what is not known.
  function covered(share) {
    const copy = document.createElement('canvas');
    copy.width = frames;
    copy.height = data.codes.length;
    const g = copy.getContext('2d');
    g.drawImage(painted.picture, 0, 0);
    g.fillStyle = ink('ghost');
    const numbers = model.numbers();
    for (let n = 0; n < numbers.length; n++) {
      if (numbers[n] >= share) continue;
      g.clearRect(n % frames, Math.floor(n / frames), 1, 1);
      g.fillRect(n % frames, Math.floor(n / frames), 1, 1);
    }
    return copy;
  }

  function readCell() {
    const { over } = store.get();
    if (!over) {
      parts.cell.textContent = 'Grey: masked. Colour: a known code. Point at a cell to read it.';
      return;
    }
    const { frame, level, name } = over;
    const hidden = model.numbers()[level * frames + frame] < model.share(name);
    const code = data.codes[level][frame];
    parts.cell.textContent = `${name}: c${level}, frame ${frame}: ${hidden ? `[MASK], the answer is ${code}` : `code ${code}, known`}`;
  }

  return { ask, redraw };
}

function connect(root, store, parts, data) {
  const frames = data.codes[0].length;
  const fresh = () => store.set({ seed: store.get().seed + 1 });
  parts.slider.addEventListener('input', () => store.set({ r: Number(parts.slider.value) }));
  parts.fresh.addEventListener('click', fresh);
  store.on(['r'], ({ r }) => {
    parts.slider.value = String(r);
  });
  store.on(['seed'], ({ seed }) => {
    parts.live.textContent = `New masks, seed ${seed}`;
  });
  for (const { canvas, name } of parts.rows) {
    canvas.addEventListener('pointermove', (event) => {
      const at = canvas.getBoundingClientRect();
      const box = { x: GUTTER, y: 0, width: at.width - GUTTER, height: at.height };
      const cell = cellAt(event.clientX - at.left, event.clientY - at.top, box, data.codes.length, frames);
      store.set({ over: cell && { ...cell, name } });
    });
    canvas.addEventListener('pointerleave', () => store.set({ over: null }));
  }
  bindKeys(root, { n: fresh });
}
