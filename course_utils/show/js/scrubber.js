import { fitCanvas, h } from './dom.js';
import { createFooter } from './footer.js';
import { number, seconds } from './format.js';
import { bindKeys } from './keys.js';
import { createShell } from './shell.js';
import { cellFacts, createGrid, createPlaces, unpackCodes, unpackRun } from './scrubberdata.js';
import { DROPPED, KEPT, NEW, PROMPT, WAITING } from './scrubberdata.js';
import { colourOf, createPainter, css, drawCell } from './scrubberpaint.js';
import { drawSchedule, drawSpread, STRIP, thousands } from './scrubbercharts.js';
import { createLens, factPairs, passName } from './scrubberlens.js';
import { createDeck } from './scrubbersound.js';
import { createTimeline } from './timeline.js';
import { unpackTracks } from './tracks.js';
import { drawWave, peaks } from './wave.js';

// The decode scrubber: a slider over the passes of a real decode; the grid, its figures and its sound after each.

const LETTERS = ['A', 'B'];
const LEAD =
  'Each cell is one token of the music. Every pass guesses all masked cells at once, keeps the guesses it ranks ' +
  'highest, and masks the others again.';
const SPEEDS = [1, 2, 4, 8, 16];

export async function scrubber(root, data) {
  const runs = data.runs.map((run) => unpackRun(run, data.frames));
  const places = createPlaces(runs);
  const begin = Math.max(1, Math.round(places.lengths[0] / 3));
  const initial = {
    pos: Math.min(begin, places.last),
    hear: 'pass',
    run: 0,
    cell: { row: 0, frame: Math.floor(data.frames / 3) },
    stepping: false,
    speed: 4,
    inside: false,
    held: false,
    sounds: 0,
  };
  const shell = await createShell(root, data, initial, unpackTracks, () => createDeck(data));
  const model = {
    ...shell,
    runs,
    places,
    grids: runs.map(createGrid),
    painters: runs.map(createPainter),
    original: data.original_codes && unpackCodes(data.original_codes, data.runs[0].rows, data.frames),
    hopSeconds: data.hop / data.rate,
    ink: createInk(root, shell.store),
  };
  model.place = (run = shell.store.get().run) => places.of(runs[run], shell.store.get().pos);
  connectSound(model);
  const strip = createStrip(model);
  const spread = createSpread(model);
  const legend = createLegend(model);
  const stage = createStage(model);
  const magnifier = createMagnifier(model);
  shell.controls.append(createHearing(model));
  shell.body.append(
    h('p', { class: 'lead' }, LEAD),
    h('div', { class: 'scrub-top' }, strip.element, spread.element),
    legend.element,
    stage.stage,
    magnifier.element,
    footer(model.data, model.runs),
  );
  const redraw = () => {
    strip.draw();
    spread.draw();
    legend.draw();
    stage.redraw();
    magnifier.draw();
  };
  connectKeys(model, strip);
  showReadout(model);
  shell.store.on(['pos', 'run', 'hear'], () => showReadout(model));
  redraw();
  return { ...model, redraw, setPosition: strip.go };
}

// Colours and fonts of the style sheet, asked for once a theme: asking in the middle of drawing makes the browser lay
// out the whole page again.
function createInk(root, store) {
  const known = new Map();
  return (name) => {
    const key = `${store.get().theme} ${name}`;
    if (!known.has(key)) known.set(key, getComputedStyle(root).getPropertyValue(`--${name}`).trim());
    return known.get(key);
  };
}

// The width of an element, measured when the player's own width changes and not while drawing.
function createWidth(store, element) {
  let known = 0;
  store.on(['width'], () => {
    known = element.clientWidth;
  });
  return () => known || (known = element.clientWidth);
}

// --- sound ----------------------------------------------------------------------------------------------------------

// Which stored sound is chosen: that of a pass, of the result, or the original; null is silence.
function chosenSound({ data, runs, places }, { hear, pos, run }) {
  const row = data.runs[run].sounds;
  if (!row.length) return null;
  if (hear === 'original' && data.original !== null) return data.original;
  if (hear === 'final') return row[row.length - 1];
  const { total } = places.of(runs[run], pos);
  return total === 0 ? null : row[total - 1];
}

