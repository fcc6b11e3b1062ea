import { createTest } from './abx.js';
import { h } from './dom.js';
import { number, seconds } from './format.js';
import { bindKeys } from './keys.js';
import { createShell } from './shell.js';
import { paintSpectrogram, spectrogram } from './spectrogram.js';
import { createTimeline } from './timeline.js';
import { drawWave, peaks } from './wave.js';

// A row of sounds on one playhead, to compare by switching while they play; and, if asked for, a blind test on two of them.

export async function clips(root, data) {
  const shell = await createShell(root, data, { track: 0, test: null });
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

function createBlind({ store, engine, data, live, readout, play }) {
  const [a, b] = data.abx.pair;
  let test = null;
  const status = h('p', { class: 'status', role: 'status' });
  const listen = ['A', 'B', 'X'].map((name) =>
    h(
      'button',
      { class: 'switch', type: 'button', 'aria-pressed': 'false', onclick: () => hear(name) },
      `Hear ${name}`,
    ),
  );
  const answers = ['A', 'B'].map((name) =>
    h('button', { class: 'switch answer', type: 'button', onclick: () => answer(name) }, `X is ${name}`),
  );
  const start = h('button', { class: 'switch', type: 'button', onclick: begin }, 'Start the blind test');
  const stop = h('button', { class: 'switch', type: 'button', onclick: end }, 'Leave the test');
  const panel = h(
    'div',
    { class: 'panel', hidden: true },
    h('div', { class: 'group' }, listen),
    h('div', { class: 'group' }, answers),
    stop,
  );
  const element = h(
    'section',
    { class: 'blind', 'aria-label': 'Blind test' },
    h(
      'p',
      {},
      h('b', {}, 'Can you tell? '),
      `A is \u201c${data.labels[a]}\u201d, B is \u201c${data.labels[b]}\u201d, X is one of the two, drawn anew each time.`,
    ),
    start,
    panel,
    status,
  );

  function hear(name) {
    if (!test) return false;
    const truth = name === 'X' ? test.hidden : name;
    engine.select(truth === 'A' ? a : b);
    listen.forEach((button) => button.setAttribute('aria-pressed', String(button.textContent.endsWith(name))));
    readout.replaceChildren(h('span', { class: 'heard' }, name));
    live.textContent = `Hearing ${name}`;
    return true;
  }
  function begin() {
    test = createTest(data.abx.trials);
    store.set({ test: 'running', loop: true });
    panel.hidden = false;
    start.hidden = true;
    status.textContent = `Trial 1 of ${test.trials}.`;
    hear('X');
    if (!store.get().playing) play();
    listen[2].focus();
  }
  function end() {
    const { track } = store.get();
    test = null;
    panel.hidden = true;
    start.hidden = false;
    engine.select(track);
    readout.replaceChildren(h('span', { class: 'heard' }, data.labels[track]));
    store.set({ test: null });
  }
  function answer(guess) {
    if (!test) return;
    test.answer(guess);
    if (!test.done) {
      status.textContent = `Trial ${test.answered + 1} of ${test.trials}.`;
      hear('X');
      return;
    }
    const { right, trials, p } = test.result();
    const verdict =
      p < 0.05 ? 'Guessing would rarely do so well.' : 'Guessing does so well quite often: no difference shown.';
    status.textContent = `${right} of ${trials} right; a guesser gets at least that many with p = ${number(p, 3)}. ${verdict}`;
    end();
    start.textContent = 'Test again';
    start.focus();
  }
  const keys = { a: () => hear('A'), b: () => hear('B'), x: () => hear('X') };
  return { element, keys };
}

function footer(data) {
  const item = (names, text) =>
    h(
      'li',
      {},
      names.map((name) => h('kbd', {}, name)),
      ' ',
      text,
    );
  return h(
    'footer',
    {},
    h('p', {}, data.note),
    h(
      'details',
      {},
      h('summary', {}, 'Keys'),
      h(
        'ul',
        {},
        item(['\u2191', '\u2193'], 'the sound before or after'),
        item(['1', '\u2026', '9'], 'that sound'),
        item(['Space'], 'play, pause'),
        item(['L'], 'loop'),
        item(['Home'], 'back to the start'),
        item(['[', ']'], 'start and end of the loop at the playhead'),
        data.abx ? item(['A', 'B', 'X'], 'hear it, during the blind test') : null,
      ),
    ),
    h('details', {}, h('summary', {}, 'Description in words'), h('p', {}, data.alt)),
  );
}
