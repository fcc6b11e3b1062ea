import { h } from './dom.js';
import { createFooter } from './footer.js';
import { bitRate, number } from './format.js';
import { ask, hasKernel } from './kernel.js';
import { bindKeys } from './keys.js';
import { unpackLossy } from './lossy.js';
import { figures, filled, fromText, inverted, same, toText } from './masks.js';
import { createPaintStage } from './paintstage.js';
import { createPrompts } from './prompts.js';
import { createShell } from './shell.js';

// The mask painter: choose a strategy or paint which tokens are kept, see what that costs in bits, and hear it: at once
// if this mask was recorded, after a line of Python (or the button, where a kernel runs) if not.

const SIZES = [1, 2, 4, 8, 16, 32, 64];
const UNDO = 200;

export async function painter(root, data) {
  const shape = { codebooks: data.codes.length, frames: data.codes[0].length };
  const recorded = data.recorded.map((r) => ({ ...r, mask: fromText(r.mask) }));
  const initial = {
    mask: filled(shape, 1),
    shares: Array(shape.codebooks).fill(0),
    strategy: null,
    hear: 'original',
    match: null,
    tool: 'keep',
    size: 8,
    all: true,
    zoom: 1,
    view: 0,
    cursor: null,
  };
  const shell = await createShell(root, data, initial, unpackLossy);
  const { store, engine } = shell;
  store.on(['track'], ({ track }) => engine.select(track)); // first: the ear must not wait for a picture
  const history = createHistory(shell, recorded);
  const prompts = createPrompts(shell, (mask, strategy) => {
    history.change(mask, strategy);
    if (store.get().match !== null) store.set({ hear: 'result' });
  });
  const stage = createPaintStage(shell, {
    sound: () => shell.tracks[store.get().track],
    paint(areas, keep, starts) {
      const { mask } = store.get();
      const generate = mask.generate.slice();
      for (const [low, high, from, to] of areas) {
        for (let row = low; row <= high; row++)
          generate.fill(keep ? 0 : 1, row * mask.frames + from, row * mask.frames + to);
      }
      if (starts) history.change({ ...mask, generate }, null);
      else history.replace({ ...mask, generate });
    },
    endStroke: () => history.announce(),
  });
  const listen = createListen(shell, recorded);
  const tools = createTools(shell, history, stage);
  const send = createSend(shell);
  shell.body.append(
    listen.element,
    prompts.element,
    tools.element,
    stage.stage,
    createFigures(shell),
    send.element,
    footer(data),
  );
  bindKeys(root, {
    ...shell.keys,
    ...tools.keys,
    t: prompts.tap,
    o: () => store.set({ hear: store.get().hear === 'original' ? 'result' : 'original' }),
  });
  if (data.first !== null) prompts.press(data.first);
  else history.change(store.get().mask, null);
  store.set({ hear: 'original' });
  history.forget();
  stage.redraw();
  return shell;
}

// Every change of the mask goes through here: figures, the recording that belongs to it, undo.
function createHistory({ store, live, data }, recorded) {
  let past = [];
  let future = [];
  function show(mask, strategy) {
    const found = recorded.findIndex((r) => same(r.mask, mask));
    store.set({
      mask,
      strategy,
      shares: figures(mask, data.frame_rate, data.entries).byCodebook,
      match: found < 0 ? null : found,
    });
  }
  const moment = () => ({ mask: store.get().mask, strategy: store.get().strategy });
  const step = (take, give) => {
    if (take.length === 0) return;
    give.push(moment());
    const { mask, strategy } = take.pop();
    show(mask, strategy);
    announce();
  };
  function announce() {
    live.textContent = sentence(store.get().mask, data);
  }
  return {
    change(mask, strategy) {
      past = [...past.slice(1 - UNDO), moment()];
      future = [];
      show(mask, strategy);
    },
    replace: (mask) => show(mask, store.get().strategy),
    undo: () => step(past, future),
    redo: () => step(future, past),
    forget() {
      past = [];
    },
    announce,
  };
}

