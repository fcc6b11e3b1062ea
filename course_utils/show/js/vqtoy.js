import { h } from './dom.js';
import { createFooter } from './footer.js';
import { number } from './format.js';
import { fitFrame, followPage, hideTwin } from './frame.js';
import { bindKeys } from './keys.js';
import { createStore } from './store.js';
import { countsOf, entropy, means, meanSquare, nearest, residuals, startEntries, unpackPoints } from './vq.js';
import { boundsOf, drawHistory, drawPlane, drawShares, mapping } from './vqplot.js';

// The toy of lesson 01: points of the plane choose between entries; entries are moved by hand or by k-means.

const MOST_STEPS = 1000; // k-means always comes to rest, but a page should not have to believe that
const EASE = (t) => t * t * (3 - 2 * t);

export async function vqtoy(root, data) {
  const points = unpackPoints(data.points);
  const store = createStore({ ...beginning(points, data.k, data.seed), points, ...RESTING, theme: 'light', width: 0 });
  const model = createModel(store, points);
  const parts = build(root, data, store, model);
  const view = createView({ store, model, parts, data, points });
  const motion = createMotion({ store, model, view });
  connect({ root, store, model, motion, parts, data });
  followPage(store, parts.body);
  view.redraw();
  fitFrame();
  hideTwin(data.twin);
  return { store, model, motion, points, redraw: view.redraw };
}

// What moves only while a step or a change of view is shown.
const RESTING = { spokes: 0, arrows: null, left: 0, zoomed: 0, held: -1, running: false, leftOver: false, zoom: false };

function beginning(points, k, seed) {
  const entries = startEntries(points, k, seed);
  const index = nearest(points, entries);
  const error = meanSquare(residuals(points, index, entries));
  return { k, seed, entries, shown: entries, index, error, history: [{ error, kind: 'start' }] };
}

// Everything that changes the codebook. `entries` are those the points have chosen from; `shown` may be on the way.
function createModel(store, points) {
  const measure = (entries) => {
    const index = nearest(points, entries);
    return { entries, shown: entries, index, error: meanSquare(residuals(points, index, entries)) };
  };
  return {
    begin(k, seed) {
      store.set({ ...beginning(points, k, seed), arrows: null, spokes: 0 });
    },
    // The first half of a step is done already: every point has chosen. This is the second half.
    target() {
      const { index, entries } = store.get();
      return means(points, index, entries);
    },
    // Take over moved entries: the points choose again. Returns how many of them chose differently.
    arrive(entries) {
      const before = store.get();
      const after = measure(entries);
      const changed = after.index.reduce((sum, e, n) => sum + (e !== before.index[n]), 0);
      const history = [...before.history, { error: after.error, kind: 'step' }];
      store.set({ ...after, history, arrows: before.entries });
      return changed;
    },
    // One entry by hand. A row of such moves is one entry of the history.
    place(e, x, y) {
      const { entries, history } = store.get();
      const moved = entries.slice();
      moved[2 * e] = x;
      moved[2 * e + 1] = y;
      const after = measure(moved);
      const kept = history[history.length - 1].kind === 'hand' ? history.slice(0, -1) : history;
      store.set({ ...after, history: [...kept, { error: after.error, kind: 'hand' }], arrows: null, spokes: 0 });
    },
  };
}

