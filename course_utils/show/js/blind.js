import { createTest } from './abx.js';
import { h } from './dom.js';
import { number } from './format.js';

// The blind test as a part of a player: A, B, X to hear, two answers, and at the end how often guessing does as well.
// data.abx is { pair: [a, b], trials }; with `choose`, readers pick the pair among data.labels themselves.

export function createBlind({ store, engine, data, live, readout, play }, { choose = false } = {}) {
  let [a, b] = data.abx.pair;
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
  const picks = choose ? [chooser('A', a), chooser('B', b)] : [];
  const text = choose
    ? ['A and B are the sounds chosen here, X is one of the two, drawn anew each time.']
    : [
        `A is \u201c${data.labels[a]}\u201d, B is \u201c${data.labels[b]}\u201d, X is one of the two, drawn anew each time.`,
      ];
  const element = h(
    'section',
    { class: 'blind', 'aria-label': 'Blind test' },
    h('p', {}, h('b', {}, 'Can you tell? '), text),
    choose ? h('div', { class: 'panel picks' }, picks) : null,
    start,
    panel,
    status,
  );

  function chooser(name, chosen) {
    const options = data.labels.map((label, i) => h('option', { value: String(i), selected: i === chosen }, label));
    const select = h('select', { 'aria-label': `Sound ${name}`, onchange: pick }, options);
    return h('label', {}, `${name} `, select);
  }
  function pick() {
    [a, b] = picks.map((label) => Number(label.querySelector('select').value));
    start.disabled = a === b;
    status.textContent = a === b ? 'Choose two different sounds.' : '';
  }

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
    picks.forEach((label) => label.querySelector('select').toggleAttribute('disabled', true));
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
    picks.forEach((label) => label.querySelector('select').toggleAttribute('disabled', false));
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
