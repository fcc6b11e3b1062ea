import { fitCanvas, h } from './dom.js';
import { number } from './format.js';
import { isKnown } from './interleavingmodel.js';
import { colourOf } from './interleavingpaint.js';
import { eventInWords, grouped, soundName, VOCAB } from './pianorollevents.js';
import { createInk } from './pianorollpaint.js';

// Here the sampler stands: what it has, two futures of it, and whether it knows that a control is due.

// Rows of the past that are written out.
const SHOWN = 4;

export function createSampler(root, store, model, data) {
  const { notes, count } = model;
  const ink = createInk(root, store);
  const button = (text, label, key, onclick) =>
    h('button', { class: 'switch', type: 'button', 'aria-label': label, 'aria-keyshortcuts': key, onclick }, text);
  const steps = {};
  const back = button('\u25c0', 'One row back', 'ArrowLeft', () => steps.go(-1));
  const on = button('\u25b6', 'One row on', 'ArrowRight', () => steps.go(1));
  const run = button('Run', 'Run through the order', 'p', () => steps.toggle());
  const due = button('Next control', 'To the next control', 'n', () => steps.due());
  for (const step of [back, on]) step.classList.add('step');
  const where = h('span', { class: 'il-where' });
  const tiles = h('ol', { class: 'il-past', 'aria-label': 'What the sampler has: the last rows of the sequence' });
  const question = h('p', { class: 'il-question' }, 'Here the sampler stands. Does it know whether a control is due?');
  const reason = h('p', { class: 'il-reason' });
  const futures = h('div', { class: 'il-futures' });
  // Read out when it changes.
  const verdict = h('p', { class: 'il-verdict', role: 'status' });
  const pointed = h('p', { class: 'cell il-pointed' });
  const element = h(
    'section',
    { class: 'il-sampler', 'aria-label': 'The stopping-time test, step by step' },
    pointed,
    h('div', { class: 'il-steps' }, back, run, on, due, where),
    h('div', { class: 'il-desk' }, tiles, h('div', { class: 'il-ask' }, question, reason, futures, verdict)),
  );

  function draw() {
    const { mode, delta, pos } = store.get();
    const { order } = model.arrangement(mode, delta);
    const stand = model.stand(mode, delta, pos);
    const given = `${stand.given} ${mode === 'autoregressive' ? 'notes of the melody' : 'controls'}`;
    where.textContent = `row ${pos} of ${order.length}: ${stand.sampled} events and ${given} so far`;
    const shown = stand.past.slice(-SHOWN);
    tiles.replaceChildren(
      ...shown.map((row) => tile(notes[row], mode)),
      h('li', { class: 'il-row slot' }, h('b', {}, '?'), h('span', {}, 'what comes here?')),
    );
    reason.textContent = because(mode, delta, stand);
    const known = isKnown(stand);
    futures.replaceChildren(...stand.futures.map((future, i) => futureRow(future, i, stand, mode, delta)));
    question.hidden = mode === 'autoregressive';
    const asked = stand.futures.length > 0;
    verdict.className = `il-verdict ${!asked ? '' : known ? 'yes' : 'no'}`;
    const next = stand.next >= count ? 'A control goes next.' : 'An event goes next.';
    const yes = `\u2713 The same answer in both futures: the past decides. ${next}`;
    const no =
      '\u2717 Two answers to one past: the sampler cannot know. Only the event that it has not sampled yet decides.';
    const words = !asked ? '' : known ? yes : no;
    if (verdict.textContent !== words) verdict.textContent = words;
    point();
  }

  function tile(note, mode) {
    const kind = note.control && mode !== 'autoregressive' ? 'control' : note.rest ? 'rest' : 'event';
    return h(
      'li',
      { class: `il-row ${note.control ? 'control' : note.rest ? 'rest' : 'event'}` },
      h('b', {}, `${note.time.toFixed(2)} s`),
      h('span', {}, note.rest ? 'REST' : soundName(note, data.names)),
      h('small', {}, mode === 'autoregressive' && note.control ? 'event, melody' : kind),
      h('code', {}, tokensIn(note, mode).map(grouped).join('  ')),
    );
  }

  const tokensIn = (note, mode) =>
    note.control && mode === 'autoregressive' ? note.tokens.map((t) => t - VOCAB.control) : note.tokens;

  // One possible future: when the next event begins, and what the rule then writes here.
  function futureRow(future, i, stand, mode, delta) {
    const canvas = h('canvas', { 'aria-hidden': 'true' });
    const time = number(future.time / 100, 2);
    const words = h('span', {}, h('b', {}, `Future ${'AB'[i]}`), ` next event at ${time} s`);
    const out = h(
      'span',
      { class: `il-out ${future.control ? 'control' : 'event'}` },
      future.control ? '\u2192 control' : '\u2192 event',
    );
    const row = h('div', { class: 'il-future' }, words, canvas, out);
    requestAnimationFrame(() => drawFuture(canvas, future, stand, mode, delta));
    return row;
  }

  function drawFuture(canvas, future, stand, mode, delta) {
    const width = canvas.clientWidth;
    if (!width) return;
    const height = 30;
    const g = fitCanvas(canvas, width, height);
    const latest = Math.max(stand.waiting, stand.heard) + 130;
    const from = Math.max(0, Math.min(stand.heard, stand.waiting) - 160);
    const x = (ticks) => 4 + ((ticks - from) / (latest - from)) * (width - 8);
    g.fillStyle = ink('wash');
    g.fillRect(0, 4, width, height - 8);
    if (mode === 'anticipation') {
      g.fillStyle = ink('accent-veil');
      g.fillRect(x(stand.heard), 4, Math.min(x(stand.heard + delta * 100), width) - x(stand.heard), height - 8);
    }
    for (const row of stand.past) {
      if (notes[row].onset < from) continue;
      g.fillStyle = colourOf(notes[row], ink);
      g.fillRect(x(notes[row].onset) - 1.5, notes[row].control ? 5 : 9, 3, notes[row].control ? 20 : 12);
    }
    g.fillStyle = ink('playhead');
    g.fillRect(x(stand.heard) - 0.75, 0, 1.5, height);
    g.strokeStyle = ink('orange');
    g.lineWidth = 2;
    g.strokeRect(x(stand.waiting) - 3, 6, 6, 18);
    g.setLineDash([3, 2]);
    g.strokeStyle = ink('blue');
    g.strokeRect(x(future.time) - 3.5, 9, 7, 12);
    g.setLineDash([]);
  }

  function because(mode, delta, { heard, waiting, given, futures: two }) {
    if (mode === 'autoregressive') {
      return (
        'Nothing is given here: the melody is sampled like everything else, so no control is ever due, and none can ' +
        'be asked for.'
      );
    }
    if (waiting === null) return 'All controls are in the sequence: from here on every row is an event.';
    const [last, next] = [number(heard / 100, 2), number(waiting / 100, 2)];
    if (mode === 'seq2seq') {
      const which = `Control ${given + 1} of ${model.controls.length}`;
      return `The rule: controls first. ${which} goes next, whatever is sampled later.`;
    }
    if (!two.length) return 'No event follows.';
    if (mode === 'sort') {
      return (
        `The rule: in order of time. The last event began at ${last} s, the next control begins at ${next} s. It ` +
        'goes here only if no other event begins by then, and the next event is not sampled yet.'
      );
    }
    const edge = number(waiting / 100 - delta, 2);
    const due = waiting - Math.round(100 * delta) <= heard;
    return (
      'The rule: a control goes in as soon as an event has begun no more than \u03b4 before it. The next control ' +
      `begins at ${next} s, less \u03b4 is ${edge} s; the last event began at ${last} s, ` +
      `${due ? 'not before that: it is due' : 'before that: not yet'}.`
    );
  }

  function point() {
    const { hover, mode, delta } = store.get();
    if (hover === null) {
      pointed.textContent = 'Point at a note or at a place in the order: the line joins the two.';
      return;
    }
    const { place, found } = model.arrangement(mode, delta);
    const pair = found.find((d) => d.control === hover - count);
    let apart = '';
    if (pair) {
      const side = pair.tokens > 0 ? 'later' : 'earlier';
      const when = notes[pair.event].time.toFixed(2);
      apart = ` The event it concerns stands ${Math.abs(pair.tokens)} tokens ${side}, at ${when} s.`;
    }
    const at =
      place[hover] < 0
        ? 'finds no place, because no event follows'
        : `tokens ${3 * place[hover]} to ${3 * place[hover] + 2}`;
    pointed.textContent = `${eventInWords(notes[hover], data.names)}: ${at}.${apart}`;
  }

  return { element, draw, point, steps, run };
}