function build(root, data, store, model) {
  const button = (text, key, attributes = {}) =>
    h('button', { class: 'switch', type: 'button', 'aria-keyshortcuts': key, ...attributes }, text);
  const step = button('Step', 's', { class: 'switch main' });
  const run = button('Run', 'r');
  const scatter = button('New start', 'n');
  const leftOver = button('Show what is left over', 'l', { 'aria-pressed': 'false' });
  const zoom = button('Magnify', 'm', { 'aria-pressed': 'false', hidden: true });
  const slider = h('input', { type: 'range', min: '1', max: String(data.most), value: String(data.k), step: '1' });
  const count = h('b', { 'aria-hidden': 'true' }, String(data.k));
  const status = h('p', { class: 'vq-status', role: 'status', 'aria-live': 'polite' });
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const handles = h('div', {
    class: 'vq-handles',
    role: 'group',
    'aria-label': 'Entries: tab chooses one, arrows move it',
  });
  const stage = h('div', { class: 'vq-stage' }, canvas, handles);
  const read = Object.fromEntries(['error', 'drop', 'bits', 'entropy'].map((name) => [name, h('b', {})]));
  read.drop = h('small', {});
  const shares = h('canvas', { role: 'img' });
  const history = h('canvas', { role: 'img' });
  const table = h('tbody', {});
  const chart = (title, hint, node) =>
    h('div', { class: 'vq-chart' }, h('p', {}, h('b', {}, title), ' ', h('span', {}, hint)), node);
  const side = h(
    'div',
    { class: 'vq-side' },
    h('div', { class: 'vq-error' }, h('span', {}, 'Mean squared error'), h('div', {}, read.error, read.drop)),
    h(
      'div',
      { class: 'vq-bits' },
      h('div', {}, h('span', {}, 'Bits per point'), read.bits),
      h('div', {}, h('span', {}, 'Entropy of the choice'), read.entropy),
    ),
    chart('Share of the points', 'per entry', shares),
    chart('Error', 'after each step', history),
  );
  const body = h('div', { class: 'vq-body' }, stage, side);
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', data.title);
  root.replaceChildren(
    h('header', {}, h('h2', {}, data.title), h('p', { class: 'subtitle' }, data.subtitle)),
    h(
      'div',
      { class: 'vq-bar' },
      h('div', { class: 'controls' }, step, run, scatter),
      h('label', { class: 'vq-k' }, h('span', {}, 'Entries '), slider, count),
      h('div', { class: 'controls' }, leftOver, zoom),
    ),
    status,
    body,
    footer(data, table),
  );
  return {
    step,
    run,
    scatter,
    leftOver,
    zoom,
    slider,
    count,
    status,
    canvas,
    handles,
    stage,
    read,
    shares,
    history,
    table,
    body,
    side,
  };
}

function footer(data, table) {
  const more = h(
    'details',
    {},
    h('summary', {}, 'Entries as a table'),
    h(
      'table',
      { class: 'vq-table' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['entry', ...data.axes, 'points', 'share'].map((name) => h('th', { scope: 'col' }, name)),
        ),
      ),
      table,
    ),
  );
  const lines = [
    [['S'], 'one step of k-means'],
    [['R'], 'run, stop'],
    [['N'], 'new start'],
    [['L'], 'what is left over'],
    [['M'], 'magnify what is left over'],
    [['Tab'], 'to the entries, and from one to the next'],
    [['\u2190', '\u2191', '\u2193', '\u2192'], 'move the entry; with Shift in small steps'],
    [['Page\u2191', 'Page\u2193'], 'entry before, entry after'],
  ];
  return createFooter(data, lines, { more });
}

// Three or four figures that count, whatever the size: 0.01234, 1.234 x 10^-6.
export function figures(value, digits = 4) {
  if (value === 0) return '0';
  const power = Math.floor(Math.log10(Math.abs(value)));
  if (power < -4) {
    const raised = String(power).replace(
      /./g,
      (c) => '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b'['0123456789-'.indexOf(c)],
    );
    return `${number(value / 10 ** power, digits - 1)}\u2009\u00d7\u200910${raised}`;
  }
  return number(value, Math.max(0, digits - 1 - power));
}

