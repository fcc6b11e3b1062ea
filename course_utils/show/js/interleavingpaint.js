// How the stepper is drawn: time above, order below, and a line from each note to its place in the order.

const EVENTS = 96; // pixels of the pitched events
const DRUMS = 20;
const CONTROLS = 46;
const AXIS = 20;
const LINKS = 92;
const STRIP = 38;
const FAILS = 9;
export const LAYOUT = (() => {
  const events = { top: 0, height: EVENTS };
  const drums = { top: EVENTS + 3, height: DRUMS };
  const controls = { top: drums.top + DRUMS + 7, height: CONTROLS };
  const axis = controls.top + CONTROLS;
  const strip = { top: axis + AXIS + LINKS, height: STRIP };
  return {
    events,
    drums,
    controls,
    axis,
    strip,
    fails: strip.top + STRIP + 2,
    height: strip.top + STRIP + FAILS + AXIS,
  };
})();

export const colourOf = (note, ink) => (note.rest ? ink('faint-ink') : note.control ? ink('orange') : ink('blue'));

export const gutterOf = (width) => (width < 520 ? 8 : 70);

// Where every note lies in time: y and height of each row, once.
export function layOut(notes) {
  const span = (chosen) => {
    const pitches = chosen.map((note) => note.pitch);
    return [Math.min(...pitches), Math.max(...pitches)];
  };
  const place = (lane, chosen, least) => {
    if (!chosen.length) return;
    const [low, high] = span(chosen);
    const row = Math.min(6, Math.max(least, (lane.height - 4) / (high - low + 1)));
    const room = lane.height - 4 - row;
    for (const note of chosen) {
      note.y = lane.top + 2 + (high > low ? (room * (high - note.pitch)) / (high - low) : room / 2);
      note.tall = Math.max(2, row - 0.5);
    }
  };
  place(
    LAYOUT.events,
    notes.filter((n) => !n.control && !n.rest && n.instrument !== 128),
    2.5,
  );
  place(
    LAYOUT.drums,
    notes.filter((n) => !n.control && n.instrument === 128),
    3,
  );
  place(
    LAYOUT.controls,
    notes.filter((n) => n.control),
    4,
  );
  for (const note of notes.filter((n) => n.rest)) {
    note.y = LAYOUT.drums.top + DRUMS / 2 - 2;
    note.tall = 4;
  }
}

export function drawLanes(g, { left, span, width, seconds, xTime, ink, names }) {
  g.font = `11px ${ink('sans')}`;
  g.textBaseline = 'middle';
  g.textAlign = 'right';
  for (const [lane, name] of [
    [LAYOUT.events, 'events'],
    [LAYOUT.drums, 'drums'],
    [LAYOUT.controls, 'controls'],
  ]) {
    g.fillStyle = ink('wash');
    g.fillRect(left, lane.top, span, lane.height);
    g.fillStyle = ink('faint-ink');
    if (names) g.fillText(name, left - 8, lane.top + lane.height / 2);
  }
  if (names) g.fillText('order', left - 8, LAYOUT.strip.top + STRIP / 2);
  g.textBaseline = 'alphabetic';
  g.strokeStyle = ink('rule');
  g.lineWidth = 1;
  const step = [1, 2, 5, 10, 20].find((s) => (span * s) / seconds >= 44) || 30;
  for (let t = 0; t <= seconds + 1e-6; t += step) {
    const x = Math.round(xTime(t)) + 0.5;
    g.beginPath();
    g.moveTo(x, 0);
    g.lineTo(x, LAYOUT.axis);
    g.stroke();
    g.fillStyle = ink('faint-ink');
    g.textAlign = t === 0 ? 'left' : x > width - 20 ? 'right' : 'center';
    g.fillText(t === 0 ? '0 s' : String(t), x, LAYOUT.axis + 14);
  }
}

export function drawOrderAxis(g, { left, span, width, total, ink }) {
  const tokens = 3 * total;
  const step = [30, 60, 90, 150, 300, 600, 900, 1500, 3000].find((s) => (span * s) / tokens >= 52) || 6000;
  g.font = `11px ${ink('sans')}`;
  g.fillStyle = ink('faint-ink');
  g.textBaseline = 'alphabetic';
  for (let token = 0; token <= tokens; token += step) {
    const x = left + (token / tokens) * span;
    g.textAlign = token === 0 ? 'left' : x > width - 24 ? 'right' : 'center';
    g.fillText(token === 0 ? 'token 0' : String(token), x, LAYOUT.height - 4);
  }
}

