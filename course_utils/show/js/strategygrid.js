import { createBlind } from './blind.js';
import { fitCanvas, h, svg } from './dom.js';
import { createFooter } from './footer.js';
import { seconds } from './format.js';
import { bindKeys } from './keys.js';
import { unpackLossy } from './lossy.js';
import { fromText } from './masks.js';
import { createShell } from './shell.js';
import { drawWave, peaks } from './wave.js';

// A row of players a clip: the original and what each prompt made of it. All sound on one playhead, so that a switch
// keeps the place; under each waveform a strip shows which tokens were kept.

const WAVE = 52;
const STRIP = 3; // CSS pixels a codebook

export async function strategygrid(root, data) {
  const shell = await createShell(root, data, { track: 0, test: null }, unpackLossy);
  const { store, engine } = shell;
  store.on(['track'], ({ track }) => engine.select(track)); // first: the ear must not wait for a picture
  const cells = data.players.map((player, track) => createCell(shell, player, track));
  data.rows.forEach((row) =>
    shell.body.append(
      h(
        'section',
        { class: 'strategies', 'aria-label': row.name },
        h('h3', {}, row.name, h('small', {}, row.says)),
        h(
          'div',
          {
            class: 'cells',
            style: `--columns: ${row.tracks.length > 5 ? Math.ceil(row.tracks.length / 2) : row.tracks.length}`,
          },
          row.tracks.map((track) => cells[track].element),
        ),
      ),
    ),
  );
  const blind = data.abx ? createBlind(shell, { choose: true }) : null;
  if (blind) shell.body.append(blind.element);
  shell.body.append(footer(data));
  store.on(['track', 'test', 'playing'], () => cells.forEach((cell) => cell.mark()));
  store.on(['time'], ({ time }) => cells.forEach((cell) => cell.point(time)));
  store.on(['width', 'theme'], () => cells.forEach((cell) => cell.draw()));
  store.on(['track'], ({ track }) => {
    shell.readout.replaceChildren(h('span', { class: 'heard' }, data.labels[track]));
    shell.live.textContent = data.labels[track];
  });
  bindKeys(root, { ...shell.keys, ...moves(shell, cells), ...(blind ? blind.keys : {}) });
  shell.readout.replaceChildren(h('span', { class: 'heard' }, data.labels[0]));
  cells.forEach((cell) => {
    cell.mark();
    cell.draw();
    cell.point(0);
  });
  return shell;
}

// Left and right: the neighbour in the row; up and down: the same place in another row; a digit: that one of the row.
function moves({ store, data }, cells) {
  const choose = (find) => () => {
    const { track, test } = store.get();
    if (test !== null) return false;
    const row = data.rows.findIndex((r) => r.tracks.includes(track));
    const to = find(row, data.rows[row].tracks.indexOf(track));
    if (to === undefined) return true;
    const inside = document.activeElement?.closest('.cells');
    store.set({ track: to });
    if (inside) cells[to].button.focus();
    return true;
  };
  const along = (by) => choose((row, at) => data.rows[row].tracks[at + by]);
  const across = (by) => choose((row, at) => data.rows[row + by]?.tracks[at]);
  const digits = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [String(i + 1), choose((row) => data.rows[row].tracks[i])]),
  );
  return { ArrowLeft: along(-1), ArrowRight: along(1), ArrowUp: across(-1), ArrowDown: across(1), ...digits };
}

