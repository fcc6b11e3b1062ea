import { fitCanvas, h } from './dom.js';
import { seconds } from './format.js';
import { shade } from './palette.js';
import { gutters } from './timeline.js';
import { drawWave, peaks } from './wave.js';

// Waveform and code grid over one time axis, to paint a mask on. Kept tokens show their code as a colour, generated
// ones are empty. Two canvases: one for what changes with the mask, one above it for playhead and brush.

const WAVE = 56;
const GAP = 12;
const AXIS = 22;
const ZOOMS = [1, 4, 16];

export function createPaintStage(shell, { sound, paint, endStroke }) {
  const { store, data, engine } = shell;
  const [levels, frames] = [data.codes.length, data.codes[0].length];
  const pitch = levels > 6 ? 17 : 26;
  const top = WAVE + GAP;
  const height = top + levels * pitch + AXIS;
  const base = h('canvas', { 'aria-hidden': 'true' });
  const over = h('canvas', { class: 'over', 'aria-hidden': 'true' });
  const stage = h(
    'div',
    {
      class: 'stage paint',
      tabindex: '0',
      role: 'application',
      'aria-roledescription': 'mask to paint on',
      'aria-label': 'Mask: arrows move, K keeps, G generates',
      style: `height: ${height}px`,
    },
    base,
    over,
  );
  const ink = (name) => getComputedStyle(stage).getPropertyValue(`--${name}`).trim();
  const span = () => Math.ceil(frames / store.get().zoom); // frames in view
  const from = () => Math.min(Math.max(0, store.get().view), frames - span());
  const geometry = () => {
    const { left, right } = gutters(store.get().width);
    return { x: left, width: Math.max(10, store.get().width - left - right) };
  };
  const xOf = (frame) => geometry().x + ((frame - from()) / span()) * geometry().width;
  const frameOf = (px) => Math.floor(from() + ((px - geometry().x) / geometry().width) * span());
  const rowOf = (py) => Math.floor((py - top) / pitch);

  const lit = document.createElement('canvas');
  lit.width = frames;
  lit.height = levels;
  let colours = null;
  function colourCodes(theme) {
    const table = Array.from({ length: 256 }, (_, i) => shade(0.24 + (0.6 * i) / 255, theme));
    colours = new Uint8ClampedArray(4 * levels * frames);
    data.codes.flat().forEach((code, i) => colours.set(table[Math.floor((255 * code) / (data.entries - 1))], 4 * i));
  }

  function drawBase() {
    const { width, mask, theme } = store.get();
    if (!width) return;
    if (!colours) colourCodes(theme);
    const g = fitCanvas(base, width, height);
    const box = geometry();
    drawSound(g, box);
    const picture = lit.getContext('2d');
    const image = new ImageData(colours.slice(), frames, levels);
    mask.generate.forEach((value, i) => {
      image.data[4 * i + 3] = value ? 0 : 255;
    });
    picture.putImageData(image, 0, 0);
    g.imageSmoothingEnabled = span() > box.width * (globalThis.devicePixelRatio || 1);
    g.imageSmoothingQuality = 'high';
    g.font = `11px ${ink('mono')}`;
    g.textBaseline = 'middle';
    for (let row = 0; row < levels; row++) {
      const y = top + row * pitch;
      g.fillStyle = ink('ghost');
      g.fillRect(box.x, y, box.width, pitch - 2);
      g.drawImage(lit, from(), row, span(), 1, box.x, y, box.width, pitch - 2);
      g.fillStyle = ink('soft-ink');
      g.textAlign = 'right';
      g.fillText(`c${row}`, box.x - 7, y + pitch / 2 - 1);
    }
    drawShares(g, box);
    drawAxis(g, box);
  }

  function drawSound(g, box) {
    const values = peaks(sound(), Math.max(60, Math.round(box.width * store.get().zoom)));
    const columns = values.length / 2;
    const first = Math.round((from() / frames) * columns);
    const part = values.subarray(2 * first, 2 * (first + Math.round((span() / frames) * columns)));
    let loudest = 1e-3;
    for (const v of values) loudest = Math.max(loudest, Math.abs(v));
    drawWave(g, part, { ...box, y: 0, height: WAVE, zoom: 0.96 / loudest, colour: ink('accent') });
    g.fillStyle = ink('orange');
    for (const time of data.beats) {
      const x = xOf(time * data.frame_rate);
      if (x < box.x || x > box.x + box.width) continue;
      g.beginPath();
      g.moveTo(x - 3.5, top - 9);
      g.lineTo(x + 3.5, top - 9);
      g.lineTo(x, top - 3);
      g.fill();
    }
  }

  function drawShares(g, box) {
    const { shares } = store.get();
    g.textAlign = 'left';
    shares.forEach((share, row) => {
      g.fillStyle = share > 0 ? ink('ink') : ink('faint-ink');
      g.fillText(`${Math.round(100 * share)}%`, box.x + box.width + 5, top + (row + 0.5) * pitch - 1);
    });
  }

  function drawAxis(g, box) {
    const long = span() / data.frame_rate;
    const room = Math.max(2, Math.floor(box.width / 64));
    const step = [0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 60].find((s) => long / s <= room) || 60;
    const start = from() / data.frame_rate;
    g.fillStyle = ink('faint-ink');
    g.font = `11px ${ink('sans')}`;
    g.textAlign = 'center';
    g.textBaseline = 'alphabetic';
    for (let n = Math.ceil(start / step - 1e-9); n * step <= start + long + 1e-9; n++) {
      const x = Math.round(xOf(n * step * data.frame_rate));
      g.fillRect(x, height - AXIS + 3, 1, 4);
      g.fillText(seconds(n * step, step < 0.1 ? 2 : step < 1 ? 1 : 0), x, height - 3);
    }
  }

  // The rows and frames that a touch of the brush at a token covers: [first row, last row, first frame, end].
  const brush = ({ row, frame }) => {
    const { size, all } = store.get();
    const start = frame - Math.floor((size - 1) / 2);
    return [all ? 0 : row, all ? levels - 1 : row, Math.max(0, start), Math.min(frames, start + size)];
  };

  function drawOver() {
    const { width, time, cursor, theme } = store.get();
    if (!width) return;
    const g = fitCanvas(over, width, height);
    const box = geometry();
    g.save();
    g.beginPath();
    g.rect(box.x - 2, 0, box.width + 4, height);
    g.clip();
    const x = xOf(time * data.frame_rate);
    g.fillStyle = ink('paper');
    g.fillRect(x - 1.75, 0, 3.5, height - AXIS);
    g.fillStyle = ink('playhead');
    g.fillRect(x - 0.75, 0, 1.5, height - AXIS);
    if (cursor) {
      const [low, high, start, end] = brush(cursor);
      const wide = Math.max(3, xOf(end) - xOf(start));
      const y = top + low * pitch;
      g.lineWidth = 3.5;
      g.strokeStyle = theme === 'dark' ? '#000' : '#fff';
      g.strokeRect(xOf(start) - 1, y - 1.5, wide + 2, (high - low + 1) * pitch + 1);
      g.lineWidth = 1.5;
      g.strokeStyle = ink('orange');
      g.strokeRect(xOf(start) - 1, y - 1.5, wide + 2, (high - low + 1) * pitch + 1);
    }
    g.restore();
  }

  const place = (event) => {
    const rect = stage.getBoundingClientRect();
    return { px: event.clientX - rect.left, py: event.clientY - rect.top };
  };
  const token = ({ px, py }) => ({
    row: Math.min(Math.max(rowOf(py), 0), levels - 1),
    frame: Math.min(Math.max(frameOf(px), 0), frames - 1),
  });
  let stroke = null; // the last token painted while the button is down
  stage.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    const at = place(event);
    if (at.py < top - GAP / 2 || at.py > height - AXIS) {
      shell.seek(Math.min(engine.duration, token(at).frame / data.frame_rate));
      return;
    }
    stage.setPointerCapture(event.pointerId);
    stroke = token(at);
    store.set({ cursor: stroke });
    paint([brush(stroke)], store.get().tool === 'keep', true);
  });
  stage.addEventListener('pointermove', (event) => {
    const at = place(event);
    const inside = at.py >= top && at.py <= height - AXIS;
    if (stroke || inside) store.set({ cursor: token(at) });
    if (!stroke) return;
    const now = token(at);
    const steps = Math.max(Math.abs(now.frame - stroke.frame), Math.abs(now.row - stroke.row), 1);
    const line = Array.from({ length: steps }, (_, i) => ({
      row: Math.round(stroke.row + ((i + 1) / steps) * (now.row - stroke.row)),
      frame: Math.round(stroke.frame + ((i + 1) / steps) * (now.frame - stroke.frame)),
    }));
    paint(line.map(brush), store.get().tool === 'keep', false);
    stroke = now;
  });
  const lift = () => {
    if (!stroke) return;
    stroke = null;
    endStroke();
  };
  stage.addEventListener('pointerup', lift);
  stage.addEventListener('pointercancel', lift);
  stage.addEventListener(
    'pointerleave',
    () => !stroke && document.activeElement !== stage && store.set({ cursor: null }),
  );

  const here = () => store.get().cursor || token({ px: xOf(store.get().time * data.frame_rate), py: top });
  function move(rows, by) {
    const { row, frame } = here();
    const to = {
      row: Math.min(Math.max(row + rows, 0), levels - 1),
      frame: Math.min(Math.max(frame + by, 0), frames - 1),
    };
    store.set({ cursor: to });
    if (to.frame < from() || to.frame >= from() + span()) store.set({ view: to.frame - Math.floor(span() / 2) });
    describe();
  }
  function describe() {
    const { row, frame } = here();
    const kept = store.get().mask.generate[row * frames + frame] === 0;
    const text = `c${row}, frame ${frame}, ${seconds(frame / data.frame_rate)}, code ${data.codes[row][frame]}, `;
    shell.live.textContent = text + (kept ? 'kept' : 'to be generated');
  }
  function touch(keep) {
    store.set({ cursor: here() });
    paint([brush(here())], keep, true);
    endStroke();
    describe();
  }
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  stage.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const many = event.shiftKey ? 10 : 1;
    if (steps[key]) move(steps[key][0], steps[key][1] * many);
    else if (key === 'k') touch(true);
    else if (key === 'g' || key === 'Delete' || key === 'Backspace') touch(false);
    else if (key === 'Enter') touch(store.get().tool === 'keep');
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  stage.addEventListener('focus', () => stage.matches(':focus-visible') && store.set({ cursor: here() }));
  stage.addEventListener('blur', () => !stroke && store.set({ cursor: null }));

  function zoom() {
    const next = ZOOMS[(ZOOMS.indexOf(store.get().zoom) + 1) % ZOOMS.length];
    const middle = store.get().cursor?.frame ?? Math.round(store.get().time * data.frame_rate);
    store.set({ zoom: next, view: middle - Math.floor(frames / next / 2) });
  }
  // While it plays, the view turns the page.
  store.on(['time'], ({ time, playing, zoom: times }) => {
    const frame = time * data.frame_rate;
    if (playing && times > 1 && (frame < from() || frame >= from() + span())) store.set({ view: Math.floor(frame) });
  });
  store.on(['theme'], ({ theme }) => colourCodes(theme));
  store.on(['mask', 'theme', 'width', 'zoom', 'view', 'track'], drawBase);
  store.on(['mask', 'theme', 'width', 'zoom', 'view', 'time', 'cursor', 'size', 'all'], drawOver);
  return {
    stage,
    zoom,
    redraw() {
      drawBase();
      drawOver();
    },
  };
}