export function drawNote(g, note, xTime, colour, alpha) {
  const x = xTime(note.time);
  const width = note.rest ? 1.5 : Math.max(2, xTime(note.time + note.duration) - x - 0.5);
  g.globalAlpha = alpha;
  if (note.control) {
    g.fillStyle = colour;
    g.globalAlpha = alpha * 0.2;
    g.fillRect(x, note.y, width, note.tall);
    g.globalAlpha = alpha;
    g.strokeStyle = colour;
    g.lineWidth = 1.25;
    g.strokeRect(x + 0.6, note.y + 0.6, Math.max(0.5, width - 1.2), Math.max(0.5, note.tall - 1.2));
  } else {
    g.fillStyle = colour;
    g.fillRect(x, note.y, width, note.tall);
  }
  g.globalAlpha = 1;
}

// From a moment on the time axis down to a place in the order.
export function drawLink(g, from, to) {
  const top = LAYOUT.axis + AXIS - 1;
  const bottom = LAYOUT.strip.top - 2;
  const middle = (top + bottom) / 2;
  g.moveTo(from, LAYOUT.axis);
  g.lineTo(from, LAYOUT.axis + 3);
  g.moveTo(from, top);
  g.bezierCurveTo(from, middle, to, middle, to, bottom);
}

export function drawCell(g, note, x, width, colour, alpha) {
  const inset = note.control ? 0 : note.rest ? 13 : 6;
  g.globalAlpha = alpha;
  g.fillStyle = colour;
  g.fillRect(
    x + Math.min(0.5, width / 8),
    LAYOUT.strip.top + inset,
    Math.max(0.75, width - Math.min(1, width / 4)),
    STRIP - 2 * inset,
  );
  g.globalAlpha = 1;
}

// A bracket above the order from a control to the event it concerns, with the tokens between them.
export function drawDistance(g, from, to, tokens, { left, span, ink }) {
  const y = LAYOUT.strip.top - 18;
  g.strokeStyle = ink('ink');
  g.lineWidth = 1.25;
  g.beginPath();
  g.moveTo(from, y + 6);
  g.lineTo(from, y);
  g.lineTo(to, y);
  g.lineTo(to, y + 6);
  g.stroke();
  const words = `${tokens} tokens`;
  g.font = `600 12px ${ink('sans')}`;
  const room = g.measureText(words).width + 12;
  const middle = Math.min(Math.max((from + to) / 2, left + room / 2), left + span - room / 2);
  g.fillStyle = ink('paper');
  g.fillRect(middle - room / 2, y - 19, room, 17);
  g.fillStyle = ink('ink');
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillText(words, middle, y - 10);
}

// Distances of one arrangement, a dot a control, on a logarithmic scale of tokens; marks for median and largest.
export function drawDistances(g, found, { width, height, most, hover, marks, ink, colour, order }) {
  const left = 6;
  const x = (tokens) => left + (Math.log(Math.max(3, Math.abs(tokens)) / 3) / Math.log(most / 3)) * (width - left - 8);
  g.strokeStyle = ink('rule');
  g.fillStyle = ink('faint-ink');
  g.font = `10px ${ink('sans')}`;
  g.textBaseline = 'alphabetic';
  for (const tick of [3, 10, 30, 100, 300, 1000, 3000]) {
    if (tick > most) break;
    const at = Math.round(x(tick)) + 0.5;
    g.beginPath();
    g.moveTo(at, 0);
    g.lineTo(at, height - (marks ? 13 : 0));
    g.stroke();
    g.textAlign = tick === 3 ? 'left' : at > width - 18 ? 'right' : 'center';
    if (marks) g.fillText(String(tick), tick === 3 ? at - 5 : at, height - 2);
  }
  const room = height - (marks ? 13 : 0);
  const middle = room / 2;
  // Spread, the same for the same control in every row.
  const y = (i) => 6 + ((i * 0.618) % 1) * (room - 12);
  g.fillStyle = colour;
  g.globalAlpha = 0.5;
  for (const { control, tokens } of found) {
    g.beginPath();
    g.arc(x(tokens), y(control), 3, 0, 2 * Math.PI);
    g.fill();
  }
  g.globalAlpha = 1;
  if (!found.length) return;
  g.strokeStyle = ink('ink');
  g.lineWidth = 2;
  g.beginPath();
  g.moveTo(x(order.median), 2);
  g.lineTo(x(order.median), room - 2);
  g.stroke();
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(x(order.max), middle - 6);
  g.lineTo(x(order.max), middle + 6);
  g.stroke();
  const one = found.find((d) => d.control === hover);
  if (!one) return;
  g.beginPath();
  g.arc(x(one.tokens), y(one.control), 5.5, 0, 2 * Math.PI);
  g.fillStyle = colour;
  g.fill();
  g.lineWidth = 2;
  g.stroke();
}
