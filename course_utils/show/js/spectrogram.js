import { lookup } from './palette.js';

// Magnitude of a real signal's first size/2 bins. size is a power of two; `re` and `im` are overwritten.
export function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let half = 1; half < n; half <<= 1) {
    const { cos, sin } = twiddles(half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const a = start + k;
        const b = a + half;
        const r = re[b] * cos[k] - im[b] * sin[k];
        const i = re[b] * sin[k] + im[b] * cos[k];
        re[b] = re[a] - r;
        im[b] = im[a] - i;
        re[a] += r;
        im[a] += i;
      }
    }
  }
}

const TWIDDLES = new Map();

function twiddles(half) {
  if (!TWIDDLES.has(half)) {
    const angle = (k) => (-Math.PI * k) / half;
    TWIDDLES.set(half, {
      cos: Float64Array.from({ length: half }, (_, k) => Math.cos(angle(k))),
      sin: Float64Array.from({ length: half }, (_, k) => Math.sin(angle(k))),
    });
  }
  return TWIDDLES.get(half);
}

export const RANGE = { low: 40, high: 20000, floor: -92, top: -14 }; // Hz; dB below a full-scale sine, for every track

export function frequencyAt(fraction, range = RANGE) {
  return range.low * (range.high / range.low) ** fraction; // 0: bottom, 1: top
}

export function heightOf(frequency, range = RANGE) {
  return Math.log(frequency / range.low) / Math.log(range.high / range.low);
}

// Levels 0..255 on a grid of rows (log frequency, highest first) x columns (time). No normalisation: the same level
// means the same loudness in every track.
export function spectrogram(samples, rate, { columns, rows, size = 2048, range = RANGE }) {
  const out = new Uint8Array(rows * columns);
  const window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / size));
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  const power = new Float64Array(size / 2);
  const edges = Float64Array.from({ length: rows + 1 }, (_, r) => (frequencyAt(1 - r / rows, range) * size) / rate);
  for (let c = 0; c < columns; c++) {
    const from = Math.round(((c + 0.5) / columns) * samples.length - size / 2);
    for (let i = 0; i < size; i++) re[i] = (samples[from + i] || 0) * window[i];
    im.fill(0);
    fft(re, im);
    for (let k = 0; k < size / 2; k++) power[k] = (re[k] * re[k] + im[k] * im[k]) * (16 / (size * size));
    for (let r = 0; r < rows; r++) {
      const decibels = 10 * Math.log10(between(power, edges[r + 1], edges[r]) + 1e-12);
      out[r * columns + c] = Math.max(0, Math.min(255, (255 * (decibels - range.floor)) / (range.top - range.floor)));
    }
  }
  return { levels: out, rows, columns };
}

// The strongest bin inside [low, high], or between the two nearest bins where the row is narrower than one.
function between(power, low, high) {
  const last = power.length - 1;
  const middle = Math.min((low + high) / 2, last);
  const i = Math.floor(middle);
  let best = power[i] + (middle - i) * (power[Math.min(i + 1, last)] - power[i]);
  for (let k = Math.ceil(low); k <= Math.min(high, last); k++) best = Math.max(best, power[k]);
  return best;
}

// Paints a spectrogram into an off-screen canvas of its own size.
export function paintSpectrogram({ levels, rows, columns }, theme) {
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const g = canvas.getContext('2d');
  const image = g.createImageData(columns, rows);
  const table = lookup(theme);
  for (let i = 0; i < levels.length; i++) {
    image.data.set(table.subarray(4 * levels[i], 4 * levels[i] + 4), 4 * i);
  }
  g.putImageData(image, 0, 0);
  return canvas;
}