function createCell(shell, player, track) {
  const { store, data, tracks, engine } = shell;
  const mask = player.mask === null ? null : fromText(player.mask);
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const needle = h('div', { class: 'needle', 'aria-hidden': 'true' });
  const codebooks = mask ? mask.codebooks : 0;
  const height = WAVE + (mask ? 5 + codebooks * STRIP : 0);
  const view = h('div', { class: 'view', style: `height: ${height}px`, onclick: seek }, canvas, needle);
  const button = h(
    'button',
    { class: 'pick', type: 'button', onclick: press },
    svg(
      'svg',
      { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' },
      svg('path', {
        class: 'go',
        d: 'M4.5 2.8v10.4a.6.6 0 0 0 .92.5l8.1-5.2a.6.6 0 0 0 0-1L5.42 2.3a.6.6 0 0 0-.92.5z',
      }),
      svg('path', { class: 'halt', d: 'M3.6 2.6h3v10.8h-3zM9.4 2.6h3v10.8h-3z' }),
    ),
    h('span', {}, player.name),
  );
  const figures = h(
    'dl',
    {},
    player.figures.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
  const element = h(
    'div',
    { class: 'cell-of-grid' },
    button,
    view,
    figures,
    player.says ? h('p', { class: 'how' }, player.says) : null,
  );

  function press() {
    const { track: heard, test } = store.get();
    if (test !== null) return;
    if (heard === track) shell.toggle();
    else {
      store.set({ track });
      if (!store.get().playing) shell.play();
    }
  }
  function seek(event) {
    if (store.get().test !== null) return;
    const rect = view.getBoundingClientRect();
    store.set({ track });
    shell.seek(((event.clientX - rect.left) / rect.width) * engine.duration);
  }
  function mark() {
    const { track: heard, playing, test } = store.get();
    const on = test === null && heard === track;
    element.classList.toggle('on', on);
    element.classList.toggle('off', test !== null);
    button.classList.toggle('sounding', on && playing);
    button.setAttribute('aria-pressed', String(on));
    button.setAttribute('aria-label', `${on && playing ? 'Pause' : 'Play'} ${data.labels[track]}`);
    button.disabled = test !== null;
  }
  const ink = (name) => getComputedStyle(element).getPropertyValue(`--${name}`).trim();
  function draw() {
    const width = view.clientWidth;
    if (!width) return;
    const g = fitCanvas(canvas, width, height);
    const shape = { x: 0, y: 0, width, height: WAVE, zoom: 0.96 / data.peak };
    drawWave(g, peaks(tracks[track], Math.max(40, Math.round(width))), {
      ...shape,
      colour: ink(mask ? 'accent' : 'ink'),
    });
    if (mask) drawStrip(g, mask, width, ink);
  }
  function point(time) {
    needle.style.left = `${(100 * time) / engine.duration}%`;
  }
  return { element, button, mark, draw, point };
}

// One line a codebook, dark where tokens were kept; a pixel shows the share kept of the frames that fall on it.
function drawStrip(g, { codebooks, frames, generate }, width, ink) {
  const wide = Math.round(width);
  g.fillStyle = ink('ghost');
  g.fillRect(0, WAVE + 5, width, codebooks * STRIP - 1);
  g.fillStyle = ink('orange');
  for (let row = 0; row < codebooks; row++) {
    for (let x = 0; x < wide; x++) {
      const from = Math.floor((x * frames) / wide);
      const to = Math.max(from + 1, Math.floor(((x + 1) * frames) / wide));
      let kept = 0;
      for (let t = from; t < to; t++) kept += 1 - generate[row * frames + t];
      if (!kept) continue;
      g.globalAlpha = kept / (to - from);
      g.fillRect((x * width) / wide, WAVE + 5 + row * STRIP, width / wide, STRIP - 1);
    }
  }
  g.globalAlpha = 1;
}

function footer(data) {
  const lines = [
    [['\u2190', '\u2192'], 'the player before or after'],
    [['\u2191', '\u2193'], 'the same prompt on the other clip'],
    [['1', '\u2026', '9'], 'that player of the row'],
    [['Space'], 'play, pause'],
    [['L'], 'loop'],
    [['Home'], 'back to the start'],
    [['[', ']'], 'start and end of the loop at the playhead'],
    data.abx ? [['A', 'B', 'X'], 'hear it, during the blind test'] : null,
    `Click a waveform to go there. All sounds last ${seconds(data.seconds, 1)}.`,
  ];
  return createFooter(data, lines);
}
