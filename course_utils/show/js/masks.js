import { createTwister } from './mersenne.js';

// Prompts as masks, the same as course_utils/vampnet/masks.py makes (tests hold one to the other). A mask here is
// { codebooks, frames, generate }: generate is a Uint8Array, 1 = generate, 0 = keep, all frames of c0 first.

const ROUNDING = 1e-6;

export const framesIn = (seconds, rate) => Math.ceil(seconds * rate - ROUNDING);
export const frameAt = (seconds, rate) => Math.floor(seconds * rate + ROUNDING);

export function filled({ codebooks, frames }, value) {
  return { codebooks, frames, generate: new Uint8Array(codebooks * frames).fill(value) };
}

function keeping(shape, kept) {
  const mask = filled(shape, 1);
  for (let c = 0; c < shape.codebooks; c++) {
    for (let t = 0; t < shape.frames; t++) if (kept(t, c)) mask.generate[c * shape.frames + t] = 0;
  }
  return mask;
}

function windows(frames, spans) {
  const kept = new Uint8Array(frames);
  for (const [from, to] of spans) kept.fill(1, Math.max(0, from), Math.max(0, to));
  return (t) => kept[t] === 1;
}

export function periodic(shape, { period, width, roll }) {
  const spans = [];
  const before = Math.floor((width - 1) / 2);
  for (let t = roll; t < shape.frames; t += period) spans.push([t - before, t + Math.floor(width / 2) + 1]);
  return keeping(shape, windows(shape.frames, spans));
}

export function inpaintSpan(shape, { start, stop }, rate) {
  const low = framesIn(start, rate);
  const high = Math.min(framesIn(stop, rate), shape.frames);
  return keeping(shape, (t) => t < low || t >= high);
}

export function beats(shape, { before, after }, rate, times) {
  const spans = times.map((time) => [frameAt(Math.max(time - before, 0), rate), framesIn(time + after, rate)]);
  return keeping(shape, windows(shape.frames, spans));
}

export const continuation = (shape, { prefix }) => keeping(shape, (t) => t < prefix);

export const compression = (shape, { codebooks }) => keeping(shape, (t, c) => c < codebooks);

// Each token is generated with probability `ratio`, in the order and with the numbers that torch draws.
export function randomRatio(shape, { ratio, seed }) {
  const chance = Math.fround(ratio);
  const { uniform } = createTwister(seed);
  const mask = filled(shape, 0);
  for (let i = 0; i < mask.generate.length; i++) mask.generate[i] = uniform() < chance ? 1 : 0;
  return mask;
}

export const BUILDERS = { periodic, inpaintSpan, beats, continuation, compression, randomRatio };

// A prompt in the first codebooks only: the others are generated in every frame.
export function maskUpper(mask, codebooks) {
  const out = { ...mask, generate: mask.generate.slice() };
  out.generate.fill(1, Math.min(codebooks, mask.codebooks) * mask.frames);
  return out;
}

const joined = (a, b, rule) => ({ ...a, generate: a.generate.map((v, i) => rule(v, b.generate[i])) });
export const both = (a, b) => joined(a, b, (v, w) => v & w); // keeps the prompts of both
export const either = (a, b) => joined(a, b, (v, w) => v | w); // keeps only what both keep
export const inverted = (mask) => ({ ...mask, generate: mask.generate.map((v) => 1 - v) });
export const same = (a, b) =>
  a.generate.length === b.generate.length && a.generate.every((v, i) => v === b.generate[i]);

// The figures of a mask, with the arithmetic of Mask.kept_fraction and Mask.bits_per_second.
export function figures(mask, rate, entries) {
  const { codebooks, frames, generate } = mask;
  const byCodebook = Array.from({ length: codebooks }, (_, c) => {
    let kept = 0;
    for (let t = 0; t < frames; t++) kept += 1 - generate[c * frames + t];
    return kept;
  });
  const kept = byCodebook.reduce((a, b) => a + b, 0);
  const fraction = kept / generate.length;
  return {
    kept,
    fraction,
    byCodebook: byCodebook.map((n) => n / frames),
    bitsPerSecond: fraction * codebooks * Math.log2(entries) * rate,
  };
}

// --- a mask as text: see course_utils/vampnet/painted.py for the grammar ---------------------------------------------

const READABLE = 40; // characters of runs that are never written as bits

export function toText(mask) {
  const { codebooks, frames, generate } = mask;
  const rows = Array.from({ length: codebooks }, (_, c) => rowText(generate.subarray(c * frames, (c + 1) * frames)));
  const parts = [`${codebooks}x${frames}`];
  for (let from = 0; from < codebooks;) {
    let to = from;
    while (to + 1 < codebooks && rows[to + 1] === rows[from]) to++;
    parts.push(`${from === to ? `c${from}` : `c${from}-${to}`}:${rows[from]}`);
    from = to + 1;
  }
  return parts.join(' ');
}

function rowText(row) {
  const runs = [];
  for (let from = 0; from < row.length;) {
    let to = from;
    while (to < row.length && row[to] === row[from]) to++;
    runs.push(`${to - from}${row[from] ? 'g' : 'k'}`);
    from = to;
  }
  const text = repeats(runs);
  if (text.length <= READABLE) return text;
  const bits = `=${hex(row)}`;
  return bits.length < text.length ? bits : text;
}

// Two runs that come back again and again, as periodic prompts have them, are written once.
function repeats(runs) {
  let text = '';
  for (let i = 0; i < runs.length;) {
    let times = 1;
    while (
      i + 2 * times + 1 < runs.length &&
      runs[i + 2 * times] === runs[i] &&
      runs[i + 2 * times + 1] === runs[i + 1]
    )
      times++;
    if (times > 1) {
      text += `(${runs[i]}${runs[i + 1]})x${times}`;
      i += 2 * times;
      if (i < runs.length) text += ',';
    } else text += runs[i++];
  }
  return text;
}

function hex(row) {
  let text = '';
  for (let t = 0; t < row.length; t += 4) {
    const bit = (k) => (row[t + k] || 0) << (3 - k);
    text += (bit(0) | bit(1) | bit(2) | bit(3)).toString(16);
  }
  return text;
}

// Reads what toText or Python wrote; the page's own data only, so it does not look for mistakes.
export function fromText(text) {
  const [size, ...rows] = text.split(' ');
  const [codebooks, frames] = size.split('x').map(Number);
  const mask = filled({ codebooks, frames }, 0);
  for (const row of rows) {
    const [, first, last, runs] = /^c(\d+)(?:-(\d+))?:(.*)$/.exec(row);
    const values = rowValues(runs, frames);
    for (let c = Number(first); c <= Number(last ?? first); c++) mask.generate.set(values, c * frames);
  }
  return mask;
}

function rowValues(runs, frames) {
  const values = new Uint8Array(frames);
  if (runs[0] === '=') return values.map((_, t) => (parseInt(runs[1 + (t >> 2)], 16) >> (3 - (t & 3))) & 1);
  const plain = runs.replace(/\(([^)]*)\)x(\d+),?/g, (_, group, times) => group.repeat(Number(times)));
  let at = 0;
  for (const [, length, kind] of plain.matchAll(/(\d+)([kg])/g)) {
    values.fill(kind === 'g' ? 1 : 0, at, at + Number(length));
    at += Number(length);
  }
  return values;
}
