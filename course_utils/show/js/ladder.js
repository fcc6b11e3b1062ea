import { h } from './dom.js';
import { createFooter } from './footer.js';
import { bitRate, number, seconds } from './format.js';
import { cellAt, drawCodes, framesWith, paintCodes } from './grid.js';
import { bindKeys } from './keys.js';
import { createShell } from './shell.js';
import { heightOf, paintSpectrogram, spectrogram } from './spectrogram.js';
import { createSteps } from './steps.js';
import { createTimeline } from './timeline.js';
import { drawWave, peaks } from './wave.js';

// The nine-level ladder: track 0 is the original, track n the clip decoded from its first n codebooks.

const TICKS = [100, 1000, 10000];

export async function ladder(root, data) {
  const shell = await createShell(root, data, { track: data.start, difference: false, hover: null });
  const { store, engine } = shell;
  // First of all listeners: the ear must not wait for a picture to be drawn.
  store.on(['track'], ({ track }) => track === 0 && store.set({ difference: false }));
  store.on(['track', 'difference'], ({ track, difference }) => {
    engine.select(difference ? weights(engine.tracks.length, track) : track);
  });
  const pictures = createPictures(shell);
  const steps = createSteps(shell, {
    label: 'Level',
    describe: (track) => describeLevel(data, track),
    stops: [
      ...data.levels.map((level, i) => ({ label: String(i + 1), note: bitRate(level.bits_per_second), track: i + 1 })),
      {
        label: shell.root.clientWidth < 520 ? 'Orig.' : 'Original',
        note: bitRate(data.original_bits_per_second),
        track: 0,
      },
    ],
    charts: [
      {
        title: 'SI-SDR, dB',
        hint: 'higher is closer',
        values: [...data.levels.map((l) => l.si_sdr), null],
        missing: '\u221e',
        digits: 1,
        colour: 'blue',
      },
      {
        title: 'Mel distance',
        hint: 'lower is closer',
        values: [...data.levels.map((l) => l.mel_distance), null],
        missing: '0',
        falling: true,
        digits: 3,
        colour: 'orange',
      },
    ],
  });
  const timeline = createTimeline(shell, {
    label: 'Position in the clip',
    describe: (state) => `${seconds(state.time)}, ${describeCell(data, inspected(data, state))}`,
    keys: ['track', 'difference'],
    overKeys: ['hover'],
    lanes: [waveLane(pictures), spectrogramLane(pictures), codesLane(data, pictures)],
    onhover: (px, py, boxes) => hover(store, data, cellAt(px, py, boxes[2], data.codes.length, data.codes[0].length)),
  });
  const cell = h('p', { class: 'cell' });
  const missing = h('button', { class: 'switch', type: 'button', 'aria-pressed': 'false' }, 'What is missing');
  missing.addEventListener('click', () => toggleDifference(store));
  shell.controls.append(missing);
  shell.body.append(steps.element, timeline.stage, cell, footer(data));

  store.on(['track', 'difference'], ({ track, difference }) => {
    missing.setAttribute('aria-pressed', String(difference));
    missing.disabled = track === 0;
    showReadout(shell);
    shell.live.textContent = (difference ? 'What is missing at ' : '') + describeLevel(data, track);
  });
  store.on(['track', 'time', 'hover'], (state) => {
    const text = describeCell(data, inspected(data, state));
    if (cell.textContent !== text) cell.textContent = text;
  });
  bindKeys(root, { ...shell.keys, ...steps.keys, d: () => store.get().track > 0 && toggleDifference(store) });
  engine.select(data.start);
  showReadout(shell);
  cell.textContent = describeCell(data, inspected(data, store.get()));
  timeline.redraw();
  pictures.prefetch();
  return shell;
}

function toggleDifference(store) {
  store.set({ difference: !store.get().difference });
}

// The original minus the level: two gains of opposite sign, no further track.
function weights(count, track) {
  return Array.from({ length: count }, (_, i) => (i === 0 ? 1 : i === track ? -1 : 0));
}

