import { fitCanvas, h } from './dom.js';
import { createFooter } from './footer.js';
import { bindKeys } from './keys.js';
import { unpackLossy } from './lossy.js';
import { eventInWords, explainTriple, grouped, readTriples, soundName } from './pianorollevents.js';
import { AXIS, boxOf, createInk, drawEvent, drawRows, gutterOf, layOut, ring } from './pianorollpaint.js';
import { createShell } from './shell.js';

// The piano roll: every event of a piece as the model sees it, heard by instrument. One playhead, one track a part.

const FIRST_VIEW = 16; // seconds shown at first, of a longer piece
const CLOSEST = 1; // second: no view is shorter
const RIGHT = 8;
const DRAG = 5; // pixels a press must travel before it means a stretch
const OVERVIEW = 46;

export async function pianoroll(root, data) {
  const initial = {
    cursor: 0,
    hover: null,
    view: [0, Math.min(data.seconds, FIRST_VIEW)],
    muted: new Set(),
    solo: new Set(),
    shown: null, // the part whose name is pointed at: the others step back
  };
  const shell = await createShell(root, data, initial, unpackLossy);
  const { store, engine } = shell;
  const events = readTriples(data.tokens).map((event, i) => ({
    ...event,
    part: data.part_of[i],
    time: event.time - data.first,
    end: event.time - data.first + event.duration,
  }));
  const model = { ...shell, events, rows: layOut(events), ink: createInk(root, store), duration: data.seconds };
  model.heard = (part) => isHeard(store.get(), part);
  model.colour = (part) =>
    part < 0 ? model.ink('faint-ink') : data.colours[store.get().theme][data.parts[part].colour];
  model.words = (event) => eventInWords({ ...event, time: event.time + data.first }, data.names);
  const weigh = () => engine.select(data.parts.map((_, part) => (model.heard(part) ? 1 : 0)));
  store.on(['muted', 'solo'], weigh);
  weigh();

  const legend = createLegend(model);
  const overview = createOverview(model);
  const roll = createRoll(model);
  const card = createCard(model);
  shell.controls.append(createZoom(model));
  shell.body.append(legend.element, overview.element, roll.element, card.element, footer(data));
  connectKeys(model);
  followPlayhead(model);
  shell.readout.replaceChildren(h('span', { class: 'roll-count' }, data.count));
  roll.redraw();
  overview.redraw();
  return { ...model, redraw: roll.redraw };
}

const isHeard = ({ muted, solo }, part) => (solo.size ? solo.has(part) : !muted.has(part));

// --- view -----------------------------------------------------------------------------------------------------------

// A view of `length` seconds that begins near `from` and stays within the piece.
export function clampView(from, length, duration) {
  const long = Math.min(Math.max(length, Math.min(CLOSEST, duration)), duration);
  const start = Math.min(Math.max(from, 0), duration - long);
  return [start, start + long];
}

// The view after zooming by `factor` with the time `at` staying in place.
export function zoomView([from, to], factor, at, duration) {
  const length = Math.min(Math.max((to - from) / factor, Math.min(CLOSEST, duration)), duration);
  return clampView(at - ((at - from) / (to - from)) * length, length, duration);
}

function zoomBy(model, factor, at) {
  const { view, time, cursor } = model.store.get();
  const inside = (t) => t >= view[0] && t <= view[1];
  const place = model.events[cursor];
  const about = at ?? (inside(time) ? time : place && inside(place.time) ? place.time : (view[0] + view[1]) / 2);
  model.store.set({ view: zoomView(view, factor, about, model.duration) });
}

function scrollTo(model, from) {
  const [a, b] = model.store.get().view;
  model.store.set({ view: clampView(from, b - a, model.duration) });
}

// Moves the view, if it must, so that a time is in it.
function reveal(model, time, share = 0.1) {
  const [from, to] = model.store.get().view;
  if (time < from || time > to - 0.02 * (to - from)) scrollTo(model, time - share * (to - from));
}

// Changes the view, and says which seconds are shown then.
function showing(model, change) {
  change();
  const [from, to] = model.store.get().view.map((time) => (time + model.data.first).toFixed(1));
  model.live.textContent = `Shown: ${from} to ${to} s`;
}

const zoomIn = (model) => showing(model, () => zoomBy(model, 1.6));
const zoomOut = (model) => showing(model, () => zoomBy(model, 1 / 1.6));
const zoomAll = (model) => showing(model, () => model.store.set({ view: [0, model.duration] }));

