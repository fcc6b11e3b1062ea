import { arrange, distances, medianAndMax, MODES, nextRow, SHIFTS, stoppingTimeViolations } from './anticipate.js';
import { VOCAB } from './pianorollevents.js';

export const NAMES = {
  autoregressive: 'Autoregressive',
  seq2seq: 'Seq2seq',
  sort: 'Sort by time',
  anticipation: 'Anticipation',
};

// Everything the stepper shows that follows from the music, the mode and delta; computed once for each of them.

export function createModel(notes, count) {
  const events = notes.slice(0, count).map((note) => note.onset);
  const controls = notes.slice(count).map((note) => note.onset);
  const rests = notes.slice(0, count).map((note) => note.rest);
  const alike = (a, b) => {
    const [one, other] = [notes[a], notes[b]];
    const onset = one.control ? one.onset === other.onset : true;
    return (
      onset && one.control === other.control && one.tokens[1] === other.tokens[1] && one.tokens[2] === other.tokens[2]
    );
  };
  // The last: no event before the last control.
  const shifts = [...SHIFTS, Math.max(...controls) + 1];
  const known = new Map();
  const keep = (name, make) => known.get(name) ?? known.set(name, make()).get(name);

  // One arrangement: { mode, order, place (of each row, -1 if it has none), left, found, figures }.
  function arrangement(mode, delta) {
    const ticks = mode === 'anticipation' ? Math.round(delta * VOCAB.ticks) : 0;
    return keep(`${mode} ${ticks}`, () => {
      const order = arrange(events, controls, mode, ticks);
      const place = new Int32Array(notes.length).fill(-1);
      order.forEach((row, i) => {
        place[row] = i;
      });
      const found = distances(order, events, controls, rests);
      return { mode, ticks, order, place, left: notes.length - order.length, found, figures: medianAndMax(found) };
    });
  }

  // Where two futures that share the past place a control differently: the places in the order.
  function violations(mode, delta) {
    const { ticks } = arrangement(mode, delta);
    return keep(`violations ${mode} ${ticks}`, () =>
      stoppingTimeViolations(mode, events, controls, ticks, alike, shifts),
    );
  }

  // What the sampler that stands at `place` has, and what two futures would make it write there.
  function stand(mode, delta, place) {
    const { order, ticks } = arrangement(mode, delta);
    const past = order.slice(0, place);
    const sampled = past.filter((row) => row < count);
    const given = past.filter((row) => row >= count);
    const heard = sampled.length ? events[sampled[sampled.length - 1]] : 0;
    const waiting = given.length < controls.length ? controls[given.length] : null;
    const two = { past, heard, waiting, next: order[place], sampled: sampled.length, given: given.length, ticks };
    if (waiting === null || mode === 'autoregressive') return { ...two, futures: [] };
    const last = given.length ? controls[given.length - 1] : 0;
    const ask = (times) => {
      for (const time of times) {
        const row = nextRow(mode, events, controls, ticks, order, place, time);
        if (row !== null) return { time, row, control: row >= count };
      }
      return null;
    };
    // The next event at once, or as soon as the past allows ...
    const soon = ask([heard, Math.max(heard, last + 1)]);
    // ... and a second after the control begins.
    const late = ask([Math.max(waiting, heard) + 100]);
    return { ...two, futures: [soon, late].filter(Boolean) };
  }

  const all = (delta) => MODES.map((mode) => arrangement(mode, delta));
  return { events, controls, count, notes, arrangement, violations, stand, all };
}

// Whether what stands next follows from the past alone.
export const isKnown = ({ futures }) => futures.every((future) => future.control === futures[0].control);
