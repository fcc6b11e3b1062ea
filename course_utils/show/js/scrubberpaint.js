import { DROPPED, KEPT, NEW, PROMPT, WAITING } from './scrubberdata.js';

// How a cell looks. What happened to it is told by its shape (and so without colour), and again by its hue; how sure
// the network was of it by how strongly it stands out from the paper.
//   kept: a full bar; kept in this pass: taller than that; prompt: a bar cut in two; dropped: thin; waiting: a line.

const RAMPS = {
  light: {
    [DROPPED]: ['#e2e6ea', '#bcc4cb', '#8a949e'],
    [KEPT]: ['#c3dcf0', '#4a93cb', '#0a4378'],
    [NEW]: ['#fcd5a6', '#ea8a26', '#b04500'],
    [PROMPT]: ['#2b323a', '#2b323a', '#2b323a'],
    [WAITING]: ['#d5dae0', '#d5dae0', '#d5dae0'],
  },
  dark: {
    [DROPPED]: ['#252b31', '#49525b', '#77818b'],
    [KEPT]: ['#17405f', '#3a8ac6', '#8fd0ff'],
    [NEW]: ['#5f370f', '#d5812c', '#ffbe70'],
    [PROMPT]: ['#eef1f4', '#eef1f4', '#eef1f4'],
    [WAITING]: ['#3a424b', '#3a424b', '#3a424b'],
  },
};

export const LEAST = 160; // the byte of probability 1/1024, pure chance among the entries: nothing below is told apart

export const strength = (byte) => Math.max(0, 1 - byte / LEAST);

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const STOPS = Object.fromEntries(
  Object.entries(RAMPS).map(([theme, ramps]) => [theme, Object.values(ramps).map((ramp) => ramp.map(channels))]),
);

// The colour of a kind of cell at a strength from 0 to 1: [r, g, b].
export function colourOf(kind, value, theme) {
  const stops = STOPS[theme][kind];
  const at = Math.min(Math.max(value, 0), 1) * 2;
  const i = Math.min(1, Math.floor(at));
  return stops[i].map((c, k) => Math.round(c + (at - i) * (stops[i + 1][k] - c)));
}

export const css = ([r, g, b]) => `rgb(${r},${g},${b})`;

// Colours as the words of an image, [kind * 256 + byte].
function colourTable(theme) {
  const table = new Uint32Array(5 * 256);
  for (let kind = 0; kind < 5; kind++) {
    for (let byte = 0; byte < 256; byte++) {
      const [r, g, b] = colourOf(kind, strength(byte), theme);
      table[kind * 256 + byte] = (255 << 24) | (b << 16) | (g << 8) | r;
    }
  }
  return table;
}

// The rows of a grid from top to bottom: coarse codebooks tall, finer ones lower. Sizes in CSS pixels.
export function rowsOf(run) {
  const rows = [];
  let y = 0;
  for (let row = 0; row < run.rows; row++) {
    const later = run.stages.length > 1 && row >= run.stages[1].first;
    if (later && row === run.stages[1].first) y += 5;
    const [flag, bar, gap] = later ? [3, 9, 2] : [6, 21, 3];
    rows.push({ y, flag, bar, height: flag + bar });
    y += flag + bar + gap;
  }
  return { rows, height: y };
}

// Whether the shape of a kind covers line y of a row.
export function covers(kind, y, { flag, bar }) {
  const inside = y - flag;
  if (inside < 0) return kind === NEW;
  const middle = (bar - 1) / 2;
  if (kind === DROPPED) return Math.abs(inside - middle) <= bar / 7 + 0.5;
  if (kind === WAITING) return Math.abs(inside - middle) < 0.6;
  if (kind === PROMPT) return Math.abs(inside - middle) > (bar > 10 ? 1.6 : 0.6);
  return true;
}

// Paints a grid as an image, one pixel a frame, one a line: 4 x 862 cells are a few hundred thousand pixels.
export function createPainter(run) {
  const { rows, height } = rowsOf(run);
  const canvas = document.createElement('canvas');
  canvas.width = run.frames;
  canvas.height = height;
  const g = canvas.getContext('2d');
  const image = g.createImageData(run.frames, height);
  const pixels = new Uint32Array(image.data.buffer);
  const shapes = rows.map((row) =>
    Array.from({ length: row.height }, (_, y) => [0, 1, 2, 3, 4].map((kind) => covers(kind, y, row))),
  );
  const tables = { light: colourTable('light'), dark: colourTable('dark') };
  const colours = new Uint32Array(run.frames);
  return {
    rows,
    height,
    paint({ kind, byte }, theme) {
      const table = tables[theme];
      rows.forEach((row, r) => {
        const from = r * run.frames;
        for (let t = 0; t < run.frames; t++) colours[t] = table[(kind[from + t] << 8) | byte[from + t]];
        for (let y = 0; y < row.height; y++) {
          const lit = shapes[r][y];
          const line = (row.y + y) * run.frames;
          for (let t = 0; t < run.frames; t++) pixels[line + t] = lit[kind[from + t]] ? colours[t] : 0;
        }
      });
      g.putImageData(image, 0, 0);
      return canvas;
    },
  };
}

// One large cell, for the magnifier and the legend, in the same shapes.
export function drawCell(g, { x, y, width, height }, kind, value, theme) {
  const flag = Math.round(height * 0.2);
  const bar = height - flag;
  const top = y + flag;
  const colour = css(colourOf(kind, value, theme));
  g.fillStyle = colour;
  if (kind === WAITING) g.fillRect(x, top + bar / 2 - 0.75, width, 1.5);
  else if (kind === KEPT) g.fillRect(x, top, width, bar);
  else if (kind === NEW) {
    g.fillRect(x, top, width, bar);
    g.fillRect(x, y, width, flag + 0.5);
  } else if (kind === PROMPT) {
    const cut = Math.max(2, bar * 0.12);
    g.fillRect(x, top, width, (bar - cut) / 2);
    g.fillRect(x, top + (bar + cut) / 2, width, (bar - cut) / 2);
  } else g.fillRect(x, top + bar * 0.36, width, bar * 0.28);
}