function createView({ store, model, parts, data, points }) {
  const home = boundsOf(points);
  let inks = {};
  const ink = (name) => (inks[name] ??= getComputedStyle(parts.stage).getPropertyValue(`--${name}`).trim());
  const buttons = [];
  let asked = 0;

  // Measured once for each width of the page: asking between two drawings would make the browser lay out the page anew.
  let sizes = { of: 0 };
  function measured() {
    const { width } = store.get();
    if (sizes.of !== width) {
      sizes = { of: width, side: parts.stage.clientWidth, chart: parts.shares.parentNode.clientWidth };
      sizes.height = sizes.side > 480 ? 150 : 104;
      for (const chart of [parts.shares, parts.history]) chart.style.height = `${sizes.height}px`;
    }
    return sizes;
  }
  const side = () => measured().side;
  function windowNow({ left, zoomed, index, shown }) {
    let half = home.half;
    if (zoomed > 0) {
      const rest = residuals(points, index, shown);
      const most = rest.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || home.half;
      half = home.half * Math.min(1, (1.06 * most) / home.half) ** zoomed;
    }
    return { x: home.x * (1 - left), y: home.y * (1 - left), half };
  }

  function redraw() {
    asked = 0;
    const state = store.get();
    if (!state.width) return;
    const colours = data.colours[state.theme];
    const window = windowNow(state);
    const scene = { ...state, owners: state.entries, points, window, colours, side: side(), axes: data.axes, ink };
    drawPlane(parts.canvas, scene);
    placeHandles(state, mapping(window, side()), colours);
    const counts = countsOf(state.index, state.k);
    const { chart: width, height } = measured();
    drawShares(parts.shares, { counts, width, height, colours, held: state.held, ink });
    drawHistory(parts.history, { history: state.history, width, height, ink, format: (v) => figures(v, 3) });
    readOut(state, counts);
  }

  function placeHandles({ shown, k, left }, map, colours) {
    while (buttons.length < k) buttons.push(newHandle(buttons.length, parts));
    while (buttons.length > k) buttons.pop().remove();
    parts.handles.hidden = left > 0;
    const crowd = (k > 20 ? 2 : k > 12 ? 1 : 0) + (side() < 420 ? 1 : 0);
    parts.handles.dataset.size = ['large', 'middle', 'small', 'tiny'][crowd];
    buttons.forEach((button, e) => {
      button.style.transform = `translate(${map.x(shown[2 * e])}px, ${map.y(shown[2 * e + 1])}px)`;
      button.style.setProperty('--own', colours[e % 8]);
    });
  }

  function readOut({ error, history, k }, counts) {
    const start = history[0].error;
    parts.read.error.textContent = figures(error);
    const drop = start > 0 ? 100 * (error / start - 1) : 0;
    parts.read.drop.textContent =
      history.length > 1 ? `${drop > 0 ? '+' : ''}${number(drop, 0)}\u2009% since the start` : 'at the start';
    parts.read.bits.textContent = number(Math.log2(k), 2);
    parts.read.entropy.textContent = number(entropy(counts), 2);
  }

  // For readers of the page who do not see it: once things are at rest, not sixty times a second.
  function describe() {
    const { entries, index, k, history } = store.get();
    const counts = countsOf(index, k);
    const share = (e) => `${number((100 * counts[e]) / index.length, 1)} %`;
    const digits = Math.max(2, 2 - Math.floor(Math.log10(home.half)));
    parts.shares.setAttribute(
      'aria-label',
      `Share of the points: ${Array.from(counts, (_, e) => `entry ${e + 1} ${share(e)}`).join(', ')}`,
    );
    parts.history.setAttribute(
      'aria-label',
      `Error: ${history.map((item) => `${item.kind} ${figures(item.error, 3)}`).join(', ')}`,
    );
    parts.table.replaceChildren(
      ...Array.from(counts, (c, e) =>
        h(
          'tr',
          {},
          [e + 1, number(entries[2 * e], digits), number(entries[2 * e + 1], digits), c, share(e)].map((text) =>
            h('td', {}, String(text)),
          ),
        ),
      ),
    );
    buttons.forEach((button, e) => {
      const where = `${number(entries[2 * e], digits)}, ${number(entries[2 * e + 1], digits)}`;
      button.setAttribute('aria-valuenow', entries[2 * e].toPrecision(4));
      button.setAttribute('aria-valuetext', `${where}; ${share(e)} of the points`);
    });
  }

  function newHandle(e, { handles }) {
    const button = h(
      'button',
      {
        class: 'vq-handle',
        type: 'button',
        role: 'slider',
        'aria-label': `Entry ${e + 1}`,
        'aria-roledescription': 'movable entry',
        'aria-valuemin': (home.x - home.half).toPrecision(4),
        'aria-valuemax': (home.x + home.half).toPrecision(4),
      },
      h('span', {}, String(e + 1)),
    );
    const inside = (value, middle) => Math.min(Math.max(value, middle - home.half), middle + home.half);
    const place = (x, y) => model.place(e, inside(x, home.x), inside(y, home.y));
    let grip = null;
    button.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      const box = parts.canvas.getBoundingClientRect();
      const map = mapping(home, side());
      const { entries } = store.get();
      grip = {
        box,
        dx: map.x(entries[2 * e]) - (event.clientX - box.left),
        dy: map.y(entries[2 * e + 1]) - (event.clientY - box.top),
      };
      button.setPointerCapture(event.pointerId);
      button.focus();
      store.set({ running: false, held: e });
      event.preventDefault();
    });
    button.addEventListener('pointermove', (event) => {
      if (!grip) return;
      const box = parts.canvas.getBoundingClientRect();
      const map = mapping(home, side());
      place(map.backX(event.clientX - box.left + grip.dx), map.backY(event.clientY - box.top + grip.dy));
    });
    const release = () => {
      if (!grip) return;
      grip = null;
      settle(e);
    };
    button.addEventListener('pointerup', release);
    button.addEventListener('pointercancel', release);
    button.addEventListener('focus', () => store.set({ held: e }));
    button.addEventListener('blur', () => store.get().held === e && store.set({ held: -1 }));
    button.addEventListener(
      'pointerenter',
      () => !grip && document.activeElement?.closest('.vq-handle') === null && store.set({ held: e }),
    );
    button.addEventListener(
      'pointerleave',
      () => !grip && document.activeElement !== button && store.get().held === e && store.set({ held: -1 }),
    );
    const move = (dx, dy) => (event) => {
      const by = (2 * home.half) / (event.shiftKey ? 400 : 50);
      const { entries } = store.get();
      store.set({ running: false });
      place(entries[2 * e] + dx * by, entries[2 * e + 1] + dy * by);
      settle(e);
    };
    const go = (to) => () => buttons[(to() + buttons.length) % buttons.length].focus();
    bindKeys(button, {
      ArrowLeft: move(-1, 0),
      ArrowRight: move(1, 0),
      ArrowUp: move(0, 1),
      ArrowDown: move(0, -1),
      PageUp: go(() => e - 1),
      PageDown: go(() => e + 1),
      Home: go(() => 0),
      End: go(() => -1),
    });
    handles.append(button);
    return button;
  }

  function settle(e) {
    const { error, index, k } = store.get();
    const count = countsOf(index, k)[e];
    const share = number((100 * count) / index.length, 1);
    const nobody = count ? `${share} % of the points choose it` : 'no point chooses it';
    store.set({ said: `Entry ${e + 1} moved by hand: ${nobody}. Error ${figures(error)}.` });
    describe();
  }

  const later = () => {
    if (!asked) asked = requestAnimationFrame(redraw);
  };
  store.on(['theme'], () => {
    inks = {};
  });
  store.on(['entries', 'shown', 'spokes', 'arrows', 'left', 'zoomed', 'held', 'theme', 'width', 'history'], later);
  store.on(['said'], ({ said }) => {
    parts.status.textContent = said;
  });
  return { redraw, describe };
}