function sentence(mask, data) {
  const { kept, fraction, bitsPerSecond } = figures(mask, data.frame_rate, data.entries);
  const share = `${number(100 * fraction, 1)} %`;
  return `${kept} of ${mask.generate.length} tokens kept, ${share}, ${bitRate(bitsPerSecond)} kbit/s`;
}

// Original or the result of this very mask.
function createListen({ store, data, readout, live }, recorded) {
  const names = { original: 'Original', result: 'This prompt' };
  const buttons = Object.entries(names).map(([name, text]) =>
    h(
      'button',
      { class: 'switch', type: 'button', 'aria-pressed': 'false', onclick: () => store.set({ hear: name }) },
      text,
    ),
  );
  const says = h('p', { class: 'says' });
  const element = h(
    'div',
    { class: 'listen' },
    h('div', { class: 'group', role: 'group', 'aria-label': 'Listen to' }, buttons),
    says,
  );
  function show() {
    const { hear, match } = store.get();
    const result = hear === 'result' && match !== null;
    const track = result ? recorded[match].track : 0;
    store.set({ track });
    buttons.forEach((button, i) => button.setAttribute('aria-pressed', String((i === 1) === result)));
    buttons[1].disabled = match === null;
    says.textContent =
      match === null
        ? 'Nothing was recorded with this mask. To hear it, generate it below; that takes a kernel.'
        : recorded[match].says;
    const name = result ? recorded[match].name : 'Original';
    readout.replaceChildren(h('span', { class: 'heard' }, name));
    live.textContent = name;
  }
  store.on(['hear', 'match'], show);
  show();
  return { element, data };
}

function createTools({ store, data }, history, stage) {
  const radio = (name, text, value) =>
    h(
      'button',
      {
        class: 'switch',
        type: 'button',
        'aria-pressed': 'false',
        'data-tool': value,
        onclick: () => store.set({ [name]: value }),
      },
      text,
    );
  const brushes = [radio('tool', 'Brush: keep', 'keep'), radio('tool', 'Eraser: generate', 'generate')];
  const size = h(
    'select',
    { 'aria-label': 'Width of the brush', onchange: () => store.set({ size: Number(size.value) }) },
    SIZES.map((n) =>
      h('option', { value: String(n), selected: n === store.get().size }, `${n} frame${n > 1 ? 's' : ''}`),
    ),
  );
  const all = h('input', {
    type: 'checkbox',
    checked: store.get().all,
    onchange: () => store.set({ all: all.checked }),
  });
  const set = (value) => {
    history.change(filled(store.get().mask, value), null);
    history.announce();
  };
  const invert = () => {
    history.change(inverted(store.get().mask), null);
    history.announce();
  };
  const action = (text, run) => h('button', { class: 'switch', type: 'button', onclick: run }, text);
  const zoom = action('Zoom', stage.zoom);
  const element = h(
    'div',
    { class: 'tools' },
    h('div', { class: 'group', role: 'group', 'aria-label': 'Tool' }, brushes),
    h('label', {}, 'width ', size),
    h('label', {}, all, ' all codebooks'),
    h(
      'div',
      { class: 'group' },
      action('Undo', history.undo),
      action('Redo', history.redo),
      action('Clear', () => set(1)),
      action('Keep all', () => set(0)),
      action('Invert', invert),
      zoom,
    ),
  );
  store.on(['tool'], ({ tool }) =>
    brushes.forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.tool === tool))),
  );
  brushes[0].setAttribute('aria-pressed', 'true');
  store.on(['zoom'], ({ zoom: times }) => {
    zoom.textContent = times === 1 ? 'Zoom' : `Zoom \u00d7${times}`;
  });
  const resize = (by) => {
    const at = SIZES.indexOf(store.get().size) + by;
    size.selectedIndex = Math.min(Math.max(at, 0), SIZES.length - 1);
    store.set({ size: Number(size.value) });
  };
  return {
    element,
    data,
    keys: {
      u: history.undo,
      r: history.redo,
      c: () => set(1),
      i: invert,
      z: stage.zoom,
      b: () => store.set({ tool: 'keep' }),
      e: () => store.set({ tool: 'generate' }),
      '+': () => resize(1),
      '-': () => resize(-1),
    },
  };
}