function createZoom(model) {
  const { store } = model;
  const button = (text, label, key, onclick) =>
    h('button', { class: 'switch step', type: 'button', 'aria-label': label, 'aria-keyshortcuts': key, onclick }, text);
  const out = button('\u2212', 'Zoom out', '-', () => zoomOut(model));
  const into = button('+', 'Zoom in', 'Plus', () => zoomIn(model));
  const all = h(
    'button',
    {
      class: 'switch',
      type: 'button',
      'aria-keyshortcuts': '0',
      onclick: () => zoomAll(model),
    },
    'Whole piece',
  );
  const show = ({ view }) => {
    const length = view[1] - view[0];
    const held = document.activeElement;
    out.disabled = length >= model.duration - 1e-6;
    all.disabled = out.disabled;
    into.disabled = length <= CLOSEST + 1e-6;
    // A button that goes off takes the focus with it, and keys would be heard no more: the other one takes it over.
    if (held?.disabled) (out.disabled ? into : out).focus();
  };
  store.on(['view'], show);
  show(store.get());
  return h('div', { class: 'roll-zoom', role: 'group', 'aria-label': 'Zoom' }, out, into, all);
}

// While it plays, the view turns its page when the playhead leaves it.
function followPlayhead(model) {
  model.store.on(['time'], ({ playing, time }) => {
    if (playing) reveal(model, time, 0.04);
  });
}

// --- parts ----------------------------------------------------------------------------------------------------------

function flipped(set, part) {
  const next = new Set(set);
  if (!next.delete(part)) next.add(part);
  return next;
}

const mute = ({ store }, part) => store.set({ muted: flipped(store.get().muted, part), solo: new Set() });
const solo = ({ store }, part) => store.set({ solo: flipped(store.get().solo, part) });

function createLegend(model) {
  const { store, data } = model;
  const rows = data.parts.map((part, i) => {
    const swatch = h('i', { class: part.control ? 'swatch control' : 'swatch', 'aria-hidden': 'true' });
    const quiet = h(
      'button',
      {
        class: 'tiny',
        type: 'button',
        'aria-pressed': 'false',
        'aria-label': `Mute ${part.name}`,
        'aria-keyshortcuts': String(i + 1),
        onclick: () => mute(model, i),
      },
      'M',
    );
    const alone = h(
      'button',
      {
        class: 'tiny',
        type: 'button',
        'aria-pressed': 'false',
        'aria-label': `Solo ${part.name}`,
        onclick: () => solo(model, i),
      },
      'S',
    );
    const show = (shown) => () => store.set({ shown });
    const node = h(
      'li',
      {
        onpointerenter: show(i),
        onpointerleave: show(null),
        onfocusin: show(i),
        onfocusout: show(null),
        title: part.title,
      },
      h('kbd', { 'aria-hidden': 'true' }, String(i + 1)),
      swatch,
      h('span', { class: 'name' }, part.name),
      h('small', {}, part.says),
      quiet,
      alone,
    );
    return { node, swatch, quiet, alone };
  });
  const element = h(
    'ul',
    { class: 'roll-parts', 'aria-label': 'Parts: mute or solo' },
    rows.map((row) => row.node),
  );
  const draw = (state) => {
    rows.forEach(({ node, swatch, quiet, alone }, i) => {
      swatch.style.setProperty('--own', model.colour(i));
      quiet.setAttribute('aria-pressed', String(state.muted.has(i)));
      alone.setAttribute('aria-pressed', String(state.solo.has(i)));
      node.classList.toggle('off', !isHeard(state, i));
    });
  };
  store.on(['muted', 'solo', 'theme'], draw);
  draw(store.get());
  return { element };
}

// --- the whole piece, small ---------------------------------------------------------------------------------------

