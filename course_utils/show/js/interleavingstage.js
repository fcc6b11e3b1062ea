import { fitCanvas, h } from './dom.js';
import { colourOf, drawCell, drawDistance, drawLanes, drawLink, drawNote } from './interleavingpaint.js';
import { drawOrderAxis, gutterOf, LAYOUT } from './interleavingpaint.js';
import { createInk } from './pianorollpaint.js';
import { eventInWords } from './pianorollevents.js';

// The picture under mouse and keyboard: time above, order below, and what moves between them.

const MOVE = 750; // milliseconds of the re-ordering
const RIGHT = 8;

export function createStage(root, store, model, data, still) {
  const { notes } = model;
  const ink = createInk(root, store);
  const base = h('canvas', { 'aria-hidden': 'true' });
  const over = h('canvas', { class: 'over', 'aria-hidden': 'true' });
  const element = h(
    'div',
    {
      class: 'stage il-stage',
      tabindex: '0',
      role: 'slider',
      'aria-label': 'Where the sampler stands in the order',
      'aria-valuemin': '0',
    },
    base,
    over,
  );
  element.style.height = `${LAYOUT.height}px`;
  // Where each row is drawn in the order: { x, alpha } in rows, while it moves and after.
  let shown = null;
  let moving = 0;

  const now = () => model.arrangement(store.get().mode, store.get().delta);
  const target = () => {
    const { place, order } = now();
    return notes.map((_, row) => (place[row] < 0 ? { x: order.length, alpha: 0 } : { x: place[row], alpha: 1 }));
  };
  const frame = () => {
    const { width } = store.get();
    const left = gutterOf(width);
    const span = Math.max(10, width - left - RIGHT);
    return {
      width,
      left,
      span,
      cell: span / notes.length,
      xTime: (t) => left + (t / data.seconds) * span,
      xRow: (row) => left + (row / notes.length) * span,
    };
  };

  function drawBase(places) {
    const box = frame();
    if (!box.width) return;
    const { mode, delta, pos } = store.get();
    const { order, place } = now();
    const g = fitCanvas(base, box.width, LAYOUT.height);
    drawLanes(g, { ...box, seconds: data.seconds, ink, names: box.left > 30 });
    drawOrderAxis(g, { ...box, total: notes.length, ink });
    // The tokens that the sampler has are in full colour; those still to come are pale. Controls are given, so they
    // are never quite gone.
    const alpha = (row) =>
      place[row] < 0 ? 0.3 : place[row] < pos ? 1 : notes[row].control && mode !== 'autoregressive' ? 0.6 : 0.34;
    drawWindow(g, box, mode, delta);
    const looks = mode === 'autoregressive' ? (note) => ({ ...note, control: false }) : (note) => note;
    notes.forEach((note, row) => {
      if (!note.rest) drawNote(g, looks(note), box.xTime, colourOf(note, ink), alpha(row));
    });
    for (const [chosen, colour, strong] of [
      [(n) => !n.control && !n.rest, 'blue', 0.1],
      [(n) => n.control, 'orange', 0.5],
    ]) {
      g.beginPath();
      notes.forEach((note, row) => {
        if (!chosen(note) || places[row].alpha === 0) return;
        drawLink(g, box.xTime(note.time), box.xRow(places[row].x) + box.cell / 2);
      });
      g.globalAlpha = strong;
      g.strokeStyle = ink(colour);
      g.lineWidth = 1;
      g.stroke();
      g.globalAlpha = 1;
    }
    notes.forEach((note, row) => {
      const at = places[row];
      if (at.alpha) drawCell(g, looks(note), box.xRow(at.x), box.cell, colourOf(note, ink), at.alpha * alpha(row));
    });
    drawFails(g, box, order.length);
  }

  // The stretch within which a control is placed: from the last event heard to delta after it.
  function drawWindow(g, box, mode, delta) {
    const { heard } = model.stand(mode, delta, store.get().pos);
    const from = box.xTime(heard / 100);
    if (mode === 'anticipation') {
      const to = Math.min(box.xTime(heard / 100 + delta), box.left + box.span);
      g.fillStyle = ink('accent-veil');
      g.fillRect(from, LAYOUT.controls.top - 3, Math.max(0, to - from), LAYOUT.controls.height + 3);
    }
    g.fillStyle = ink('playhead');
    g.fillRect(from - 0.75, 0, 1.5, LAYOUT.axis);
  }

  function drawFails(g, box, length) {
    const { mode, delta } = store.get();
    const bad = new Set(model.violations(mode, delta).map(({ place }) => place));
    g.fillStyle = ink('ghost');
    g.fillRect(box.left, LAYOUT.fails, box.cell * length, 4);
    g.fillStyle = ink('orange');
    for (const place of bad) g.fillRect(box.xRow(place), LAYOUT.fails, Math.max(1, box.cell), 4);
  }

  function drawOver() {
    const box = frame();
    if (!box.width) return;
    const { pos, hover } = store.get();
    const g = fitCanvas(over, box.width, LAYOUT.height);
    const places = shown || target();
    const { order, found } = now();
    const at = box.xRow(pos);
    g.fillStyle = ink('paper');
    g.fillRect(at - 2.5, LAYOUT.strip.top - 5, 5, LAYOUT.strip.height + 10);
    g.fillStyle = ink('playhead');
    g.fillRect(at - 1, LAYOUT.strip.top - 5, 2, LAYOUT.strip.height + 10);
    g.beginPath();
    g.moveTo(at - 5, LAYOUT.strip.top - 11);
    g.lineTo(at + 5, LAYOUT.strip.top - 11);
    g.lineTo(at, LAYOUT.strip.top - 4);
    g.fill();
    const row = hover ?? order[pos];
    if (row === undefined) return;
    const pair = found.find((d) => d.control === row - model.count);
    if (pair) {
      mark(g, box, pair.event, places, 1);
      drawDistance(
        g,
        box.xRow(places[row].x) + box.cell / 2,
        box.xRow(places[pair.event].x) + box.cell / 2,
        Math.abs(pair.tokens),
        { ...box, ink },
      );
    }
    mark(g, box, row, places, hover === null ? 1.5 : 2.25);
  }

  function mark(g, box, row, places, line) {
    const note = notes[row];
    const x = box.xTime(note.time);
    const to = box.xRow(places[row].x);
    g.strokeStyle = colourOf(note, ink);
    g.lineWidth = line;
    if (places[row].alpha) {
      g.beginPath();
      drawLink(g, x, to + box.cell / 2);
      g.stroke();
      g.strokeStyle = ink('ink');
      g.lineWidth = 1.5;
      g.strokeRect(to - 2, LAYOUT.strip.top - 2, box.cell + 4, LAYOUT.strip.height + 4);
    }
    g.strokeStyle = ink('ink');
    g.lineWidth = 1.5;
    const long = note.rest ? 2 : Math.max(3, box.xTime(note.time + note.duration) - x);
    g.strokeRect(x - 2, note.y - 2, long + 3, note.tall + 4);
  }

  function animate() {
    const from = shown || target.before;
    const to = target();
    cancelAnimationFrame(moving);
    if (still.matches || !from) {
      shown = null;
      return redraw();
    }
    const began = performance.now();
    const step = (clock) => {
      const part = Math.min(1, Math.max(0, (clock - began) / MOVE));
      const ease = part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
      shown = to.map((at, row) => ({
        x: from[row].x + ease * (at.x - from[row].x),
        alpha: from[row].alpha + ease * (at.alpha - from[row].alpha),
      }));
      if (part >= 1) shown = null;
      redraw();
      if (part < 1) moving = requestAnimationFrame(step);
    };
    shown = from;
    moving = requestAnimationFrame(step);
  }

  function redraw() {
    const places = shown || target();
    if (!shown) target.before = places;
    drawBase(places);
    drawOver();
    const { pos } = store.get();
    const { order } = now();
    element.setAttribute('aria-valuemax', String(order.length - 1));
    element.setAttribute('aria-valuenow', String(pos));
    element.setAttribute('aria-valuetext', inWords());
  }

  // Where the sampler stands: the place, what stands there, and for a control how far its event is.
  function inWords() {
    const { pos } = store.get();
    const { order, found } = now();
    const pair = found.find((d) => d.control === order[pos] - model.count);
    const far = pair ? `, ${Math.abs(pair.tokens)} tokens from the event it concerns` : '';
    return `place ${pos} of ${order.length}: ${eventInWords(notes[order[pos]], data.names)}${far}`;
  }

  const point = (event) => {
    const rect = element.getBoundingClientRect();
    return { px: event.clientX - rect.left, py: event.clientY - rect.top };
  };
  // The row under a point, in the order below or on the time line above.
  function rowAt({ px, py }) {
    const box = frame();
    if (py > LAYOUT.strip.top - 12) return now().order[Math.floor(((px - box.left) / box.span) * notes.length)] ?? null;
    let best = null;
    notes.forEach((note, row) => {
      if (note.rest) return;
      const x = box.xTime(note.time);
      const dx = Math.max(x - px, px - x - Math.max(3, box.xTime(note.time + note.duration) - x), 0);
      const dy = Math.max(note.y - py, py - note.y - note.tall, 0);
      if (dx + dy <= 5 && (!best || dx + dy < best.far)) best = { row, far: dx + dy };
    });
    return best && best.row;
  }
  let press = false;
  const jump = (spot) => {
    const box = frame();
    const place = Math.floor(((spot.px - box.left) / box.span) * notes.length);
    store.set({ pos: Math.min(Math.max(place, 0), now().order.length - 1), hover: null });
  };
  element.addEventListener('pointerdown', (event) => {
    const spot = point(event);
    if (spot.py > LAYOUT.strip.top - 14) {
      press = true;
      element.setPointerCapture(event.pointerId);
      jump(spot);
      return;
    }
    const row = rowAt(spot);
    if (row !== null && now().place[row] >= 0) store.set({ pos: now().place[row] });
  });
  element.addEventListener('pointermove', (event) => {
    if (press) jump(point(event));
    else store.set({ hover: rowAt(point(event)) });
  });
  for (const name of ['pointerup', 'pointercancel']) {
    element.addEventListener(name, () => {
      press = false;
    });
  }
  element.addEventListener('pointerleave', () => store.set({ hover: null }));
  return { element, redraw, animate, isMoving: () => shown !== null, where: () => shown || target(), frame, inWords };
}
