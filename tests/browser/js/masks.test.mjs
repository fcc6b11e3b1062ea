// The painter's masks against Python's, token by token, and MP3 tracks set on their first sample.
// Run by tests/test_show_painter.py, which writes the cases.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const module = (name) => import(pathToFileURL(`${process.env.MODULES}/${name}.js`).href);
const masks = await module('masks');
const { align, findStart, marker } = await module('lossy');
const { masks: cases, sounds } = JSON.parse(readFileSync(process.env.CASES, 'utf8'));

for (const { name, how, shape, options, rate, times, upper, text, figures } of cases) {
  test(`${name} is Python's mask`, () => {
    const whole = { codebooks: shape[0], frames: shape[1] };
    let mask = masks[how](whole, options, rate, times);
    if (upper !== null) mask = masks.maskUpper(mask, upper);
    assert.equal(masks.toText(mask), text);
    assert.ok(masks.same(masks.fromText(text), mask), 'the text reads back as another mask');
    const found = masks.figures(mask, rate, 1024);
    assert.equal(found.kept, figures.kept);
    assert.equal(found.fraction, figures.fraction);
    assert.equal(found.bitsPerSecond, figures.bits_per_second);
    found.byCodebook.forEach((share, c) => assert.ok(Math.abs(share - figures.by_codebook[c]) < 1e-12));
  });
}

test('masks combine as in Python', () => {
  const shape = { codebooks: 2, frames: 7 };
  const a = masks.periodic(shape, { period: 3, width: 1, roll: 0 });
  const b = masks.continuation(shape, { prefix: 2 });
  assert.equal(masks.toText(masks.both(a, b)), '2x7 c0-1:2k1g1k2g1k');
  assert.equal(masks.toText(masks.either(a, b)), '2x7 c0-1:1k6g');
  assert.equal(masks.toText(masks.inverted(b)), '2x7 c0-1:2g5k');
  assert.ok(!masks.same(a, b));
});

test('a decoded MP3 is set on its first sample, however late it comes', () => {
  for (const { name, decoded, length, expected } of sounds) {
    for (const late of [0, 529, 1105]) {
      const samples = new Float32Array(late + decoded.length);
      samples.set(decoded, late);
      assert.equal(findStart(samples), findStart(Float32Array.from(decoded)) + late, name);
      assert.deepEqual(Array.from(align(samples, length)), Array.from(Float32Array.from(expected)), name);
    }
  }
  assert.throws(() => align(new Float32Array(9000), 10), /no marker/);
  assert.throws(() => align(marker().subarray(0, 100), 10), /no marker/);
});