function connectSound(model) {
  const { store, engine, data, playButton, loopButton } = model;
  if (!data.sounds.length) {
    playButton.hidden = true;
    loopButton.hidden = true;
    return;
  }
  let failed = false;
  engine.onready = (track) => {
    if (track === chosenSound(model, store.get())) store.set({ sounds: store.get().sounds + 1 }); // its wave can be drawn
  };
  engine.onfail = (track, error) => {
    if (failed) return;
    failed = true;
    store.set({
      message:
        `This browser cannot decode the sound of the passes (Opus: ${error.message}).` +
        (data.sounds.some((s) => s.kind === 'flac') ? ' The original and the result are there to hear.' : ''),
    });
  };
  const choose = (state) => {
    engine.select(chosenSound(model, state));
    clearTimeout(model.ahead);
    // The passes to both sides, so that the next step is ready when it is taken.
    model.ahead = setTimeout(() => {
      const near = [1, -1, 2].map((by) => state.pos + by).filter((pos) => pos > 0 && pos <= model.places.last);
      for (const pos of near) {
        const track = chosenSound(model, { ...store.get(), pos });
        if (track !== null) engine.fetch(track);
      }
    }, 120);
  };
  store.on(['pos', 'run', 'hear'], choose);
  choose(store.get());
}

function createHearing({ store, data, runs }) {
  const button = (attributes, text, onclick) =>
    h('button', { class: 'switch', type: 'button', 'aria-pressed': 'false', onclick, ...attributes }, text);
  const choices = [
    data.original === null ? null : ['original', 'Original', 'o'],
    ['pass', 'This pass', 't'],
    ['final', 'Result', 'r'],
  ].filter(Boolean);
  const hear = choices.map(([value, text, key]) =>
    button({ 'aria-keyshortcuts': key }, text, () => store.set({ hear: value })),
  );
  const which =
    runs.length < 2
      ? []
      : runs.map((run, i) =>
          button({ 'aria-keyshortcuts': LETTERS[i].toLowerCase() }, `Run ${LETTERS[i]}`, () => store.set({ run: i })),
        );
  const show = (state) => {
    hear.forEach((b, i) => b.setAttribute('aria-pressed', String(choices[i][0] === state.hear)));
    which.forEach((b, i) => b.setAttribute('aria-pressed', String(i === state.run)));
  };
  store.on(['hear', 'run'], show);
  show(store.get());
  return h(
    'div',
    { class: 'hearing' },
    data.sounds.length ? h('div', { class: 'segment', role: 'group', 'aria-label': 'Hear' }, hear) : null,
    which.length ? h('div', { class: 'segment', role: 'group', 'aria-label': 'Which run' }, which) : null,
  );
}

const chartHead = (title, hint) =>
  h('p', { class: 'chart-head' }, h('b', {}, title), ' ', h('span', {}, hint));

// --- the slider and the schedule ------------------------------------------------------------------------------------

function describePosition({ runs, places, store }) {
  const { run, pos } = store.get();
  const place = places.of(runs[run], pos);
  if (pos === 0) return 'before the first pass';
  return `after ${passName(runs[run], place.stage, place.pass)}`;
}

