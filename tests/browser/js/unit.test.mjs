// Unit tests of the players' modules that need no page. Run by tests/test_show_js.py with the folder of modules in JS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const module = (name) => import(pathToFileURL(`${process.env.MODULES}/${name}.js`).href);
const { createStore } = await module('store');
const { fromBase85 } = await module('bytes');
const { decodeFlac } = await module('flac');
const { unpackTracks, toFloat } = await module('tracks');
const { Engine } = await module('engine');
const { fft, spectrogram, heightOf, RANGE } = await module('spectrogram');
const { peaks } = await module('wave');
const { cellAt, framesWith } = await module('grid');
const { chanceOf, createTest } = await module('abx');
const { luminance } = await module('theme');
const { shade } = await module('palette');
const { number, clock, bitRate } = await module('format');

test('store tells exactly the listeners of changed keys', () => {
  const store = createStore({ a: 1, b: 1 });
  const seen = [];
  const off = store.on(['a'], (state, changed) => seen.push([state.a, changed]));
  store.set({ b: 2 });
  store.set({ a: 1 });
  store.set({ a: 2, b: 3 });
  off();
  store.set({ a: 9 });
  assert.deepEqual(seen, [[2, ['a', 'b']]]);
  assert.deepEqual(store.get(), { a: 9, b: 3 });
});

test('packed sound comes out as the integers that went in', async () => {
  for (const { name, tracks, expected } of JSON.parse(readFileSync(process.env.CASES, 'utf8'))) {
    const done = await unpackTracks(tracks);
    done.forEach((samples, i) => assert.deepEqual(Array.from(samples), expected[i], `${name}, track ${i}`));
  }
});

test('integers become floats without loss', () => {
  const integers = Int16Array.from([-32768, -1, 0, 1, 12345, 32767]);
  assert.deepEqual(
    Array.from(toFloat(integers), (v) => v * 32768),
    Array.from(integers),
  );
});

test('damaged sound is refused, not played', () => {
  assert.throws(() => decodeFlac(new Uint8Array(50)), /not a FLAC stream/);
  assert.throws(() => fromBase85('abc"e'), /not base 85/);
  const [{ tracks }] = JSON.parse(readFileSync(process.env.CASES, 'utf8'));
  const bytes = fromBase85(tracks[0].flac);
  assert.throws(() => decodeFlac(bytes.subarray(0, bytes.length - 40)), /ends early|frame expected/);
});

// A context whose clock the test turns.
function fakeContext() {
  const log = [];
  const param = () => ({
    value: 1,
    setTargetAtTime(value, at) {
      log.push(['gain', value, at]);
      this.value = value;
    },
    setValueAtTime() {},
    linearRampToValueAtTime() {},
    cancelScheduledValues() {},
  });
  const node = () => ({ connect() {}, disconnect() {}, gain: param() });
  return {
    log,
    currentTime: 0,
    destination: node(),
    createBuffer: () => ({ copyToChannel() {} }),
    createChannelSplitter: node,
    createGain: node,
    createBufferSource: () => ({ ...node(), start: (at, offset) => log.push(['start', offset]), stop() {} }),
  };
}

function engineOn(context, seconds = 4, count = 3) {
  const tracks = Array.from({ length: count }, () => new Float32Array(seconds * 100));
  return new Engine({ tracks, sampleRate: 100, makeContext: () => context });
}

test('switching a track neither restarts nor moves the playhead', () => {
  const context = fakeContext();
  const engine = engineOn(context);
  engine.play();
  context.currentTime = 1.25;
  engine.select(2);
  assert.equal(engine.position(), 1.25);
  assert.equal(engine.starts, 1);
  assert.deepEqual(
    context.log.filter(([what]) => what === 'gain').map(([, value]) => value),
    [0, 0, 1],
  );
});

test('the playhead wraps inside the loop', () => {
  const context = fakeContext();
  const engine = engineOn(context);
  engine.setLoop({ on: true, start: 1, end: 2 });
  engine.seek(0.5);
  engine.play();
  assert.equal(engine.position(), 1, 'a start outside the region moves to its beginning');
  context.currentTime = 3.25;
  assert.ok(Math.abs(engine.position() - 1.25) < 1e-9);
  engine.pause();
  assert.ok(Math.abs(engine.position() - 1.25) < 1e-9);
});

test('play after the end starts again; seeking is kept while paused', () => {
  const context = fakeContext();
  const engine = engineOn(context);
  engine.seek(99);
  assert.equal(engine.position(), 4);
  engine.play();
  assert.equal(engine.position(), 0);
  engine.pause();
  engine.seek(2.5);
  assert.equal(engine.position(), 2.5);
});

