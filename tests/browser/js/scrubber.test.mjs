// Unit tests of the decode scrubber's modules that need no page. Run by tests/test_show_scrubber.py.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const module = (name) => import(pathToFileURL(`${process.env.MODULES}/${name}.js`).href);
const data = await module('scrubberdata');
const paint = await module('scrubberpaint');
const { lensWindow } = await module('scrubberlens');
const { Deck } = await module('deck');
const cases = JSON.parse(readFileSync(process.env.CASES, 'utf8'));
const runs = cases.map(({ run, frames }) => data.unpackRun(run, frames));

test('every cell is what the trace says, at every place', () => {
  cases.forEach(({ places, frames }, n) => {
    const run = runs[n];
    const grid = data.createGrid(run);
    for (const { place, kind, token } of places) {
      const at = { stage: place[0], pass: place[1] };
      assert.deepEqual(Array.from(grid.at(at).kind), kind.flat(), `kinds at ${place}`);
      assert.deepEqual(
        grid.totals,
        [0, 1, 2, 3, 4].map((k) => kind.flat().filter((v) => v === k).length),
      );
      for (let row = 0; row < run.rows; row++) {
        for (let frame = 0; frame < frames; frame++) {
          const expected = token[row][frame] < 0 ? null : token[row][frame];
          assert.equal(data.cellToken(run, at, row, frame), expected);
          const facts = data.cellFacts(run, at, row, frame);
          assert.equal(facts.token, expected);
          assert.equal(facts.kind, kind[row][frame]);
        }
      }
    }
  });
});

test('a rank says how many guesses were surer, and a kept cell which pass kept it', () => {
  const [run] = runs;
  const stage = run.stages[0];
  for (let pass = 1; pass <= stage.passes; pass++) {
    const ranks = [];
    for (let row = 0; row < 4; row++) {
      for (let frame = 0; frame < run.frames; frame++) {
        const facts = data.cellFacts(run, { stage: 0, pass }, row, frame);
        if (facts.kind === data.PROMPT) continue;
        if (facts.kind === data.NEW) assert.equal(facts.pass, pass);
        if (facts.kind === data.DROPPED) assert.ok(facts.fixed > pass);
        if (facts.pass === pass) ranks.push(facts.rank);
        if (facts.kind === data.NEW) assert.ok(facts.rank <= facts.among - stage.done[pass - 1]);
      }
    }
    assert.deepEqual(
      ranks.sort((a, b) => a - b),
      ranks.map((_, i) => i + 1),
    );
  }
});

test('the spreads count every guess once', () => {
  const stage = runs[0].stages[0];
  for (let pass = 1; pass <= stage.passes; pass++) {
    for (const { kept, dropped } of [data.confidenceCounts(stage, pass), data.probabilityCounts(stage, pass, 40)]) {
      const sum = (list) => list.reduce((a, b) => a + b, 0);
      assert.equal(sum(dropped), stage.done[pass - 1]);
      assert.equal(sum(kept), stage.counts[pass - 1] - stage.done[pass - 1]);
    }
  }
});

test('runs of different length share the positions by their share of the passes', () => {
  const places = data.createPlaces([runs[0], runs[1]]); // 6 + 2 and 3 + 2 passes
  assert.equal(places.last, 8);
  const all = (run, what) => Array.from({ length: 9 }, (_, i) => places.of(run, i)[what]);
  assert.deepEqual(all(runs[0], 'pass'), [0, 1, 2, 3, 4, 5, 6, 1, 2]);
  assert.deepEqual(all(runs[1], 'pass'), [0, 1, 1, 2, 2, 3, 3, 1, 2]);
  assert.deepEqual(all(runs[0], 'stage'), [0, 0, 0, 0, 0, 0, 0, 1, 1]);
  assert.deepEqual([places.of(runs[0], 8).total, places.of(runs[1], 8).total], [8, 5]);
});

test('damaged traces are refused', () => {
  const [{ run, frames }] = cases;
  const short = { ...run.stages[0], words: run.stages[0].words.slice(0, -10) };
  assert.throws(() => data.unpackStage(short, frames), /guesses/);
});