// What takes time: the two halves of a step, the run, the way to what is left over.
function createMotion({ store, model, view }) {
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let turn = 0; // whoever starts to move something else takes the turn; the one before gives up

  // Calls draw(0..1) for a while; resolves to false when something else began meanwhile.
  function during(milliseconds, mine, draw) {
    return new Promise((resolve) => {
      const began = performance.now();
      const tick = (now) => {
        if (turn !== mine) return resolve(false);
        const t = Math.min(1, Math.max(0, (now - began) / milliseconds));
        draw(t);
        return t < 1 ? requestAnimationFrame(tick) : resolve(true);
      };
      requestAnimationFrame(tick);
    });
  }

  async function oneStep(mine, pace) {
    const { entries, error, history } = store.get();
    const target = model.target();
    const count = history.filter((item) => item.kind === 'step').length + 1;
    if (!still.matches && pace > 0) {
      if (pace >= 1 && store.get().left === 0) {
        store.set({ arrows: null, said: `Step ${count}, first half: every point takes its nearest entry.` });
        if (!(await during(620, mine, (t) => store.set({ spokes: Math.min(1, 2.5 * t) })))) return null;
        store.set({ said: `Step ${count}, second half: every entry moves to the middle of its points.` });
      }
      store.set({ arrows: entries });
      const slide = (t) => {
        const f = EASE(t);
        store.set({ shown: entries.map((v, i) => v + f * (target[i] - v)), spokes: pace >= 1 ? 1 - f : 0 });
      };
      if (!(await during(620 * pace, mine, slide))) return null;
    }
    const changed = model.arrive(target);
    const after = store.get().error;
    store.set({ spokes: 0 });
    const moved = target.some((v, i) => v !== entries[i]);
    return { number: count, changed, moved, error, after };
  }

  function halt() {
    turn++;
    store.set({ shown: store.get().entries, spokes: 0, running: false });
  }

  async function step() {
    halt();
    const done = await oneStep(turn, 1);
    if (!done) return;
    const points = done.changed === 1 ? 'point now lies' : 'points now lie';
    store.set({
      said: done.moved
        ? `Step ${done.number} done: error ${figures(done.error)} \u2192 ${figures(done.after)}. ${done.changed} ${points} nearer to another entry.`
        : 'Nothing moves any more: every entry is in the middle of its points.',
    });
    if (!done.moved) forgetStep();
    view.describe();
  }

  // A step that moved nothing is no step: take its point off the curve.
  function forgetStep() {
    store.set({ history: store.get().history.slice(0, -1), arrows: null });
  }

  async function run() {
    if (store.get().running) return stop();
    halt();
    const mine = turn;
    const from = store.get().error;
    store.set({ running: true, said: 'Running: one step after another until nothing moves.' });
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const done = await oneStep(mine, Math.max(0.08, 0.7 * 0.86 ** steps));
      if (!done) return;
      if (done.moved) continue;
      forgetStep();
      const word = steps === 1 ? '1 step' : `${steps} steps`;
      store.set({
        running: false,
        said: `At rest after ${word}: error ${figures(from)} \u2192 ${figures(done.after)}. Nothing moves any more.`,
      });
      view.describe();
      return;
    }
    halt();
  }

  function stop() {
    halt();
    store.set({ said: `Stopped: error ${figures(store.get().error)}.` });
    view.describe();
  }

  function begin(k, seed) {
    halt();
    model.begin(k, seed);
    const { error } = store.get();
    store.set({
      said: `Start ${seed}: ${k} ${k === 1 ? 'entry' : 'entries'} on ${k === 1 ? 'a point' : 'points'} drawn at random. Error ${figures(error)}.`,
    });
    view.describe();
  }

  async function glide(key, on) {
    const [from, to] = [store.get()[key], on ? 1 : 0];
    if (still.matches) return store.set({ [key]: to });
    const began = performance.now();
    const wanted = { left: 'leftOver', zoomed: 'zoom' }[key];
    const tick = (now) => {
      if (store.get()[wanted] !== on) return;
      const t = Math.min(1, Math.max(0, (now - began) / 700));
      store.set({ [key]: from + EASE(t) * (to - from) });
      if (t < 1) requestAnimationFrame(tick);
    };
    return requestAnimationFrame(tick);
  }

  function showLeftOver() {
    const on = !store.get().leftOver;
    const { error, points } = store.get();
    store.set({
      leftOver: on,
      zoom: on && store.get().zoom,
      said: on
        ? `Every point less its entry: the mean square of this cloud is ${figures(error)}, that of the points ${figures(meanSquare(points))}. A second codebook would quantise this cloud.`
        : 'The points and their entries.',
    });
    glide('left', on);
    if (!on) glide('zoomed', false);
  }

  function magnify() {
    if (!store.get().leftOver) return;
    const on = !store.get().zoom;
    store.set({ zoom: on, said: on ? 'Magnified: see the numbers on the axes.' : 'On the scale of the points again.' });
    glide('zoomed', on);
  }

  // A hand on an entry stops whatever moves.
  store.on(['running'], ({ running }) => {
    if (!running) turn++;
  });
  return { step, run, stop, begin, showLeftOver, magnify, halt };
}

