import { createBlind } from './blind.js';
import { h } from './dom.js';
import { createFooter } from './footer.js';
import { seconds } from './format.js';
import { bindKeys } from './keys.js';
import { unpackLossy } from './lossy.js';
import { createShell } from './shell.js';
import { paintSpectrogram, spectrogram } from './spectrogram.js';
import { createTimeline } from './timeline.js';
import { unpackTracks } from './tracks.js';
import { drawWave, peaks } from './wave.js';

// A row of sounds on one playhead, to compare by switching while they play; and, if asked for, a blind test on two of them.

export async function clips(root, data) {
  const unpack = data.lossy ? unpackLossy : unpackTracks;
  const shell = await createShell(root, data, { track: 0, test: null }, unpack);
  const { store, engine, tracks } = shell;
  store.on(['track'], ({ track }) => engine.select(track)); // first: the ear must not wait for a picture
  const list = createList(shell);
  const timeline = createTimeline(shell, {
    label: 'Position',
    describe: (state) => seconds(state.time),
    keys: ['track', 'test'],
    lanes: lanes(shell),
  });
  shell.body.append(list.element, timeline.stage);
  const blind = data.abx ? createBlind(shell) : null;
  if (blind) shell.body.append(blind.element);
  shell.body.append(footer(data));

  const choose = (track) => {
    if (store.get().test === null) store.set({ track: (track + tracks.length) % tracks.length });
  };
  store.on(['track'], ({ track }) => {
    shell.readout.replaceChildren(h('span', { class: 'heard' }, data.labels[track]));
    shell.live.textContent = data.labels[track];
  });
  const up = () => choose(store.get().track - 1);
  const down = () => choose(store.get().track + 1);
  const digits = Object.fromEntries(data.labels.slice(0, 9).map((_, i) => [String(i + 1), () => choose(i)]));
  bindKeys(root, {
    ...shell.keys,
    ArrowUp: up,
    ArrowLeft: up,
    ArrowDown: down,
    ArrowRight: down,
    ...digits,
    ...(blind ? blind.keys : {}),
  });
  shell.readout.replaceChildren(h('span', { class: 'heard' }, data.labels[0]));
  timeline.redraw();
  return shell;
}

function createList({ store, data }) {
  const rows = data.labels.map((label, i) =>
    h(
      'div',
      { class: 'row', role: 'radio', 'aria-checked': 'false', tabindex: '-1', onclick: () => pick(i) },
      h('kbd', {}, String(i + 1)),
      h('span', { class: 'name' }, label),
      data.notes[i] ? h('small', {}, data.notes[i]) : null,
    ),
  );
  const element = h('div', { class: 'list', role: 'radiogroup', 'aria-label': 'Sounds' }, rows);
  function pick(i) {
    if (store.get().test === null) store.set({ track: i });
  }
  function show({ track, test }, changed = []) {
    element.classList.toggle('off', test !== null);
    rows.forEach((row, i) => {
      const on = test === null && i === track;
      row.setAttribute('aria-checked', String(on));
      row.tabIndex = on || (test !== null && i === 0) ? 0 : -1;
      row.setAttribute('aria-disabled', String(test !== null));
      if (on && changed.includes('track') && element.contains(document.activeElement)) row.focus();
    });
  }
  store.on(['track', 'test'], show);
  show(store.get());
  return { element };
}

function lanes({ tracks, data }) {
  const top = tracks.reduce((most, track) => track.reduce((m, v) => Math.max(m, Math.abs(v)), most), 1e-3);
  const cache = new Map();
  const keep = (name, make) => cache.get(name) || cache.set(name, make()).get(name);
  const whole = (track) => {
    const longest = Math.max(...tracks.map((t) => t.length));
    if (tracks[track].length === longest) return tracks[track];
    const padded = new Float32Array(longest);
    padded.set(tracks[track]);
    return padded;
  };
  const wave = {
    height: 84,
    draw(g, box, state, ink) {
      if (state.test) return blindfold(g, box, ink); // a waveform would give the answer away
      const columns = Math.max(60, Math.round(box.width));
      drawWave(
        g,
        keep(`peaks ${state.track} ${columns}`, () => peaks(whole(state.track), columns)),
        { ...box, zoom: 0.96 / top, colour: ink('accent') },
      );
    },
  };
  const picture = {
    height: 120,
    gap: 10,
    draw(g, box, state) {
      if (state.test) return;
      const levels = keep(`levels ${state.track}`, () =>
        spectrogram(whole(state.track), data.rate, { columns: 480, rows: 120 }),
      );
      g.drawImage(
        keep(`picture ${state.track} ${state.theme}`, () => paintSpectrogram(levels, state.theme)),
        box.x,
        box.y,
        box.width,
        box.height,
      );
    },
  };
  return data.spectrogram ? [wave, picture] : [wave];
}

function blindfold(g, box, ink) {
  g.fillStyle = ink('faint-ink');
  g.font = `13px ${ink('sans')}`;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillText('hidden during the test', box.x + box.width / 2, box.y + box.height / 2);
}

function footer(data) {
  const lines = [
    [['\u2191', '\u2193'], 'the sound before or after'],
    [['1', '\u2026', '9'], 'that sound'],
    [['Space'], 'play, pause'],
    [['L'], 'loop'],
    [['Home'], 'back to the start'],
    [['[', ']'], 'start and end of the loop at the playhead'],
    data.abx ? [['A', 'B', 'X'], 'hear it, during the blind test'] : null,
  ];
  return createFooter(data, lines);
}