function createStrip(model) {
  const { store, runs, places, ink } = model;
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const slider = h('input', {
    type: 'range',
    min: '0',
    max: String(places.last),
    step: '1',
    'aria-label': 'Pass',
    class: 'pass-slider',
  });
  const run = h('button', { class: 'switch main', type: 'button', 'aria-keyshortcuts': 'p' }, 'Run the passes');
  const step = (text, label, by) =>
    h(
      'button',
      { class: 'switch step', type: 'button', 'aria-label': label, onclick: () => go(store.get().pos + by) },
      text,
    );
  const speed = h(
    'select',
    { class: 'speed', 'aria-label': 'Passes a second' },
    SPEEDS.map((n) => h('option', { value: String(n), selected: n === store.get().speed }, `${n} passes/s`)),
  );
  const caption = h('p', { class: 'caption' });
  const element = h(
    'section',
    { class: 'strip', 'aria-label': 'Passes' },
    h('div', { class: 'strip-bar' }, step('\u25c0', 'One pass back', -1), run, step('\u25b6', 'One pass on', 1), speed),
    chartHead('Cells still masked', 'line: asked by the schedule \u00b7 dots: done'),
    canvas,
    slider,
    caption,
  );
  let timer = 0;
  function go(to) {
    store.set({ pos: Math.min(Math.max(to, 0), places.last) });
  }
  function halt() {
    clearInterval(timer);
    store.set({ stepping: false });
  }
  function start() {
    clearInterval(timer);
    if (store.get().pos >= places.last) go(0);
    store.set({ stepping: true });
    timer = setInterval(() => {
      if (!element.isConnected) return clearInterval(timer);
      go(store.get().pos + 1);
      if (store.get().pos >= places.last) halt();
    }, 1000 / store.get().speed);
  }
  const toggle = () => (store.get().stepping ? halt() : start());
  run.addEventListener('click', toggle);
  speed.addEventListener('change', () => {
    store.set({ speed: Number(speed.value) });
    if (store.get().stepping) start();
  });
  slider.addEventListener('input', () => go(Number(slider.value)));
  const jump = (event) => {
    const rect = canvas.getBoundingClientRect();
    const share = (event.clientX - rect.left - STRIP.left) / (rect.width - STRIP.left - STRIP.right);
    go(Math.round(share * places.last));
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    jump(event);
  });
  canvas.addEventListener('pointermove', (event) => event.buttons === 1 && jump(event));
  const room = createWidth(store, element);
  function draw() {
    const { pos, run: active } = store.get();
    const width = room();
    if (!width) return;
    drawSchedule(canvas, { width, runs, places, position: pos, active, ink });
    slider.value = String(pos);
    slider.setAttribute('aria-valuetext', describePosition(model));
    caption.replaceChildren(...captionOf(model));
  }
  store.on(['pos', 'run', 'theme', 'width'], draw);
  store.on(['stepping'], ({ stepping }) => {
    run.textContent = stepping ? 'Pause the passes' : 'Run the passes';
  });
  return { element, draw, go, toggle };
}

function captionOf({ runs, places, store }) {
  const { pos } = store.get();
  return runs.map((run, i) => {
    const { stage, pass } = places.of(run, pos);
    const { asked, done, begins } = run.stages[stage];
    const name = runs.length > 1 ? `${LETTERS[i]}: ` : '';
    const text =
      pass === 0
        ? `${thousands(begins)} cells start masked.`
        : `${passName(run, stage, pass)} \u00b7 asked to leave ${thousands(asked[pass - 1])} masked, ` +
          `left ${thousands(done[pass - 1])}`;
    return h('span', { class: `run-${LETTERS[i]}` }, name + text);
  });
}

// --- the spread of a pass -------------------------------------------------------------------------------------------

function createSpread(model) {
  const { store, runs, ink } = model;
  const panel = (what, title, hint) => {
    const canvas = h('canvas', { role: 'img' });
    return { what, canvas, node: h('div', { class: 'spread' }, chartHead(title, hint), canvas) };
  };
  const panels = [
    panel('confidence', 'Confidence of the guesses', 'log p + noise'),
    panel('probability', 'Their probability', 'without the noise'),
  ];
  const of = h('b', {}); // whose guesses these are
  panels[0].node.firstChild.prepend(of, ' ');
  const element = h(
    'section',
    { class: 'spreads', 'aria-label': 'Guesses of this pass' },
    panels.map((p) => p.node),
  );
  const room = createWidth(store, panels[0].node);
  function draw() {
    const { theme, run } = store.get();
    const { stage, pass } = model.place();
    const width = room();
    if (!width) return;
    const from = runs[run].stages[stage];
    if (runs.length > 1) of.textContent = `Run ${LETTERS[run]}`;
    of.className = `of run-${LETTERS[run]}`;
    for (const { what, canvas } of panels) {
      drawSpread(canvas, { width, stage: from, pass, theme, ink, what });
      const count = pass ? from.counts[pass - 1] : 0;
      const left = pass ? from.done[pass - 1] : 0;
      canvas.setAttribute('aria-label', `${what}: ${count - left} guesses kept, ${left} dropped`);
    }
  }
  store.on(['pos', 'run', 'theme', 'width'], draw);
  return { element, draw };
}

// --- legend ---------------------------------------------------------------------------------------------------------

const KINDS = [
  [NEW, 'kept in this pass', 'tall'],
  [KEPT, 'kept before', 'full'],
  [DROPPED, 'guessed, dropped again', 'thin'],
  [WAITING, 'masked, not begun', 'line'],
  [PROMPT, 'prompt', 'cut in two'],
];