function createFigures({ store, data }) {
  const kept = h('b', {});
  const share = h('b', {});
  const rate = h('b', {});
  const whole = bitRate(data.codes.length * Math.log2(data.entries) * data.frame_rate);
  const item = (value, text) => h('span', { class: 'figure' }, value, h('small', {}, text));
  const show = ({ mask }) => {
    const f = figures(mask, data.frame_rate, data.entries);
    kept.textContent = f.kept.toLocaleString('en');
    share.textContent = `${number(100 * f.fraction, 1)} %`;
    rate.textContent = bitRate(f.bitsPerSecond);
  };
  store.on(['mask'], show);
  show(store.get());
  return h(
    'div',
    { class: 'numbers' },
    item(kept, `of ${(data.codes.length * data.codes[0].length).toLocaleString('en')} tokens kept`),
    item(share, 'kept'),
    item(rate, `kbit/s of ${whole}`),
  );
}

// The way out of the page: a line for the next cell, and the button where a kernel listens.
function createSend({ store, data }) {
  const line = h('textarea', {
    readonly: true,
    rows: '2',
    spellcheck: 'false',
    'aria-label': 'Line of Python for this mask',
  });
  const status = h('p', { class: 'status', role: 'status' });
  const copy = h('button', { class: 'switch', type: 'button', onclick: copyLine }, 'Copy the line');
  const make = h('button', { class: 'switch', type: 'button', onclick: generate }, 'Generate');
  const says = h('p', {});
  const element = h(
    'section',
    { class: 'send', 'aria-label': 'Take this mask to Python' },
    says,
    line,
    h('div', { class: 'group' }, copy, make),
    status,
  );
  const look = () => {
    const found = data.bridge !== null && hasKernel(data.bridge);
    make.hidden = !found;
    says.textContent = found
      ? 'A kernel is running: generate from this mask here, or take it along as a line of Python.'
      : 'To hear another mask than the recorded ones, run this line in a cell below, with a kernel.';
  };
  look();
  // The fields come after the frame.
  if (data.bridge !== null) [400, 1500, 4000].forEach((wait) => setTimeout(look, wait));
  const show = ({ mask }) => {
    line.value = `mask = painted("${toText(mask)}")`;
  };
  store.on(['mask'], show);
  show(store.get());

  async function copyLine() {
    line.select();
    let done = false;
    try {
      done = document.execCommand('copy');
      if (!done) {
        await navigator.clipboard.writeText(line.value);
        done = true;
      }
    } catch {
      done = false;
    }
    status.textContent = done ? 'Copied.' : 'This page may not copy: the line is selected, press Ctrl C.';
  }
  function generate() {
    look();
    const { mask } = store.get();
    make.disabled = true;
    status.textContent = 'Sent to the kernel.';
    const sent = ask(data.bridge, toText(mask), (text, over) => {
      status.textContent = text.replace(/^(done|error):? ?/, '');
      if (over) make.disabled = false;
    });
    if (!sent) {
      make.disabled = false;
      status.textContent = 'No kernel answers here: run this cell, or paste the line into the next one.';
    }
  }
  return { element };
}

function footer(data) {
  const lines = [
    'Drag over the grid to paint; click the waveform to go there.',
    [['\u2190', '\u2191', '\u2192', '\u2193'], 'on the grid, a token (with Shift, ten frames)'],
    [['K'], 'keep what is under the brush'],
    [['G'], 'generate it'],
    [['B', 'E'], 'brush, eraser'],
    [['+', '\u2212'], 'wider, narrower'],
    [['U', 'R'], 'undo, redo'],
    [['C'], 'clear: generate everything'],
    [['I'], 'invert'],
    [['Z'], 'zoom'],
    [['O'], 'original or this prompt'],
    [['T'], 'a beat at the playhead, under Beats'],
    [['Space'], 'play, pause'],
    [['L'], 'loop'],
    [['Home'], 'back to the start'],
  ];
  return createFooter(data, lines, { title: 'Keys and pointer' });
}
