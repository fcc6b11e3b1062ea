import { fromBase85 } from './bytes.js';

// A decode's trace, unpacked: what every cell is after every pass. Pure arithmetic, no page.

// What a cell can be; Python's scrubber_trace has the same numbers.
export const WAITING = 0; // masked, its network has not begun
export const DROPPED = 1; // guessed in this pass, and masked again
export const KEPT = 2; // kept in an earlier pass
export const NEW = 3; // kept in this pass
export const PROMPT = 4; // given

const NONE = 0xffffffff; // no guess; a word like this cannot be: no cell of rank 8191 has token 1023 and byte 255

export const tokenOf = (word) => word & 1023;
export const byteOf = (word) => (word >>> 10) & 255;
export const rankOf = (word) => (word >>> 18) & 8191;
export const wasKept = (word) => word >>> 31 === 1;
export const probabilityOf = (byte) => 2 ** (-byte / 16);

export function unpackCodes(text, rows, frames) {
  const bytes = fromBase85(text);
  const flat = new Uint16Array(rows * frames);
  for (let i = 0; i < flat.length; i++) flat[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * frames, (row + 1) * frames));
}

// One network's passes. words[n - 1] holds pass n, one word a cell (row by row), NONE where nothing was guessed.
export function unpackStage(packed, frames) {
  const cells = packed.rows * frames;
  const bits = fromBase85(packed.open);
  const bytes = fromBase85(packed.words);
  const start = Uint8Array.from({ length: cells }, (_, i) => (bits[i >> 3] >> (i & 7)) & 1);
  const open = start.slice();
  const fixed = new Uint16Array(cells); // the pass that kept a cell; 0: none did
  const words = [];
  const counts = []; // open cells guessed in each pass
  let at = 0;
  for (let pass = 1; pass <= packed.passes; pass++) {
    const row = new Uint32Array(cells).fill(NONE);
    let count = 0;
    for (let i = 0; i < cells; i++) {
      if (!open[i]) continue;
      row[i] = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
      at += 4;
      count += 1;
      if (wasKept(row[i])) {
        fixed[i] = pass;
        open[i] = 0;
      }
    }
    words.push(row);
    counts.push(count);
  }
  if (at !== bytes.length) throw new Error(`a stage has ${bytes.length / 4} guesses, its passes make ${at / 4}`);
  return { ...packed, frames, cells, start, fixed, words, counts, begins: start.reduce((sum, v) => sum + v, 0) };
}

export function unpackRun(packed, frames) {
  const stages = packed.stages.map((stage) => unpackStage(stage, frames));
  const codes = unpackCodes(packed.codes, packed.rows, frames);
  return { ...packed, frames, stages, codes };
}

// Positions of the slider: before all, then after each pass of each stage. Runs of different length share positions:
// those of the longer run; the shorter one stands at the same share of its passes.
export function createPlaces(runs) {
  const lengths = runs[0].stages.map((_, s) => Math.max(...runs.map((run) => run.stages[s].passes)));
  const list = [{ stage: 0, step: 0 }];
  lengths.forEach((length, stage) => {
    for (let step = 1; step <= length; step++) list.push({ stage, step });
  });
  return {
    last: list.length - 1,
    lengths,
    at: (position) => list[position],
    // The stage a run is in, and how many of its passes are done, at a position.
    of(run, position) {
      const { stage, step } = list[position];
      const own = run.stages[stage].passes;
      const pass = Math.ceil((step * own) / lengths[stage] - 1e-9) || 0; // never minus zero
      return { stage, pass, total: run.stages.slice(0, stage).reduce((sum, s) => sum + s.passes, 0) + pass };
    },
    first: (stage) => lengths.slice(0, stage).reduce((sum, n) => sum + n, 0), // position where a stage begins
  };
}

// What the cells of stage number `index` are when a run stands at { stage, pass }: kinds and probability bytes, [cells]
// each, written into `kind` and `byte`. Where no probability is known the byte is 255.
export function cellsAt(run, index, { stage, pass }, kind, byte) {
  const { start, fixed, words, cells, passes } = run.stages[index];
  const done = index < stage ? passes : index > stage ? 0 : pass;
  const fresh = index === stage ? NEW : KEPT; // of a stage that is over, nothing is news
  for (let i = 0; i < cells; i++) {
    const when = fixed[i];
    byte[i] = 255;
    if (!start[i]) {
      kind[i] = PROMPT;
    } else if (done === 0) {
      kind[i] = WAITING;
    } else if (when > 0 && when <= done) {
      kind[i] = when === done ? fresh : KEPT;
      byte[i] = byteOf(words[when - 1][i]);
    } else {
      kind[i] = DROPPED;
      byte[i] = byteOf(words[done - 1][i]);
    }
  }
}