function createOverview(model) {
  const { store, events, data, ink } = model;
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const element = h('div', { class: 'roll-overview' }, canvas);
  const left = () => gutterOf(store.get().width);
  const span = () => Math.max(10, store.get().width - left() - RIGHT);
  const pitches = events.filter((e) => !e.rest).map((e) => e.pitch);
  const low = Math.min(...pitches, 127);
  const high = Math.max(...pitches, low + 1);

  function redraw() {
    const { width, view, time } = store.get();
    if (!width) return;
    const g = fitCanvas(canvas, width, OVERVIEW);
    const x = (t) => left() + (t / model.duration) * span();
    g.fillStyle = ink('wash');
    g.fillRect(left(), 0, span(), OVERVIEW);
    g.save();
    g.beginPath();
    g.rect(left(), 0, span(), OVERVIEW); // a note may sound on beyond the stretch that is shown
    g.clip();
    for (const event of events) {
      if (event.rest) continue;
      const y = 4 + ((high - event.pitch) / (high - low)) * (OVERVIEW - 10);
      g.globalAlpha = model.heard(event.part) ? 0.85 : 0.2;
      g.fillStyle = model.colour(event.part);
      g.fillRect(x(event.time), y, Math.max(1, x(event.end) - x(event.time)), 2);
    }
    g.restore();
    g.fillStyle = ink('veil');
    g.fillRect(left(), 0, x(view[0]) - left(), OVERVIEW);
    g.fillRect(x(view[1]), 0, left() + span() - x(view[1]), OVERVIEW);
    g.strokeStyle = ink('accent');
    g.lineWidth = 1.5;
    g.strokeRect(x(view[0]) + 0.75, 0.75, Math.max(2, x(view[1]) - x(view[0]) - 1.5), OVERVIEW - 1.5);
    g.fillStyle = ink('playhead');
    g.fillRect(x(time) - 0.75, 0, 1.5, OVERVIEW);
  }

  let grip = null;
  const at = (event) => {
    const share = (event.clientX - canvas.getBoundingClientRect().left - left()) / span();
    return Math.min(Math.max(share, 0), 1) * model.duration;
  };
  canvas.addEventListener('pointerdown', (event) => {
    const { view } = store.get();
    const time = at(event);
    grip = time >= view[0] && time <= view[1] ? time - view[0] : (view[1] - view[0]) / 2;
    canvas.setPointerCapture(event.pointerId);
    scrollTo(model, time - grip);
  });
  canvas.addEventListener('pointermove', (event) => grip !== null && scrollTo(model, at(event) - grip));
  for (const name of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(name, () => {
      grip = null;
    });
  }
  store.on(['width', 'theme', 'view', 'time', 'muted', 'solo'], redraw);
  return { element, redraw };
}

// --- the roll -------------------------------------------------------------------------------------------------------