function createLegend(model) {
  const { store, grids, runs } = model;
  const used = KINDS.filter(([kind]) => usesKind(runs, kind));
  const items = used.map(([kind, name]) => {
    const canvas = h('canvas', { 'aria-hidden': 'true' });
    const count = h('b', {});
    return { kind, canvas, count, node: h('li', {}, canvas, h('span', {}, count, ' ', name)) };
  });
  const scale = h('canvas', { 'aria-hidden': 'true' });
  const element = h(
    'ul',
    { class: 'legend', 'aria-label': 'Legend, with the number of cells' },
    items.map((item) => item.node),
    h('li', { class: 'scale' }, h('span', {}, 'p = 1/1024'), scale, h('span', {}, '1')),
  );
  let painted = null;
  function draw() {
    const { theme } = store.get();
    const totals = runs.map((run, i) => grids[i].at(model.place(i)).totals);
    for (const { kind, canvas, count } of items) {
      count.textContent = totals.map((t) => thousands(t[kind])).join(' | ');
      if (painted !== theme) {
        const g = fitCanvas(canvas, 30, 20);
        for (let i = 0; i < 3; i++) {
          drawCell(g, { x: 10 * i + 0.5, y: 1, width: 9, height: 18 }, kind, 0.2 + 0.35 * i, theme);
        }
      }
    }
    if (painted !== theme) {
      const g = fitCanvas(scale, 84, 12);
      for (let x = 0; x < 84; x++) {
        g.fillStyle = css(colourOf(KEPT, x / 83, theme));
        g.fillRect(x, 0, 1, 12);
      }
    }
    painted = theme;
  }
  store.on(['pos', 'theme'], draw);
  return { element, draw };
}

function usesKind(runs, kind) {
  if (kind !== PROMPT) return true;
  return runs.some((run) => run.stages.some((s) => s.begins < s.cells) || coveredRows(run) < run.rows);
}

const coveredRows = (run) => run.stages.reduce((sum, s) => sum + s.rows, 0);

// --- the grid over time ---------------------------------------------------------------------------------------------

function createStage(model) {
  const { runs, store, data } = model;
  const lanes = data.sounds.length ? [waveLane(model)] : [];
  const first = lanes.length;
  runs.forEach((_, i) => lanes.push(gridLane(model, i)));
  const timeline = createTimeline(model, {
    label: 'Position in the clip',
    describe: (state) => seconds(state.time),
    keys: ['pos', 'sounds', 'hear', 'run'],
    overKeys: ['cell'],
    lanes,
    onhover: (px, py, boxes) => point(model, px, py, boxes.slice(first)),
  });
  timeline.stage.classList.add('scrub-stage');
  store.on(['time', 'playing'], ({ time, playing, inside, held }) => {
    if (playing && !inside && !held) moveTo(model, { frame: Math.floor(time / model.hopSeconds + 1e-6) });
  });
  timeline.stage.addEventListener('pointerleave', () => store.set({ inside: false }));
  return timeline;
}

function moveTo({ store, data, runs }, { row = store.get().cell.row, frame = store.get().cell.frame }) {
  const was = store.get().cell;
  const next = {
    row: Math.min(Math.max(row, 0), runs[0].rows - 1),
    frame: Math.min(Math.max(frame, 0), data.frames - 1),
  };
  if (next.row !== was.row || next.frame !== was.frame) store.set({ cell: next });
}

function point(model, px, py, boxes) {
  const { store, data, painters } = model;
  for (const [i, box] of boxes.entries()) {
    if (px < box.x || px >= box.x + box.width || py < box.y || py > box.y + box.height) continue;
    const y = py - box.y - titleHeight(model);
    let row = painters[i].rows.findIndex((r) => y < r.y + r.height + 1);
    if (row < 0) row = painters[i].rows.length - 1;
    store.set({ inside: true, held: false });
    moveTo(model, { row, frame: Math.floor(((px - box.x) / box.width) * data.frames) });
    return;
  }
}

const titleHeight = (model) => (model.runs.length > 1 ? 19 : 0);

function waveLane(model) {
  const { engine, store, ink } = model;
  const cache = new Map();
  return {
    height: 38,
    draw(g, box, state) {
      const track = chosenSound(model, state);
      const buffer = track === null ? null : engine.buffers.get(track);
      const columns = Math.max(60, Math.round(box.width));
      const key = `${track} ${columns}`;
      if (buffer && !cache.has(key)) cache.set(key, peaks(buffer.getChannelData(0), columns));
      const colour = store.get().hear === 'original' ? ink('ink') : ink(state.run === 0 ? 'blue' : 'orange');
      if (cache.has(key)) drawWave(g, cache.get(key), { ...box, zoom: 0.96, colour });
    },
  };
}