function describeLevel(data, track) {
  if (track === 0) return `the original, ${bitRate(data.original_bits_per_second)} kbit/s`;
  const level = data.levels[track - 1];
  return (
    `level ${track} of ${data.levels.length}, ${bitRate(level.bits_per_second)} kbit/s, ` +
    `SI-SDR ${number(level.si_sdr, 1)} dB, mel distance ${number(level.mel_distance, 3)}`
  );
}

function showReadout({ readout, data, store }) {
  const { track, difference } = store.get();
  const figure = (value, name) => h('span', { class: 'figure' }, h('b', {}, value), h('small', {}, name));
  const head = track === 0 ? 'Original' : `Level ${track}`;
  const parts = [h('span', { class: 'heard' }, head, difference ? h('small', {}, 'what is missing') : null)];
  if (track === 0) {
    parts.push(figure(bitRate(data.original_bits_per_second), 'kbit/s'));
  } else {
    const level = data.levels[track - 1];
    parts.push(
      figure(bitRate(level.bits_per_second), 'kbit/s'),
      figure(number(level.si_sdr, 1), 'dB SI-SDR'),
      figure(number(level.mel_distance, 3), 'mel'),
    );
  }
  readout.replaceChildren(...parts);
}

// The cell that is described: the one under the pointer, or else the playhead's frame on the level that is heard.
function inspected(data, { hover: cell, time, track }) {
  if (cell) return cell;
  const frame = Math.min(data.codes[0].length - 1, Math.floor((time * data.rate) / data.hop + 1e-6));
  return { frame, level: (track || data.levels.length) - 1 };
}

function describeCell(data, { frame, level }) {
  const code = data.codes[level][frame];
  const times = framesWith(data.codes[level], code).length;
  return (
    `Frame ${frame} \u00b7 ${seconds((frame * data.hop) / data.rate, 3)} \u00b7 level ${level + 1}, codebook c${level} \u00b7 ` +
    `code ${code} \u00b7 in ${times} of ${data.codes[level].length} frames`
  );
}

function hover(store, data, cell) {
  const was = store.get().hover;
  if (cell && was && cell.frame === was.frame && cell.level === was.level) return;
  store.set({ hover: cell });
}

// Everything that is drawn from the sound, computed when first needed and kept.
function createPictures({ tracks, data }) {
  const cache = new Map();
  const keep = (name, make) => {
    if (!cache.has(name)) cache.set(name, make());
    return cache.get(name);
  };
  const top = tracks.reduce((most, track) => track.reduce((m, v) => Math.max(m, Math.abs(v)), most), 1e-3);
  const sound = ({ track, difference }) =>
    difference ? keep(`difference ${track}`, () => tracks[0].map((v, i) => v - tracks[track][i])) : tracks[track];
  const name = ({ track, difference }) => `${track}${difference ? 'd' : ''}`;
  const levels = (state) =>
    keep(`levels ${name(state)}`, () => spectrogram(sound(state), data.rate, { columns: 560, rows: 148 }));
  return {
    zoom: 0.96 / top,
    peaks: (state, width) => keep(`peaks ${name(state)} ${width}`, () => peaks(sound(state), width)),
    spectrogram: (state) =>
      keep(`picture ${name(state)} ${state.theme}`, () => paintSpectrogram(levels(state), state.theme)),
    codes: (state) => keep(`codes ${state.theme}`, () => paintCodes(data.codes, data.entries, state.theme)),
    // The other levels' spectrograms, one at a time while the page has nothing better to do.
    prefetch() {
      const idle = globalThis.requestIdleCallback || ((f) => setTimeout(f, 60));
      let next = 0;
      const work = () => {
        if (next >= tracks.length) return;
        levels({ track: next, difference: false });
        next += 1;
        idle(work);
      };
      idle(work);
    },
  };
}