test('what happened to a cell is told by its shape, and how sure it was by its lightness', () => {
  const row = { flag: 6, bar: 21 };
  const shape = (kind) => Array.from({ length: 27 }, (_, y) => Number(paint.covers(kind, y, row))).join('');
  const shapes = [0, 1, 2, 3, 4].map(shape);
  assert.equal(new Set(shapes).size, 5);
  const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  for (const theme of ['light', 'dark']) {
    for (const kind of [data.DROPPED, data.KEPT, data.NEW]) {
      const steps = Array.from({ length: 21 }, (_, i) => light(paint.colourOf(kind, i / 20, theme)));
      const signs = new Set(steps.slice(1).map((v, i) => Math.sign(v - steps[i])));
      assert.deepEqual([...signs], [theme === 'light' ? -1 : 1], `${theme} ${kind}`);
    }
  }
  assert.equal(paint.strength(0), 1);
  assert.equal(paint.strength(255), 0);
});

test('the magnifier stays inside the grid', () => {
  for (const centre of [0, 3, 430, 861]) {
    const { count, first, cell } = lensWindow(900, 862, centre);
    assert.ok(first >= 0 && first + count <= 862 && first <= centre && centre < first + count);
    assert.ok(cell >= 38);
  }
  assert.deepEqual(lensWindow(900, 4, 2).count, 4);
});

// A context whose clock the test turns; sources only remember how they were started.
function fakeContext() {
  const log = [];
  const param = () => ({
    value: 1,
    setValueAtTime() {},
    setTargetAtTime: (v, t) => log.push(['gain', v, t]),
    cancelScheduledValues() {},
  });
  return {
    log,
    currentTime: 0,
    destination: {},
    createGain: () => ({ gain: param(), connect() {}, disconnect() {} }),
    createBufferSource: () => ({
      connect() {},
      start(when, offset) {
        log.push(['start', this.buffer.name, when, offset]);
      },
      stop() {},
    }),
  };
}

test('a switch starts the other track at the place of the playhead and leaves the clock alone', async (t) => {
  const context = fakeContext();
  const load = async (n) => ({ name: n });
  const deck = new Deck({ load, sampleRate: 1000, duration: 10, makeContext: () => context });
  t.after(() => deck.dispose()); // its watch over the end would outlive a failure
  await deck.select(4);
  deck.play();
  const [, , began] = context.log.find(([what]) => what === 'start');
  context.currentTime = 3;
  const before = deck.position();
  await deck.select(7);
  assert.equal(deck.position(), before);
  assert.equal(deck.starts, 1);
  const [, name, when, offset] = context.log.filter(([what]) => what === 'start')[1];
  assert.equal(name, 7);
  assert.ok(Math.abs(offset - (when - began)) < 1e-9);
  context.currentTime = 5;
  deck.setLoop({ on: true, start: 1, end: 2 });
  context.currentTime = 6.6;
  const at = deck.position();
  assert.ok(at >= 1 && at < 2);
  await deck.select(null);
  assert.equal(deck.heard, null);
});

test('the track chosen last wins, whichever is unpacked first; a damaged one leaves the old', async () => {
  const waiting = {};
  const deck = new Deck({
    load: (n) => new Promise((resolve, reject) => (waiting[n] = { resolve: () => resolve({ name: n }), reject })),
    sampleRate: 1000,
    duration: 10,
    makeContext: fakeContext,
  });
  const failed = [];
  deck.onfail = (track) => failed.push(track);
  const first = deck.select(1);
  const second = deck.select(2);
  waiting[2].resolve();
  await second;
  waiting[1].resolve();
  await first;
  assert.equal(deck.heard, 2);
  const third = deck.select(3);
  waiting[3].reject(new Error('no'));
  await third;
  assert.deepEqual(failed, [3]);
});

test('only so many tracks are kept unpacked', async () => {
  const deck = new Deck({ load: async (n) => ({ name: n }), sampleRate: 1000, duration: 1, makeContext: fakeContext });
  for (let n = 0; n < 40; n++) await deck.select(n);
  assert.ok(deck.buffers.size <= 24);
  assert.ok(deck.buffers.has(39));
});
