// The stepper's arrangements in JavaScript against those of Python. Run by tests/test_show_interleaving.py.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const module = (name) => import(pathToFileURL(`${process.env.MODULES}/${name}.js`).href);
const { anticipate, distances, medianAndMax, MODES, nextRow } = await module('anticipate');
const { createModel, isKnown } = await module('interleavingmodel');
const { explainTriple, readTriples, VOCAB } = await module('pianorollevents');
const cases = JSON.parse(readFileSync(process.env.CASES, 'utf8'));

test('every mode and delta gives the tokens, the rows and what is left over, as in Python', () => {
  let compared = 0;
  for (const { events, controls, arranged } of cases) {
    for (const { mode, delta, order, tokens, leftover } of arranged) {
      const made = anticipate(events, controls, mode, Math.round(100 * delta), VOCAB.control);
      assert.deepEqual(made.order, order, `${mode} at ${delta} s`);
      assert.deepEqual(made.tokens.flat(), tokens);
      assert.equal(made.leftover.length, leftover);
      compared += 1;
    }
  }
  assert.ok(compared > 1000);
});

test('distances, their median and largest, as in Python', () => {
  for (const { events, controls, arranged } of cases) {
    const onsets = [events.map((row) => row[0]), controls.map((row) => row[0] - VOCAB.control)];
    const rests = events.map((row) => row[2] === VOCAB.rest);
    for (const { mode, order, far, median, max } of arranged) {
      const found = distances(order, ...onsets, rests);
      assert.deepEqual(
        found.map((d) => d.tokens),
        far,
        mode,
      );
      const figures = medianAndMax(found);
      assert.ok(Object.is(figures.median, median ?? NaN), `${figures.median} is not ${median}`);
      assert.equal(figures.max, max);
    }
  }
});

test('the stopping-time test finds the same violations, all of them by sorting', () => {
  for (const { events, controls, tested } of cases) {
    const model = createModel(readTriples([...events, ...controls].flat()), events.length);
    for (const { mode, delta, histories } of tested) {
      const found = model.violations(mode, delta).map(({ place }) => place);
      assert.deepEqual(found, histories, `${mode} at ${delta} s`);
      if (mode !== 'sort') assert.deepEqual(found, []);
    }
  }
});

test('where the sampler stands, anticipation always knows and sorting does not while a control is to come', () => {
  for (const { events, controls } of cases) {
    if (!controls.length || !events.length) continue;
    const model = createModel(readTriples([...events, ...controls].flat()), events.length);
    for (const mode of MODES) {
      const { order } = model.arrangement(mode, 5);
      for (const [place, row] of order.entries()) {
        const stand = model.stand(mode, 5, place);
        if (mode !== 'sort') {
          assert.ok(isKnown(stand), `${mode} at ${place}`);
          for (const future of stand.futures) assert.equal(future.control, row >= events.length);
        } else if (stand.waiting !== null && stand.sampled < events.length) {
          const last = stand.given ? model.controls[stand.given - 1] : -1;
          if (stand.waiting === last) continue; // no event can come between two controls of one tick
          assert.ok(!isKnown(stand), `${mode} at ${place}`);
        }
      }
    }
  }
});

test('a future that would change the past is none', () => {
  const order = [0, 2, 1]; // an event at 0, a control at 100, an event at 200, in order of time
  assert.equal(nextRow('sort', [0, 200], [100], 0, order, 1, 50), 1);
  assert.equal(nextRow('sort', [0, 200], [100], 0, order, 1, 100), 1);
  assert.equal(nextRow('sort', [0, 200], [100], 0, order, 1, 101), 2);
  assert.equal(nextRow('sort', [0, 200], [100], 0, order, 2, 50), null);
  assert.equal(nextRow('sort', [0, 200], [100], 0, order, 2, 150), 1);
});

test('a triple explained is the sum that it says', () => {
  const names = { instruments: {}, drums: {} };
  for (const { events, controls } of cases) {
    for (const note of readTriples([...events, ...controls].flat())) {
      explainTriple(note, names).forEach(({ token, sum }, i) => {
        const value = sum
          .replace(/\u202f/g, '')
          .split(' + ')
          .reduce(
            (total, part) => total + part.split(' \u00d7 ').reduce((product, factor) => product * Number(factor), 1),
            0,
          );
        assert.equal(value, token);
        assert.equal(token, note.tokens[i]);
      });
    }
  }
});