function connect({ root, store, motion, parts, data }) {
  const fresh = () => motion.begin(store.get().k, store.get().seed + 1);
  parts.step.addEventListener('click', motion.step);
  parts.run.addEventListener('click', motion.run);
  parts.scatter.addEventListener('click', fresh);
  parts.leftOver.addEventListener('click', motion.showLeftOver);
  parts.zoom.addEventListener('click', motion.magnify);
  parts.slider.addEventListener('input', () => motion.begin(Number(parts.slider.value), store.get().seed));
  parts.handles.addEventListener('pointerdown', motion.halt, true);
  parts.handles.addEventListener('keydown', (event) => event.key.startsWith('Arrow') && motion.halt(), true);
  store.on(['k'], ({ k }) => {
    parts.count.textContent = String(k);
    parts.slider.value = String(k);
  });
  store.on(['running'], ({ running }) => {
    parts.run.textContent = running ? 'Stop' : 'Run';
    parts.run.setAttribute('aria-pressed', String(running));
  });
  store.on(['leftOver', 'zoom'], ({ leftOver, zoom }) => {
    parts.leftOver.setAttribute('aria-pressed', String(leftOver));
    parts.zoom.hidden = !leftOver;
    parts.zoom.setAttribute('aria-pressed', String(zoom));
  });
  bindKeys(root, { s: motion.step, r: motion.run, n: fresh, l: motion.showLeftOver, m: motion.magnify });
  motion.begin(data.k, data.seed);
}
