import { MODES } from './anticipate.js';
import { h } from './dom.js';
import { createFooter } from './footer.js';
import { number } from './format.js';
import { fitFrame, hideTwin } from './frame.js';
import { createModel, NAMES } from './interleavingmodel.js';
import { layOut } from './interleavingpaint.js';
import { createSampler } from './interleavingsampler.js';
import { createStage } from './interleavingstage.js';
import { createTable } from './interleavingtable.js';
import { bindKeys } from './keys.js';
import { readTriples } from './pianorollevents.js';
import { createStore } from './store.js';
import { watchTheme } from './theme.js';

// Lesson 06: four orders of the same tokens, and whether a sampler that stands in the middle can know what comes next.

const SAYS = {
  autoregressive: 'Everything in order of time, the melody too: nothing is given, so nothing can be asked for.',
  seq2seq: 'All controls first, then all events: always known, but far from what they concern.',
  sort: 'Everything in order of time: each control beside what it concerns, but nobody knows when one is due.',
  anticipation: 'Each control right after the first event that begins no more than \u03b4 before it: near, and known.',
};

export async function interleaving(root, data) {
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const store = createStore({
    mode: data.mode,
    delta: data.delta,
    pos: data.place,
    hover: null,
    running: false,
    theme: 'light',
    width: 0,
  });
  const notes = readTriples(data.tokens);
  layOut(notes);
  const model = createModel(notes, data.events);
  const stage = createStage(root, store, model, data, still);
  const bar = createBar(store, data);
  const sampler = createSampler(root, store, model, data);
  const table = createTable(root, store, model);
  const live = h('p', { class: 'for-readers', role: 'status', 'aria-live': 'polite' });
  const body = h('div', { class: 'il-body' }, bar.element, stage.element, sampler.element, table.element);
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', data.title);
  root.replaceChildren(
    h('header', {}, h('h2', {}, data.title), h('p', { class: 'subtitle' }, data.subtitle)),
    body,
    live,
    footer(data),
  );
  const redraw = () => {
    stage.redraw();
    sampler.draw();
    table.draw();
  };
  const last = () => model.arrangement(store.get().mode, store.get().delta).order.length - 1;
  const go = (to) => store.set({ pos: Math.min(Math.max(to, 0), last()) });
  connect({ root, store, model, go, last, live, sampler, stage });
  watchTheme((theme) => {
    document.documentElement.dataset.theme = theme;
    store.set({ theme });
  });
  const measure = () => store.set({ width: body.clientWidth });
  new ResizeObserver(measure).observe(body);
  measure();
  redraw();
  store.on(['mode'], () => stage.animate());
  store.on(['mode', 'delta', 'pos', 'theme', 'width'], createAsk(redraw));
  store.on(
    ['hover'],
    createAsk(() => {
      stage.redraw();
      table.draw();
      sampler.point();
    }),
  );
  fitFrame();
  hideTwin(data.twin, data.alt);
  return { store, model, redraw, go, stage };
}

// Draws at most once a frame, however many keys changed.
function createAsk(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}

// --- mode and delta ---------------------------------------------------------------------------------------------

function createBar(store, data) {
  const modes = MODES.map((mode, i) =>
    h(
      'button',
      {
        class: 'switch',
        type: 'button',
        'aria-pressed': 'false',
        'aria-keyshortcuts': String(i + 1),
        onclick: () => store.set({ mode }),
      },
      NAMES[mode],
    ),
  );
  const slider = h('input', {
    type: 'range',
    min: '1',
    max: '10',
    step: '0.1',
    value: String(data.delta),
    'aria-label': 'delta: seconds by which a control is anticipated',
  });
  const value = h('b', { 'aria-hidden': 'true' });
  const says = h('p', { class: 'il-says' });
  const delta = h('label', { class: 'il-delta' }, h('span', {}, '\u03b4'), slider, value);
  slider.addEventListener('input', () => store.set({ delta: Number(slider.value), mode: 'anticipation' }));
  const show = (state) => {
    modes.forEach((button, i) => button.setAttribute('aria-pressed', String(MODES[i] === state.mode)));
    slider.value = String(state.delta);
    slider.setAttribute('aria-valuetext', `${number(state.delta, 1)} seconds`);
    value.textContent = `${number(state.delta, 1)} s`;
    delta.classList.toggle('off', state.mode !== 'anticipation');
    says.textContent = SAYS[state.mode];
  };
  store.on(['mode', 'delta'], show);
  show(store.get());
  const choose = h('div', { class: 'segment il-modes', role: 'group', 'aria-label': 'Arrangement' }, modes);
  return { element: h('div', {}, h('div', { class: 'il-bar' }, choose, delta), says) };
}

// --- keys ---------------------------------------------------------------------------------------------------------

function connect({ root, store, model, go, last, live, sampler, stage }) {
  let timer = 0;
  const halt = () => {
    clearInterval(timer);
    store.set({ running: false });
  };
  const toggle = () => {
    if (store.get().running) return halt();
    if (store.get().pos >= last()) go(0);
    store.set({ running: true });
    timer = setInterval(() => {
      if (!root.isConnected) return clearInterval(timer);
      go(store.get().pos + 1);
      if (store.get().pos >= last()) halt();
    }, 180);
  };
  const onStage = () => document.activeElement === stage.element;
  // The stage is a slider, which says its value itself.
  const moveTo = (place) => {
    go(place);
    if (!onStage()) live.textContent = stage.inWords();
  };
  const step = (by) => moveTo(store.get().pos + by);
  const due = () => {
    const { order } = model.arrangement(store.get().mode, store.get().delta);
    const found = order.findIndex((row, place) => place > store.get().pos && row >= model.count);
    if (found >= 0) moveTo(found);
    else live.textContent = 'No control follows';
  };
  Object.assign(sampler.steps, { go: step, toggle, due });
  store.on(['running'], ({ running }) => {
    sampler.run.textContent = running ? 'Pause' : 'Run';
    sampler.run.setAttribute('aria-label', running ? 'Pause' : 'Run through the order');
    live.textContent = running ? 'Running' : 'Paused';
  });
  store.on(['mode'], ({ mode }) => {
    go(store.get().pos);
    live.textContent = NAMES[mode];
  });
  store.on(['delta'], () => go(store.get().pos));
  const slide = (by) => {
    const delta = Math.min(10, Math.max(1, Math.round(10 * (store.get().delta + by)) / 10));
    store.set({ delta, mode: 'anticipation' });
    live.textContent = `\u03b4 ${number(delta, 1)} seconds`;
  };
  // Keys that a slider has, and that elsewhere scroll the page.
  const onSlider = (by) => () => onStage() && step(by);
  bindKeys(root, {
    ...Object.fromEntries(MODES.map((mode, i) => [String(i + 1), () => store.set({ mode })])),
    ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    ArrowUp: onSlider(1),
    ArrowDown: onSlider(-1),
    PageUp: onSlider(10),
    PageDown: onSlider(-10),
    Home: () => go(0),
    End: () => go(last()),
    p: toggle,
    n: due,
    d: () => slide(0.5),
    s: () => slide(-0.5),
  });
}

function footer(data) {
  return createFooter(data, [
    'Point at a note or at a place in the order to see where the other is; click to stand there.',
    [['1', '\u2026', '4'], 'autoregressive, seq2seq, sort by time, anticipation'],
    [['S', 'D'], '\u03b4 smaller, larger by 0.5 s'],
    [['\u2190', '\u2192'], 'one row back, on; with Shift ten'],
    [['N'], 'to the next control'],
    [['P'], 'run through the order, pause'],
    [['Home', 'End'], 'first row, last row'],
  ]);
}