function createRoll(model) {
  const { store, events, rows, ink, data } = model;
  const base = h('canvas', { 'aria-hidden': 'true' });
  const over = h('canvas', { class: 'over', 'aria-hidden': 'true' });
  const element = h(
    'div',
    {
      class: 'stage roll-stage',
      tabindex: '0',
      role: 'application',
      'aria-roledescription': 'piano roll',
      'aria-label': 'Piano roll: arrow keys go from event to event, Enter plays from there',
      'aria-describedby': 'roll-event',
    },
    base,
    over,
  );
  const height = rows.height + AXIS;
  element.style.height = `${height}px`;
  const left = () => gutterOf(store.get().width);
  const span = () => Math.max(10, store.get().width - left() - RIGHT);
  const xAt = (time) => {
    const [from, to] = store.get().view;
    return left() + ((time - from) / (to - from)) * span();
  };
  const timeAt = (px) => {
    const [from, to] = store.get().view;
    return from + Math.min(Math.max((px - left()) / span(), 0), 1) * (to - from);
  };
  // Draws within the roll alone; afterwards the whole canvas is there again, to be cleared and written on.
  const within = (g, draw) => {
    g.save();
    g.beginPath();
    g.rect(left() - 1, 0, span() + 2, height);
    g.clip();
    draw(g);
    g.restore();
  };
  const visible = () => {
    const [from, to] = store.get().view;
    return events.filter((e) => e.end >= from && e.time <= to);
  };

  function drawBase() {
    const { width, view, shown, theme } = store.get();
    if (!width) return;
    const g = fitCanvas(base, width, height);
    drawRows(g, rows, {
      x: xAt,
      left: left(),
      width: span(),
      from: view[0],
      to: view[1],
      first: data.first,
      ink,
      height,
      theme,
    });
    within(g, () => {
      for (const event of visible()) {
        const back = shown !== null && event.part !== shown;
        const alpha = event.rest ? 0.55 : back ? 0.15 : model.heard(event.part) ? 1 : 0.22;
        const look = { ...event, colour: model.colour(event.part), paper: ink('paper'), alpha };
        drawEvent(g, boxOf(event, rows, xAt), look);
      }
    });
  }

  function drawOver() {
    const { width } = store.get();
    if (width) within(fitCanvas(over, width, height), drawMarks);
  }

  function drawMarks(g) {
    const { view, time, region, hover, cursor, playing } = store.get();
    const bottom = height - AXIS + 4;
    if (region) {
      const [from, to] = region.map((t) => Math.min(Math.max(t, view[0]), view[1])).map(xAt);
      g.fillStyle = ink('veil');
      g.fillRect(left(), 0, from - left(), bottom);
      g.fillRect(to, 0, left() + span() - to, bottom);
      g.fillStyle = ink('accent');
      g.fillRect(from - 0.75, 0, 1.5, bottom);
      g.fillRect(to - 0.75, 0, 1.5, bottom);
    }
    for (const event of events) {
      // What sounds now stands out.
      if (event.rest || event.time > time || event.end <= time || !model.heard(event.part)) continue;
      if (!playing && time === 0) continue;
      const box = boxOf(event, rows, xAt);
      g.strokeStyle = ink('ink');
      g.lineWidth = 1.25;
      g.strokeRect(box.x, box.y, box.width, box.height);
    }
    for (const index of new Set([cursor, hover].filter((i) => i !== null))) {
      if (!events[index]) continue;
      const box = boxOf(events[index], rows, xAt);
      if (index === (hover ?? cursor)) {
        g.fillStyle = ink('accent-veil');
        g.fillRect(xAt(events[index].time), 0, Math.max(1, xAt(events[index].end) - xAt(events[index].time)), bottom);
      }
      ring(g, box, ink);
    }
    const at = xAt(time);
    g.fillStyle = ink('paper');
    g.fillRect(at - 1.75, 0, 3.5, bottom);
    g.fillStyle = ink('playhead');
    g.fillRect(at - 0.75, 0, 1.5, bottom);
  }

  const place = (event) => {
    const rect = element.getBoundingClientRect();
    return { px: event.clientX - rect.left, py: event.clientY - rect.top };
  };
  // The event under a point: of those within reach the nearest, and of these the one that begins last.
  function eventAt(px, py) {
    if (px < left() - 4) return null;
    let best = null;
    for (const event of visible()) {
      const box = boxOf(event, rows, xAt);
      const dx = Math.max(box.x - px, px - box.x - box.width, 0);
      const dy = Math.max(box.y - py, py - box.y - box.height, 0);
      const far = dx + dy;
      if (far <= 4 && (!best || far <= best.far)) best = { far, index: event.index };
    }
    return best && best.index;
  }
  model.eventAt = eventAt;
  model.boxOf = (index) => boxOf(events[index], rows, xAt);

  let press = null;
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    press = { ...place(event), dragging: false };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', (event) => {
    const { px, py } = place(event);
    if (!press) return store.set({ hover: eventAt(px, py) });
    if (Math.abs(px - press.px) > DRAG) press.dragging = true;
    if (press.dragging) store.set({ region: [timeAt(press.px), timeAt(px)].sort((a, b) => a - b), hover: null });
  });
  element.addEventListener('pointerup', (event) => {
    if (!press) return;
    const { dragging, px, py } = press;
    press = null;
    const { region } = store.get();
    if (dragging && region && region[1] - region[0] > 0.02) {
      store.set({ loop: true });
      model.seek(region[0]);
      return;
    }
    const to = timeAt(place(event).px);
    if (region && (to < region[0] || to > region[1])) store.set({ region: null });
    const index = eventAt(px, py);
    if (index !== null) store.set({ cursor: index });
    model.seek(index === null ? to : events[index].time);
  });
  element.addEventListener('pointercancel', () => {
    press = null;
  });
  element.addEventListener('pointerleave', () => store.set({ hover: null }));
  element.addEventListener(
    'wheel',
    (event) => {
      const [from, to] = store.get().view;
      if (event.ctrlKey) zoomBy(model, Math.exp(-event.deltaY / 300), timeAt(place(event).px));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        scrollTo(model, from + ((event.deltaX || event.deltaY) / span()) * (to - from));
      } else return; // a plain wheel scrolls the page
      event.preventDefault();
    },
    { passive: false },
  );

  const redraw = () => {
    drawBase();
    drawOver();
  };
  store.on(['view', 'width', 'theme'], redraw);
  store.on(['muted', 'solo', 'shown'], redraw);
  store.on(['time', 'region', 'hover', 'cursor', 'playing'], drawOver);
  return { element, redraw };
}

// --- one event --------------------------------------------------------------------------------------------------

