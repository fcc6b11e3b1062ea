import { fitCanvas } from './dom.js';
import { number } from './format.js';
import { confidenceCounts, DROPPED, NEW, probabilityCounts } from './scrubberdata.js';
import { colourOf, css, LEAST } from './scrubberpaint.js';

// The curve of the schedule over the slider, and how the guesses of a pass are spread.

export const STRIP = { height: 150, top: 24, bottom: 8, left: 46, right: 14 };

export const thousands = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, '\u2009');

export function stripX(width, position, last) {
  return STRIP.left + (position / Math.max(1, last)) * (width - STRIP.left - STRIP.right);
}

// Masked cells after each pass: what the schedule asks (line), what the pass left (dots).
export function drawSchedule(canvas, { width, runs, places, position, active, ink }) {
  const g = fitCanvas(canvas, width, STRIP.height);
  const most = Math.max(1, ...runs.flatMap((run) => run.stages.map((s) => s.begins)));
  const base = STRIP.height - STRIP.bottom;
  const y = (count) => base - (count / most) * (base - STRIP.top);
  const x = (at) => stripX(width, at, places.last);
  g.font = `11px ${ink('sans')}`;
  g.textBaseline = 'middle';
  g.strokeStyle = ink('rule');
  g.fillStyle = ink('faint-ink');
  g.textAlign = 'right';
  for (const count of [0, most]) {
    g.beginPath();
    g.moveTo(STRIP.left, Math.round(y(count)) + 0.5);
    g.lineTo(width - STRIP.right, Math.round(y(count)) + 0.5);
    g.stroke();
    g.fillText(thousands(count), STRIP.left - 7, y(count));
  }
  for (let s = 1; s < places.lengths.length; s++) {
    const at = Math.round(x(places.first(s))) + 0.5;
    g.beginPath();
    g.moveTo(at, STRIP.top - 12);
    g.lineTo(at, base);
    g.stroke();
    g.fillText('coarse', at - 6, 8);
    g.textAlign = 'left';
    g.fillText('fine', at + 6 > width - 24 ? width - 24 : at + 6, 8);
  }
  const half = Math.min(14, Math.max(2.5, (x(1) - x(0)) / 2));
  g.fillStyle = ink('accent-veil');
  g.fillRect(x(position) - half, STRIP.top - 8, 2 * half, base - STRIP.top + 12);
  const order = runs.map((_, i) => i).sort((a, b) => (a === active) - (b === active)); // the active one on top
  for (const index of order) {
    const run = runs[index];
    const colour = ink(index === 0 ? 'blue' : 'orange');
    const place = places.of(run, position);
    run.stages.forEach((stage, s) => {
      const pitch = places.lengths[s] / stage.passes;
      const at = (pass) => x(places.first(s) + pass * pitch);
      g.strokeStyle = ink('faint-ink');
      g.lineWidth = 1;
      g.beginPath();
      g.moveTo(at(0), y(stage.begins));
      stage.asked.forEach((count, i) => g.lineTo(at(i + 1), y(count)));
      g.stroke();
      g.fillStyle = colour;
      g.strokeStyle = colour;
      const size = width < 500 ? 1.5 : 2.2;
      // Run B's squares are hollow and larger, so that equal counts of both can be told apart.
      stage.done.forEach((count, i) => dot(g, at(i + 1), y(count), index ? size + 2 : size, index, index === 1));
      const here = s === place.stage;
      if (here) {
        const count = place.pass === 0 ? stage.begins : stage.done[place.pass - 1];
        g.fillStyle = ink('paper');
        dot(g, at(place.pass), y(count), 6.5, index);
        g.fillStyle = colour;
        dot(g, at(place.pass), y(count), 4.5, index);
        if (index === active) {
          const right = at(place.pass) < width - 110;
          g.fillStyle = ink('ink');
          g.textAlign = right ? 'left' : 'right';
          g.font = `600 12px ${ink('sans')}`;
          g.fillText(thousands(count), at(place.pass) + (right ? 10 : -10), Math.max(STRIP.top, y(count) - 9));
        }
      }
    });
  }
}

function dot(g, x, y, r, index, hollow = false) {
  g.beginPath();
  if (index === 0) g.arc(x, y, r, 0, 7);
  else g.rect(x - r, y - r, 2 * r, 2 * r);
  if (hollow) g.stroke();
  else g.fill();
}

const HIST = { height: 92, top: 6, bottom: 18 };

// Two spreads of one pass's guesses: by the confidence they are ranked by, and by their probability.
export function drawSpread(canvas, { width, stage, pass, theme, ink, what }) {
  const g = fitCanvas(canvas, width, HIST.height);
  const base = HIST.height - HIST.bottom;
  g.font = `11px ${ink('sans')}`;
  g.strokeStyle = ink('rule');
  g.beginPath();
  g.moveTo(0, base + 0.5);
  g.lineTo(width, base + 0.5);
  g.stroke();
  g.fillStyle = ink('faint-ink');
  g.textBaseline = 'alphabetic';
  if (pass === 0) {
    g.textAlign = 'center';
    g.fillText('nothing guessed yet', width / 2, base - 24);
    return;
  }
  const counts = what === 'confidence' ? confidenceCounts(stage, pass) : probabilityCounts(stage, pass, 64);
  const { kept, dropped } = what === 'confidence' ? folded(counts, 48) : counts;
  const bins = kept.length;
  const most = Math.max(1, ...kept.map((n, i) => n + dropped[i]));
  const scale = (base - HIST.top) / most;
  const step = width / bins;
  const hatch = hatching(g, theme);
  for (let i = 0; i < bins; i++) {
    const low = dropped[i] * scale;
    const high = kept[i] * scale;
    const bar = Math.max(1, step - 1);
    g.fillStyle = hatch;
    g.fillRect(i * step, base - low, bar, low);
    g.fillStyle = css(colourOf(NEW, 0.5, theme));
    g.fillRect(i * step, base - low - high, bar, high);
  }
  g.fillStyle = ink('faint-ink');
  const { low, high } = stage.confidence[pass - 1];
  const ends = what === 'confidence' ? [number(low, 1), number(high, 1)] : ['', '1'];
  g.textAlign = 'left';
  g.fillText(ends[0], 0, HIST.height - 4);
  g.textAlign = 'right';
  g.fillText(ends[1], width, HIST.height - 4);
  if (what === 'probability') {
    g.textAlign = 'center';
    for (const [byte, name] of [
      [LEAST, '1/1024'],
      [LEAST / 2, '1/32'],
    ])
      g.fillText(name, ((255 - byte) / 256) * width, HIST.height - 4);
  }
}

// Bars of dropped guesses are ruled across, so that they differ from the kept ones without colour too.
function hatching(g, theme) {
  const tile = document.createElement('canvas');
  tile.width = 1;
  tile.height = 3;
  const t = tile.getContext('2d');
  t.fillStyle = css(colourOf(DROPPED, 0.45, theme));
  t.fillRect(0, 0, 1, 3);
  t.fillStyle = css(colourOf(DROPPED, 0.8, theme));
  t.fillRect(0, 0, 1, 1);
  return g.createPattern(tile, 'repeat');
}

function folded({ kept, dropped }, bins) {
  const fold = (from) => {
    const out = new Uint32Array(bins);
    from.forEach((n, i) => {
      out[Math.floor((i * bins) / from.length)] += n;
    });
    return out;
  };
  return { kept: fold(kept), dropped: fold(dropped) };
}
