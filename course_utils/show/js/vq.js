import { fromBase85 } from './bytes.js';

// Vector quantisation in the plane, without a page: nearest entries, means, the error, the cells. The same formulas, in
// the same order and precision, as course_utils.codec.kmeans. Points and entries are [x0, y0, x1, y1, ...].

export function unpackPoints(text) {
  const bytes = fromBase85(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

// A small random generator (mulberry32): vq_toy.py has the same one, so that a seed means the same start in both.
export function chance(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// k entries on k different points. A larger k keeps those of a smaller one and adds to them.
export function startEntries(points, k, seed) {
  const count = points.length / 2;
  const draw = chance(seed);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < Math.min(k, count); i++) {
    const j = i + Math.floor(draw() * (count - i));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const entries = new Float64Array(2 * k);
  for (let i = 0; i < k; i++) {
    entries[2 * i] = points[2 * order[i % count]];
    entries[2 * i + 1] = points[2 * order[i % count] + 1];
  }
  return entries;
}

// Each point's nearest entry; of two at the same distance, the first.
export function nearest(points, entries) {
  const k = entries.length / 2;
  const size = Float64Array.from({ length: k }, (_, e) => entries[2 * e] ** 2 + entries[2 * e + 1] ** 2);
  const index = new Uint8Array(points.length / 2);
  for (let n = 0; n < index.length; n++) {
    const x = points[2 * n];
    const y = points[2 * n + 1];
    let best = Infinity;
    for (let e = 0; e < k; e++) {
      const distance = size[e] - 2 * (x * entries[2 * e] + y * entries[2 * e + 1]); // |p - e|^2 less |p|^2
      if (distance < best) {
        best = distance;
        index[n] = e;
      }
    }
  }
  return index;
}

export function countsOf(index, k) {
  const counts = new Uint32Array(k);
  for (const e of index) counts[e]++;
  return counts;
}

// Every entry at the mean of its points; an entry without points stays where it is.
export function means(points, index, entries) {
  const counts = countsOf(index, entries.length / 2);
  const moved = new Float64Array(entries.length);
  for (let n = 0; n < index.length; n++) {
    moved[2 * index[n]] += points[2 * n];
    moved[2 * index[n] + 1] += points[2 * n + 1];
  }
  return moved.map((sum, i) => (counts[i >> 1] ? sum / counts[i >> 1] : entries[i]));
}

// What is left of every point after its entry.
export function residuals(points, index, entries) {
  return points.map((value, i) => value - entries[2 * index[i >> 1] + (i & 1)]);
}

// Mean square over all coordinates, as `((points - entries[index]) ** 2).mean()` has it.
export function meanSquare(values) {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum / values.length;
}

// Bits that an ideal code would take on average, given how often each entry is chosen.
export function entropy(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => (count ? sum + (count / total) * Math.log2(total / count) : sum), 0);
}

// The part of a box [x0, y0, x1, y1] nearer to each entry than to any other: one convex polygon an entry, maybe empty.
export function cells(entries, [x0, y0, x1, y1]) {
  const k = entries.length / 2;
  return Array.from({ length: k }, (_, e) => {
    let polygon = [x0, y0, x1, y0, x1, y1, x0, y1];
    for (let other = 0; other < k && polygon.length; other++) {
      if (other !== e) polygon = nearerPart(polygon, entries, e, other);
    }
    return polygon;
  });
}

function nearerPart(polygon, entries, e, other) {
  const [ax, ay, bx, by] = [entries[2 * e], entries[2 * e + 1], entries[2 * other], entries[2 * other + 1]];
  if (ax === bx && ay === by) return e < other ? polygon : []; // on the same spot the first one takes all
  const side = (x, y) => (x - (ax + bx) / 2) * (bx - ax) + (y - (ay + by) / 2) * (by - ay); // <= 0: nearer to e
  const part = [];
  for (let i = 0; i < polygon.length; i += 2) {
    const j = (i + 2) % polygon.length;
    const from = side(polygon[i], polygon[i + 1]);
    const to = side(polygon[j], polygon[j + 1]);
    if (from <= 0) part.push(polygon[i], polygon[i + 1]);
    if (from < 0 !== to < 0 && from !== to) {
      const t = from / (from - to);
      part.push(polygon[i] + t * (polygon[j] - polygon[i]), polygon[i + 1] + t * (polygon[j + 1] - polygon[i + 1]));
    }
  }
  return part;
}

// Round numbers for an axis: about `count` of them between low and high.
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const first = Math.ceil(low / step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return { digits, at: Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step) };
}