function createCard(model) {
  const { store, events, data } = model;
  const head = h('p', { class: 'card-head', id: 'roll-event' });
  const tiles = h('div', { class: 'tiles' });
  const element = h('section', { class: 'roll-card', 'aria-label': 'The event at the cursor' }, head, tiles);
  function draw() {
    const { hover, cursor } = store.get();
    const event = events[hover ?? cursor];
    if (!event) return;
    const shifted = { ...event, time: event.time + data.first };
    const kind = event.control ? 'Control' : event.rest ? 'Rest' : 'Event';
    const swatch = h('i', { class: event.control ? 'swatch control' : 'swatch', 'aria-hidden': 'true' });
    swatch.style.setProperty('--own', model.colour(event.part));
    const first = 3 * event.index;
    head.replaceChildren(
      swatch,
      h('b', {}, event.rest ? 'REST' : `${data.names.instruments[event.instrument]}, ${soundName(event, data.names)}`),
      h(
        'span',
        {},
        `${kind} ${event.index + 1} of ${events.length} \u00b7 tokens ${grouped(first)} to ${grouped(first + 2)}`,
      ),
    );
    tiles.replaceChildren(
      ...explainTriple(shifted, data.names).map(({ name, token, sum, means }) =>
        h(
          'div',
          { class: 'tile' },
          h('small', {}, name),
          h('b', {}, grouped(token)),
          h('span', { class: 'sum' }, `= ${sum}`),
          h('span', { class: 'means' }, means),
        ),
      ),
    );
  }
  store.on(['hover', 'cursor', 'theme'], draw);
  draw();
  return { element };
}

// --- keys ---------------------------------------------------------------------------------------------------------

function connectKeys(model) {
  const { store, events, data, live } = model;
  const go = (index) => {
    if (index < 0 || index >= events.length) return;
    store.set({ cursor: index, hover: null });
    reveal(model, events[index].time);
    live.textContent = model.words(events[index]);
  };
  const along = (step) => {
    const { cursor } = store.get();
    const own = events[cursor]?.part;
    for (let i = cursor + step; i >= 0 && i < events.length; i += step) if (events[i].part === own) return go(i);
  };
  const byPart = (what) => () => {
    const part = events[store.get().cursor]?.part ?? -1;
    if (part < 0) return false;
    what(model, part);
    tell(part);
  };
  const tell = (part) => {
    live.textContent = `${data.parts[part].name} ${model.heard(part) ? 'is heard' : 'is silent'}`;
  };
  const page = (sign) => () => {
    const [from, to] = store.get().view;
    showing(model, () => scrollTo(model, from + sign * 0.8 * (to - from)));
  };
  const digits = Object.fromEntries(
    data.parts.map((_, i) => [
      String(i + 1),
      () => {
        mute(model, i);
        tell(i);
      },
    ]),
  );
  bindKeys(model.root, {
    ...model.keys,
    ...digits,
    ArrowRight: () => go(store.get().cursor + 1),
    ArrowLeft: () => go(store.get().cursor - 1),
    ArrowDown: () => along(1),
    ArrowUp: () => along(-1),
    Enter: () => {
      model.seek(events[store.get().cursor].time);
      if (!store.get().playing) model.play();
    },
    m: byPart(mute),
    s: byPart(solo),
    '+': () => zoomIn(model),
    '=': () => zoomIn(model),
    '-': () => zoomOut(model),
    0: () => zoomAll(model),
    PageUp: page(-1),
    PageDown: page(1),
  });
}

function footer(data) {
  return createFooter(data, [
    'Point at a note to read its three tokens; click to go there, drag to loop a stretch.',
    'Ctrl and wheel to zoom, Shift and wheel to scroll; or drag the frame over the whole piece.',
    [['Space'], 'play, pause'],
    [['\u2190', '\u2192'], 'event before, after'],
    [['\u2191', '\u2193'], 'the same part, before or after'],
    [['Enter'], 'play from this event'],
    [['M', 'S'], 'mute, solo the part of this event'],
    [['1', '\u2026', String(data.parts.length)], 'mute that part'],
    [['+', '\u2212', '0'], 'zoom in, zoom out, whole piece'],
    [['Page\u2191', 'Page\u2193'], 'scroll'],
    [['L'], 'loop'],
    [['[', ']'], 'start and end of the loop at the playhead'],
    [['Home', 'End'], 'start, end'],
  ]);
}
