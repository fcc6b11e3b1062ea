import { pitchName, VOCAB } from './pianorollevents.js';

// How a piano roll is drawn: rows of pitches, rows of drums below them, a line of rests, and the notes upon them.

const ROLL = 360; // pixels of the pitched rows, about
const DRUM = 10; // pixels of a row of drums
const RESTS = 16;
const GAP = 10;
export const AXIS = 22;
const BLACK = new Set([1, 3, 6, 8, 10]);

// Colours and fonts of the style sheet, asked for once a theme.
export function createInk(root, store) {
  const known = new Map();
  return (name) => {
    const key = `${store.get().theme} ${name}`;
    if (!known.has(key)) known.set(key, getComputedStyle(root).getPropertyValue(`--${name}`).trim());
    return known.get(key);
  };
}

export const gutterOf = (width) => (width < 520 ? 40 : 62);

// Where each row lies: { pitched, drums, rests, height }, each lane with its top and height, or null.
export function layOut(events) {
  const pitched = events.filter((e) => !e.rest && e.instrument !== VOCAB.drums).map((e) => e.pitch);
  const drums = [...new Set(events.filter((e) => e.instrument === VOCAB.drums).map((e) => e.pitch))].sort(
    (a, b) => b - a,
  );
  const out = { pitched: null, drums: null, rests: null, height: 0 };
  let y = 4;
  if (pitched.length) {
    const low = Math.max(0, Math.min(...pitched) - 2);
    const high = Math.min(127, Math.max(...pitched) + 2);
    const count = high - low + 1;
    const row = Math.min(12, Math.max(4, Math.round(ROLL / count)));
    out.pitched = { top: y, height: row * count, low, high, row };
    y += row * count + GAP;
  }
  if (drums.length) {
    const row = drums.length > 14 ? 7 : DRUM;
    out.drums = { top: y, height: row * drums.length, row, at: new Map(drums.map((pitch, i) => [pitch, y + row * i])) };
    y += row * drums.length + GAP;
  }
  if (events.some((e) => e.rest)) {
    out.rests = { top: y, height: RESTS };
    y += RESTS + GAP;
  }
  out.height = y - GAP + 4;
  return out;
}

// The box of one event in the roll, in pixels; x(time) says where a time lies.
export function boxOf(event, rows, x) {
  const left = x(event.time);
  if (event.rest) return { x: left - 1, y: rows.rests.top + 3, width: 2, height: RESTS - 6 };
  if (event.instrument === VOCAB.drums) {
    const { at, row } = rows.drums;
    const width = Math.max(3, Math.min(x(event.time + event.duration) - left, 9));
    return { x: left, y: at.get(event.pitch) + 1, width, height: row - 2 };
  }
  const { top, high, row } = rows.pitched;
  const width = Math.max(2.5, x(event.time + event.duration) - left - 0.75);
  return { x: left, y: top + (high - event.pitch) * row + 0.5, width, height: row - 1 };
}

// The rows, their names to the left, and a line a second (or more) from `from` to `to`.
export function drawRows(g, rows, { x, left, width, from, to, first, ink, height, theme }) {
  g.font = `10px ${ink('sans')}`;
  g.textBaseline = 'middle';
  g.textAlign = 'right';
  if (rows.pitched) drawPitches(g, rows.pitched, { left, width, ink, theme });
  if (rows.drums) drawLane(g, rows.drums, 'drums', left, width, ink);
  if (rows.rests) drawLane(g, rows.rests, 'rests', left, width, ink);
  const step = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60].find((s) => x(s) - x(0) >= 52) || 120;
  g.font = `11px ${ink('sans')}`;
  g.textBaseline = 'alphabetic';
  g.lineWidth = 1;
  for (let t = Math.ceil(from / step - 1e-9) * step; t <= to + 1e-6; t += step) {
    const at = Math.round(x(t)) + 0.5;
    g.strokeStyle = ink('rule');
    g.beginPath();
    g.moveTo(at, 4);
    g.lineTo(at, height - AXIS + 4);
    g.stroke();
    g.fillStyle = ink('faint-ink');
    g.textAlign = at - left < 12 ? 'left' : left + width - at < 14 ? 'right' : 'center';
    g.fillText(`${Number((t + first).toFixed(2))}${t - step < from - 1e-9 ? ' s' : ''}`, at, height - 5);
  }
}

function drawPitches(g, { top, height, low, high, row }, { left, width, ink, theme }) {
  const keys = theme === 'dark' ? ['faint-ink', 'paper'] : ['ghost', 'soft-ink'];
  g.fillStyle = ink('wash');
  g.fillRect(left, top, width, height);
  for (let pitch = low; pitch <= high; pitch++) {
    const y = top + (high - pitch) * row;
    const black = BLACK.has(pitch % 12);
    if (black) {
      g.fillStyle = ink('wash');
      g.fillRect(left, y, width, row);
    }
    // A strip of the keyboard beside the rows.
    g.fillStyle = ink(keys[0]);
    g.fillRect(left - 14, y + 0.25, 12, row - 0.5);
    g.fillStyle = ink(keys[1]);
    if (black) g.fillRect(left - 14, y + 0.25, 8, row - 0.5);
    if (pitch % 12) continue;
    g.fillStyle = ink('rule');
    g.fillRect(left, y + row - 0.5, width, 1);
    g.fillStyle = ink('faint-ink');
    g.fillText(pitchName(pitch), left - 19, y + row / 2);
  }
}

function drawLane(g, { top, height }, name, left, width, ink) {
  g.fillStyle = ink('wash');
  g.fillRect(left, top, width, height);
  g.fillStyle = ink('faint-ink');
  g.fillText(name, left - 6, top + height / 2);
}

// One event: filled, or hollow with a strong outline if it is a control.
export function drawEvent(g, box, { colour, paper, control, rest, alpha }) {
  g.globalAlpha = alpha;
  g.fillStyle = colour;
  if (rest) {
    g.fillRect(box.x, box.y, box.width, box.height);
  } else if (control) {
    const line = Math.min(1.75, box.height / 3);
    path(g, {
      x: box.x + line / 2,
      y: box.y + line / 2,
      width: Math.max(1, box.width - line),
      height: box.height - line,
    });
    g.globalAlpha = alpha * 0.16;
    g.fill();
    g.globalAlpha = alpha;
    g.strokeStyle = colour;
    g.lineWidth = line;
    g.stroke();
  } else {
    path(g, box);
    // Keeps apart what touches, such as a note struck again while it sounds.
    g.strokeStyle = paper;
    g.lineWidth = 1;
    if (box.width > 3) g.stroke();
    g.fill();
  }
  g.globalAlpha = 1;
}

export function ring(g, box, ink) {
  for (const [grow, colour, line] of [
    [2.5, ink('paper'), 4.5],
    [2.5, ink('ink'), 2],
  ]) {
    path(g, { x: box.x - grow, y: box.y - grow, width: box.width + 2 * grow, height: box.height + 2 * grow });
    g.strokeStyle = colour;
    g.lineWidth = line;
    g.stroke();
  }
}

function path(g, { x, y, width, height }) {
  g.beginPath();
  if (g.roundRect) g.roundRect(x, y, width, height, Math.min(2, width / 2, height / 2));
  else g.rect(x, y, width, height);
}