function gridLane(model, index) {
  const { runs, painters, grids, data, ink } = model;
  const run = runs[index];
  const title = titleHeight(model);
  const { rows, height } = painters[index];
  return {
    height: height + title,
    gap: 10,
    draw(g, box, state) {
      const place = model.place(index);
      const picture = painters[index].paint(grids[index].at(place), state.theme);
      const ratio = box.width / run.frames;
      g.imageSmoothingEnabled = ratio < 1;
      g.imageSmoothingQuality = 'high';
      const top = box.y + title;
      g.drawImage(picture, box.x, top, box.width, height);
      g.textBaseline = 'middle';
      if (title) {
        g.textAlign = 'left';
        g.fillStyle = ink(index === 0 ? 'blue' : 'orange');
        g.font = `600 12px ${ink('sans')}`;
        const head = `Run ${LETTERS[index]}${run.label && run.label !== LETTERS[index] ? ` \u00b7 ${run.label}` : ''}`;
        g.fillText(head, box.x, box.y + 7);
        const wide = g.measureText(head).width;
        g.font = `12px ${ink('sans')}`;
        g.fillStyle = ink('faint-ink');
        g.fillText(passName(run, place.stage, place.pass), box.x + wide + 10, box.y + 7);
      }
      g.font = `11px ${ink('mono')}`;
      g.textAlign = 'right';
      rows.forEach((row, r) => {
        const now = run.stages[place.stage];
        const lit = r >= now.first && r < now.first + now.rows;
        g.fillStyle = ink(lit ? 'ink' : 'faint-ink');
        g.fillText(`c${r}`, box.x - 8, top + row.y + row.flag + row.bar / 2);
      });
    },
    over(g, box, state) {
      const { cell } = state;
      const wide = box.width / data.frames;
      const row = rows[cell.row];
      const top = box.y + title;
      const shown = model.lenses ? model.lenses[Math.min(index, model.lenses.length - 1)].window() : null;
      if (shown) {
        g.strokeStyle = ink('ink');
        g.lineWidth = 1;
        g.globalAlpha = 0.75;
        g.strokeRect(box.x + shown.first * wide - 0.5, top - 3.5, shown.count * wide + 1, height + 7);
        g.globalAlpha = 1;
      }
      g.strokeStyle = ink('ink');
      g.lineWidth = 1.5;
      g.strokeRect(box.x + cell.frame * wide - 1.5, top + row.y - 0.5, Math.max(2, wide) + 3, row.height + 1.5);
    },
  };
}

// --- magnifier and readout ------------------------------------------------------------------------------------------

