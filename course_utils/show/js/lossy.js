import { fromBase85 } from './bytes.js';

// Sound that was packed with loss (show/pack_lossy.py): MP3, decoded by the browser. Browsers disagree on how late an
// MP3 starts, so a marker, a short sweep in silence, stands before the sound; where it is found, sample 0 is known.

const SWEEP = 512;
const SWEEP_AT = 1152;
const LEAD = 3456;
const LOUD = 0.5;
const SEARCH = 8192;

export function marker() {
  return Float64Array.from({ length: SWEEP }, (_, i) => {
    const phase = 2 * Math.PI * (i / 64 + (i * i * (1 / 6 - 1 / 64)) / (2 * SWEEP));
    return LOUD * Math.sin(phase) * Math.sin((Math.PI * (i + 0.5)) / SWEEP) ** 2;
  });
}

// The number of the sample at which the sound begins.
export function findStart(decoded) {
  const sweep = marker();
  const last = Math.min(decoded.length, SEARCH) - SWEEP;
  let best = -Infinity;
  let at = 0;
  for (let lag = 0; lag <= last; lag++) {
    let sum = 0;
    for (let i = 0; i < SWEEP; i++) sum += decoded[lag + i] * sweep[i];
    if (sum > best) {
      best = sum;
      at = lag;
    }
  }
  if (!(best > 0.5 * sweep.reduce((sum, v) => sum + v * v, 0))) throw new Error('no marker before the sound');
  return at + LEAD - SWEEP_AT;
}

// The sound alone, as long as it was before packing.
export function align(decoded, length) {
  const start = findStart(decoded);
  const out = new Float32Array(length);
  out.set(decoded.subarray(start, start + length));
  return out;
}

// Decodes packed tracks { mp3, length } to Float32Array[], one after another; the browser works beside the page.
export async function unpackLossy(tracks, progress, rate) {
  const Context = globalThis.OfflineAudioContext || globalThis.webkitOfflineAudioContext;
  if (!Context) throw new Error('this browser has no Web Audio');
  const context = new Context(1, 1, rate); // decodes to the tracks' own rate
  const done = [];
  for (const { mp3, length } of tracks) {
    const bytes = fromBase85(mp3);
    const decoded = await context.decodeAudioData(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    );
    done.push(align(decoded.getChannelData(0), length));
    progress(done.length / tracks.length);
  }
  return done;
}
