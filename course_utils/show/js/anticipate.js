// The four arrangements of events and controls, as course_utils/amt/interleave.py makes them: tests hold the two equal.
// Everything here is about onsets in ticks, in order of time. A row is a number: below the number of events it is that
// event, from there on a control.

export const MODES = ['autoregressive', 'seq2seq', 'sort', 'anticipation'];
export const SHIFTS = [1, 50, 200, 1000]; // ticks by which the music after a cut comes later

// Each writes one row of a sequence and moves its state on; -1 at the end. onset(i) is when event i of n begins: it is
// asked for only when all events before it are in the sequence.
const WRITERS = {
  // First all controls, then all events.
  seq2seq(state, onset, n, controls) {
    if (state.waiting < controls.length) return n + state.waiting++;
    return state.place < n ? state.place++ : -1;
  },
  // In order of time; on the same tick the events come first.
  sort(state, onset, n, controls) {
    if (state.place < n && !(controls[state.waiting] < onset(state.place))) return state.place++;
    return state.waiting < controls.length ? n + state.waiting++ : -1;
  },
  // Each control as soon as an event has begun no more than `delta` ticks before it, and only before a next event.
  anticipation(state, onset, n, controls, delta) {
    if (state.place >= n) return -1;
    if (controls[state.waiting] - delta <= state.heard) return n + state.waiting++;
    state.heard = onset(state.place);
    return state.place++;
  },
};
WRITERS.autoregressive = WRITERS.sort; // the same order, with the controls as events

// The order of the rows; in "anticipation" controls that are not reached are left out.
export function arrange(events, controls, mode, delta) {
  const next = begin(mode, (i) => events[i], events.length, controls, delta);
  const order = [];
  for (let row = next(); row >= 0; row = next()) order.push(row);
  return order;
}

// A sequence from its start: place is the next event, waiting the next control, heard the onset of the last event in
// it, which is all that the sampler knows of time. Or from a state in the middle.
function begin(mode, onset, n, controls, delta, state = { place: 0, waiting: 0, heard: 0 }) {
  const write = WRITERS[mode];
  return () => write(state, onset, n, controls, delta);
}

// Tokens in ticks from triples: { order, tokens, leftover }, as `anticipate` and `arrange` give them in Python.
export function anticipate(events, controls, mode, delta, controlOffset) {
  const order = arrange(
    events.map((row) => row[0]),
    controls.map((row) => row[0] - controlOffset),
    mode,
    delta,
  );
  const asEvent = (row) => (mode === 'autoregressive' ? row.map((token) => token - controlOffset) : row);
  const n = events.length;
  return {
    order,
    tokens: order.map((row) => (row < n ? events[row] : asEvent(controls[row - n]))),
    leftover: controls.slice(order.length - n),
  };
}

// For each control in the sequence the tokens to the event whose onset is nearest its own; negative where that event
// comes before it. rests: which events are rests, which concern nobody. Returns [{ control, event, tokens }].
export function distances(order, events, controls, rests) {
  const n = events.length;
  const concerned = order.flatMap((row, place) => (row < n && !rests[row] ? [{ row, place }] : []));
  if (!concerned.length) return [];
  return order.flatMap((row, place) => {
    if (row < n) return [];
    let best = concerned[0];
    for (const one of concerned) {
      if (Math.abs(events[one.row] - controls[row - n]) < Math.abs(events[best.row] - controls[row - n])) best = one;
    }
    return [{ control: row - n, event: best.row, tokens: 3 * (best.place - place) }];
  });
}

export function medianAndMax(found) {
  const sorted = found.map((d) => Math.abs(d.tokens)).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (!sorted.length) return { median: NaN, max: 0 };
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, max: sorted[sorted.length - 1] };
}

// --- the stopping-time test -----------------------------------------------------------------------------------------

// The cuts at which two futures that share all that was sampled place a control differently: [{ cut, place }]. A future
// is the music up to the cut, and then as it was, at once, or later by each of `shifts`. same(a, b): whether rows a
// and b are alike in all but, for events, their onset.
export function stoppingTimeViolations(mode, events, controls, delta, same = () => false, shifts = SHIFTS) {
  // No row is a control.
  if (mode === 'autoregressive') return [];
  const n = events.length;
  // The state when all events before a cut are written: up to here its futures are the same.
  const starts = [];
  const asItWas = [];
  const state = { place: 0, waiting: 0, heard: 0 };
  const own = begin(mode, (i) => events[i], n, controls, delta, state);
  const remember = () => (starts[state.place] ??= { ...state, row: asItWas.length });
  remember();
  for (let row = own(); row >= 0; row = own()) {
    asItWas.push(row);
    remember();
  }
  const found = [];
  for (let cut = 0; cut < n; cut++) {
    const gap = events[cut] - (cut ? events[cut - 1] : 0);
    for (const shift of gap ? [-gap, ...shifts] : shifts) {
      const onset = (i) => (i < cut ? events[i] : events[i] + shift);
      const { row, ...from } = starts[cut];
      const place = parting(asItWas, row, begin(mode, onset, n, controls, delta, from), events, onset, same);
      if (place < 0) continue;
      found.push({ cut, place });
      break;
    }
  }
  return found;
}

// The first place from `first` on at which a sequence and next() differ, if a control is in play there; else -1.
function parting(one, first, next, events, onset, same) {
  const n = events.length;
  for (let place = first; place < one.length; place++) {
    const [a, b] = [one[place], next()];
    if (b < 0) return -1;
    if (a < n && b < n) {
      if (events[a] !== onset(b) || (a !== b && !same(a, b))) return -1; // a sampled token makes the difference
    } else if (a !== b && (a < n || b < n || !same(a, b))) return place;
  }
  return -1;
}

// What the rule puts at `place` if the next event begins at `time`: a row, or null if that would change what stands
// before `place`. The events after it follow as they did.
export function nextRow(mode, events, controls, delta, order, place, time) {
  const n = events.length;
  let cut = 0;
  for (let i = 0; i < place; i++) cut += order[i] < n;
  if (cut >= n) return null;
  const onset = (i) => (i < cut ? events[i] : events[i] + time - events[cut]);
  const next = begin(mode, onset, n, controls, delta);
  for (let i = 0; i < place; i++) if (next() !== order[i]) return null;
  const row = next();
  return row < 0 ? null : row;
}