function createMagnifier(model) {
  const { store, runs, grids, ink, hopSeconds, data } = model;
  const shared = {
    onpoint: (cell) => {
      store.set({ held: true });
      moveTo(model, cell);
    },
    onmove: (rows, frames) => {
      store.set({ held: true });
      const { row, frame } = store.get().cell;
      moveTo(model, { row: row + rows, frame: frame + frames });
    },
    oninside: (inside) => store.set({ inside }),
  };
  const lenses = runs.map((run, i) => createLens({ run, grid: grids[i], letter: LETTERS[i], ...shared }));
  model.lenses = lenses;
  lenses.forEach((lens) => lens.element.addEventListener('blur', () => store.set({ held: false })));
  const readouts = runs.map(() => h('dl', { class: 'facts' }));
  const head = h('p', { class: 'chart-head' });
  const boxes = runs.map((_, i) =>
    h(
      'div',
      { class: 'lens-box' },
      runs.length > 1 ? h('p', { class: `lens-name run-${LETTERS[i]}` }, `Run ${LETTERS[i]}`) : null,
      lenses[i].element,
      readouts[i],
    ),
  );
  const element = h(
    'section',
    { class: 'magnifier', 'aria-label': 'Magnifier' },
    head,
    h('div', { class: `lens-row of-${runs.length}` }, boxes),
  );

  const rooms = boxes.map((box) => createWidth(store, box));
  let before = '';
  function draw() {
    const state = store.get();
    if (!state.width) return;
    const { cell, theme, time, inside, held } = state;
    lenses.forEach((lens, i) => {
      grids[i].at(model.place(i));
      const width = rooms[i]();
      if (width) lens.draw({ width, cell, theme, time, ink, hold: inside && held, hop: hopSeconds });
    });
    const key = `${cell.row} ${cell.frame} ${state.pos}`;
    if (key !== before) {
      before = key;
      describe(cell);
    }
  }
  function describe(cell) {
    const time = cell.frame * hopSeconds;
    const name = h('b', {}, `Cell c${cell.row}, frame ${cell.frame}`);
    head.replaceChildren(name, ' ', h('span', {}, `${number(time, 3)} s`));
    const original = model.original ? model.original[cell.row][cell.frame] : null;
    runs.forEach((run, i) => {
      const facts = cellFacts(run, model.place(i), cell.row, cell.frame);
      const pairs = factPairs(run, facts, original);
      readouts[i].replaceChildren(...pairs.map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', {}, value))));
      const words = pairs.map((pair) => pair.join(' ')).join('; ');
      lenses[i].element.setAttribute(
        'aria-label',
        `Magnifier. Codebook c${cell.row}, frame ${cell.frame} of ${data.frames}. ${words}`,
      );
    });
  }
  store.on(['pos', 'cell', 'theme', 'width', 'time'], draw);
  return { element, draw };
}

// --- the rest -------------------------------------------------------------------------------------------------------

function showReadout(model) {
  const { readout, live, store, runs } = model;
  const { hear, pos, run } = store.get();
  const place = model.place();
  const { totals } = model.grids[run].at(place);
  const size = totals.reduce((sum, n) => sum + n, 0);
  const fixed = totals[KEPT] + totals[NEW] + totals[PROMPT];
  const figure = (value, name) => h('span', { class: 'figure' }, h('b', {}, value), h('small', {}, name));
  const name = pos === 0 ? 'Before pass 1' : passName(runs[run], place.stage, place.pass);
  const heard = { original: 'hearing the original', final: 'hearing the result', pass: nearestWords(model) }[hear];
  readout.replaceChildren(
    h('span', { class: 'heard' }, name.charAt(0).toUpperCase() + name.slice(1), heard ? h('small', {}, heard) : null),
    figure(`${Math.round((100 * fixed) / size)} %`, 'settled'),
  );
  const counts = `${thousands(totals[NEW])} newly kept, ${thousands(totals[DROPPED])} dropped`;
  live.textContent = `${describePosition(model)}, ${counts}. ${heard}`;
}

// Where not every pass has a sound of its own, which one is heard instead.
function nearestWords({ data, runs, places, store }) {
  const { pos, run } = store.get();
  const { total } = places.of(runs[run], pos);
  const stored = data.stored[run];
  const count = data.runs[run].sounds.length;
  if (!stored || total === 0 || total === count || stored.includes(total)) return '';
  const track = data.runs[run].sounds[total - 1];
  return `sound of pass ${stored[track - data.runs[run].sounds[0]]}`;
}

function connectKeys(model, strip) {
  const { store, root, data } = model;
  const by = (n) => (event) => strip.go(store.get().pos + n * (event.shiftKey ? 5 : 1));
  const hear = (value) => () => store.set({ hear: value });
  bindKeys(root, {
    ...model.keys,
    ArrowRight: by(1),
    ArrowUp: by(1),
    ArrowLeft: by(-1),
    ArrowDown: by(-1),
    PageUp: () => strip.go(model.places.last),
    PageDown: () => strip.go(0),
    p: strip.toggle,
    o: () => data.original !== null && store.set({ hear: store.get().hear === 'original' ? 'pass' : 'original' }),
    t: hear('pass'),
    r: hear('final'),
    ...(model.runs.length > 1 ? { a: () => store.set({ run: 0 }), b: () => store.set({ run: 1 }) } : {}),
  });
}

function footer(data, runs) {
  const lines = [
    [['\u2190', '\u2192'], 'one pass back or on; with Shift, five'],
    [['PgDn', 'PgUp'], 'before the first pass; after the last'],
    [['P'], 'run the passes, pause'],
    [['Space'], 'play, pause the sound'],
    [['O'], 'the original, and back'],
    [['T', 'R'], 'this pass; the result'],
    runs.length > 1 ? [['A', 'B'], 'hear and measure run A or B'] : null,
    [['L'], 'loop'],
    [['Home'], 'sound back to the start'],
    [['[', ']'], 'start and end of the loop at the playhead'],
    'In the magnifier, the arrows move the cell; on the grid, the playhead.',
    'Point at the grid to magnify, click to go there in the sound, drag to loop a stretch.',
  ];
  return createFooter(data, lines, { title: 'Keys and pointer' });
}