function waveLane(pictures) {
  return {
    height: 84,
    draw(g, box, state, ink) {
      const columns = Math.max(60, Math.round(box.width));
      const shape = { ...box, zoom: pictures.zoom };
      drawWave(g, pictures.peaks({ track: 0, difference: false }, columns), { ...shape, colour: ink('ghost') });
      const colour = state.difference ? ink('orange') : state.track === 0 ? ink('ink') : ink('accent');
      drawWave(g, pictures.peaks(state, columns), { ...shape, colour });
    },
  };
}

function spectrogramLane(pictures) {
  return {
    height: 148,
    gap: 10,
    draw(g, box, state, ink) {
      g.imageSmoothingEnabled = true;
      g.imageSmoothingQuality = 'high';
      g.drawImage(pictures.spectrogram(state), box.x, box.y, box.width, box.height);
      g.font = `11px ${ink('sans')}`;
      g.fillStyle = ink('faint-ink');
      g.textAlign = 'right';
      g.textBaseline = 'middle';
      for (const f of TICKS) {
        const y = box.y + box.height * (1 - heightOf(f));
        const short = f >= 1000 ? `${f / 1000}k` : `${f}`;
        const long = f >= 1000 ? `${f / 1000} kHz` : `${f} Hz`;
        g.fillText(box.x > 40 ? long : short, box.x - 6, y);
      }
    },
  };
}

const PITCH = 15;

function codesLane(data, pictures) {
  const rows = data.codes.length;
  return {
    height: rows * PITCH,
    gap: 14,
    draw(g, box, state, ink) {
      const lit = state.track === 0 ? 0 : state.track;
      drawCodes(g, pictures.codes(state), box, { lit, dim: state.theme === 'dark' ? 0.2 : 0.16 });
      g.font = `11px ${ink('mono')}`;
      g.textAlign = 'right';
      g.textBaseline = 'middle';
      for (let row = 0; row < rows; row++) {
        g.fillStyle = row < lit ? ink('ink') : ink('faint-ink');
        g.fillText(`c${row}`, box.x - 8, box.y + (row + 0.5) * PITCH - 1);
      }
    },
    over(g, box, state, ink) {
      const { frame, level } = inspected(data, state);
      const frames = data.codes[0].length;
      const cell = box.width / frames;
      g.font = `11px ${ink('mono')}`;
      g.textAlign = 'left';
      g.textBaseline = 'middle';
      for (let row = 0; row < rows; row++) {
        const chosen = state.hover ? row === level : row === state.track - 1;
        g.fillStyle = chosen ? ink('accent') : row < state.track ? ink('ink') : ink('faint-ink');
        g.fillText(
          String(data.codes[row][frame]),
          box.x + box.width + (box.x > 40 ? 9 : 4),
          box.y + (row + 0.5) * PITCH - 1,
        );
      }
      if (!state.hover) return;
      const y = box.y + level * PITCH;
      g.fillStyle = ink('orange');
      for (const t of framesWith(data.codes[level], data.codes[level][frame])) {
        g.fillRect(box.x + t * cell - 0.5, y - 2, Math.max(2, cell) + 1, 2);
        g.fillRect(box.x + t * cell - 0.5, y + PITCH - 2, Math.max(2, cell) + 1, 2);
      }
      g.strokeStyle = ink('orange');
      g.lineWidth = 1.5;
      g.strokeRect(box.x + frame * cell - 1.5, y - 1.5, Math.max(2, cell) + 3, PITCH + 1);
    },
  };
}

function footer(data) {
  const lines = [
    [['\u2191', '\u2193'], 'one level up or down'],
    [['1', '\u2026', '9'], 'that level'],
    [['0'], 'the original'],
    [['Space'], 'play, pause'],
    [['L'], 'loop'],
    [['D'], 'what is missing: original minus level'],
    [['Home'], 'back to the start'],
    [['[', ']'], 'start and end of the loop at the playhead'],
    [['Esc'], 'whole clip again'],
    [['\u2190', '\u2192'], 'a level; on the pictures, a frame (with Shift, ten)'],
    'Click the pictures to go there, drag across them to loop a stretch, point at a code to see where it returns.',
  ];
  return createFooter(data, lines, { title: 'Keys and pointer' });
}