// The whole grid of a run, rows x frames, at the place last asked for: kinds, bytes, and how many cells are what.
export function createGrid(run) {
  const size = run.rows * run.frames;
  const kinds = new Uint8Array(size).fill(PROMPT);
  const grid = { kind: kinds, byte: new Uint8Array(size).fill(255), totals: [], place: null };
  grid.at = (place) => {
    if (grid.place && grid.place.stage === place.stage && grid.place.pass === place.pass) return grid;
    run.stages.forEach((stage, index) => {
      const from = stage.first * run.frames;
      const part = (all) => all.subarray(from, from + stage.cells);
      cellsAt(run, index, place, part(grid.kind), part(grid.byte));
    });
    grid.totals = [0, 0, 0, 0, 0];
    for (let i = 0; i < size; i++) grid.totals[grid.kind[i]] += 1;
    grid.place = place;
    return grid;
  };
  return grid;
}

// The token of a cell at a place: kept, given, or the last guess; null before any.
export function cellToken(run, place, row, frame) {
  const index = run.stages.findIndex((s) => row >= s.first && row < s.first + s.rows);
  const stage = run.stages[index];
  const i = stage ? (row - stage.first) * run.frames + frame : 0;
  if (!stage || !stage.start[i]) return run.codes[row][frame];
  const done = index < place.stage ? stage.passes : index > place.stage ? 0 : place.pass;
  const when = stage.fixed[i];
  const pass = when > 0 && when <= done ? when : done;
  return pass === 0 ? null : tokenOf(stage.words[pass - 1][i]);
}

// Everything known of one cell at a place.
export function cellFacts(run, place, row, frame) {
  const index = run.stages.findIndex((s) => row >= s.first && row < s.first + s.rows);
  if (index < 0) return { kind: PROMPT, stage: -1, token: run.codes[row][frame], pass: 0, probability: null };
  const stage = run.stages[index];
  const i = (row - stage.first) * run.frames + frame;
  const done = index < place.stage ? stage.passes : index > place.stage ? 0 : place.pass;
  const common = { stage: index, fixed: stage.fixed[i], passes: stage.passes };
  if (!stage.start[i]) return { ...common, kind: PROMPT, token: run.codes[row][frame], pass: 0, probability: null };
  if (done === 0) return { ...common, kind: WAITING, token: null, pass: 0, probability: null };
  const settled = stage.fixed[i] > 0 && stage.fixed[i] <= done;
  const pass = settled ? stage.fixed[i] : done;
  const word = stage.words[pass - 1][i];
  const now = settled && pass === done && index === place.stage;
  return {
    ...common,
    kind: settled ? (now ? NEW : KEPT) : DROPPED,
    token: tokenOf(word),
    probability: probabilityOf(byteOf(word)),
    pass, // the guess is of this pass
    rank: stage.counts[pass - 1] - rankOf(word), // 1 is the surest
    among: stage.counts[pass - 1],
    confidence: confidenceOf(stage.confidence[pass - 1], rankOf(word)),
  };
}

// The confidence at a rank (0 the least), from the histogram: the middle of the bin it lies in.
export function confidenceOf({ low, high, counts }, rank) {
  let passed = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    passed += counts[bin];
    if (rank < passed) return low + ((bin + 0.5) / counts.length) * (high - low);
  }
  return high;
}

// The guesses of a pass counted in the bins of its confidence, kept and dropped apart (counted once).
export function confidenceCounts(stage, pass) {
  stage.spread ||= [];
  return (stage.spread[pass] ||= countConfidence(stage, pass));
}

function countConfidence(stage, pass) {
  const { counts } = stage.confidence[pass - 1];
  const binOf = new Uint8Array(stage.counts[pass - 1]);
  for (let bin = 0, rank = 0; bin < counts.length; bin++) {
    for (let n = 0; n < counts[bin] && rank < binOf.length; n++) binOf[rank++] = bin;
  }
  const kept = new Uint32Array(counts.length);
  const dropped = new Uint32Array(counts.length);
  for (const word of stage.words[pass - 1]) {
    if (word !== NONE) (wasKept(word) ? kept : dropped)[binOf[rankOf(word)]] += 1;
  }
  return { kept, dropped };
}

// The probabilities guessed in a pass, counted by byte, kept and dropped apart.
export function probabilityCounts(stage, pass, bins) {
  const kept = new Uint32Array(bins);
  const dropped = new Uint32Array(bins);
  for (const word of stage.words[pass - 1]) {
    if (word === NONE) continue;
    const bin = Math.min(bins - 1, Math.floor(((255 - byteOf(word)) / 256) * bins));
    (wasKept(word) ? kept : dropped)[bin] += 1;
  }
  return { kept, dropped };
}