test('more tracks than Web Audio can hold are refused', () => {
  assert.throws(() => engineOn(fakeContext(), 1, 33), /33 tracks/);
});

test('fft of a cosine has one line', () => {
  const n = 64;
  const re = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * 5 * i) / n));
  const im = new Float64Array(n);
  fft(re, im);
  const size = Array.from(re, (v, i) => Math.hypot(v, im[i]));
  assert.ok(Math.abs(size[5] - n / 2) < 1e-9 && Math.abs(size[59] - n / 2) < 1e-9);
  assert.ok(size.every((v, i) => i === 5 || i === 59 || v < 1e-9));
});

test('a full-scale sine shows at its frequency, saturated, and silence shows nothing', () => {
  const rate = 44100;
  const f = 1000;
  const sine = Float32Array.from({ length: rate / 2 }, (_, i) => Math.sin((2 * Math.PI * f * i) / rate));
  const rows = 100;
  const { levels } = spectrogram(sine, rate, { columns: 3, rows });
  const column = Array.from({ length: rows }, (_, r) => levels[r * 3 + 1]);
  const loudest = column.indexOf(Math.max(...column));
  assert.ok(Math.abs(loudest + 0.5 - rows * (1 - heightOf(f))) < 3, `row ${loudest}`);
  assert.equal(column[loudest], 255);
  assert.ok(spectrogram(new Float32Array(5000), rate, { columns: 4, rows: 10 }).levels.every((v) => v === 0));
  assert.ok(RANGE.floor < RANGE.top);
});

test('peaks keep the lowest and highest sample of each stretch', () => {
  assert.deepEqual(Array.from(peaks(Float32Array.from([0, 1, -1, 0.5, 0.25, 0.25]), 3)), [0, 1, -1, 0.5, 0.25, 0.25]);
});

test('cells and repetitions of the code grid', () => {
  const box = { x: 10, y: 20, width: 100, height: 90 };
  assert.deepEqual(cellAt(10, 20, box, 9, 50), { frame: 0, level: 0 });
  assert.deepEqual(cellAt(109.9, 109.9, box, 9, 50), { frame: 49, level: 8 });
  assert.equal(cellAt(9, 25, box, 9, 50), null);
  assert.equal(cellAt(50, 111, box, 9, 50), null);
  assert.deepEqual(framesWith([3, 1, 3, 2], 3), [0, 2]);
});

test('the chance of guessing is the binomial tail', () => {
  assert.equal(chanceOf(0, 10), 1);
  assert.ok(Math.abs(chanceOf(9, 10) - 11 / 1024) < 1e-12);
  assert.ok(Math.abs(chanceOf(5, 5) - 1 / 32) < 1e-12);
});

test('a blind test tells nothing before its end and then the truth', () => {
  const coins = [true, false, true, true];
  const blind = createTest(3, () => coins.shift());
  blind.answer('B'); // right: hidden B
  blind.answer('B'); // wrong: hidden A
  assert.equal(blind.result(), null);
  blind.answer('B'); // right
  assert.deepEqual([blind.result().right, blind.result().trials], [2, 3]);
  assert.ok(Math.abs(blind.result().p - 0.5) < 1e-12);
});

test('backgrounds are read for their lightness; see-through ones are skipped', () => {
  assert.equal(luminance('rgba(0, 0, 0, 0)'), null);
  assert.equal(luminance('transparent'), null);
  assert.ok(luminance('rgb(255, 255, 255)') > 0.99 && luminance('rgb(17, 17, 17)') < 0.1);
});

test('the palette grows evenly darker on light paper and lighter on dark', () => {
  const light = (rgb) => 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
  const steps = Array.from({ length: 33 }, (_, i) => i / 32);
  for (const [theme, sign] of [
    ['light', -1],
    ['dark', 1],
  ]) {
    const values = steps.map((s) => light(shade(s, theme)));
    values.slice(1).forEach((v, i) => assert.ok(sign * (v - values[i]) > 0, `${theme} at ${i}`));
  }
});

test('numbers are spelled one way', () => {
  assert.equal(number(-3.46, 1), '\u22123.5');
  assert.equal(number(-0.04, 1), '0.0');
  assert.equal(clock(61.5), '1:01.50');
  assert.equal(clock(3.999), '0:04.00');
  assert.deepEqual([861.3, 7751.9, 13000, 705600].map(bitRate), ['0.86', '7.75', '13.0', '706']);
});
