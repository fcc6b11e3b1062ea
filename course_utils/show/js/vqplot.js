import { fitCanvas } from './dom.js';
import { cells, ticks } from './vq.js';

// How the toy looks: points in the colour and the shape of their entry, the cells, spokes and arrows of a k-means step,
// the shares and the history. Nothing here keeps or changes state.

export const GUTTER = { left: 46, bottom: 38, top: 6, right: 6 };
const TAU = 2 * Math.PI;

// One of four shapes: with eight colours, 32 entries that all look different.
export const shapeOf = (entry) => (entry + (entry >> 3)) % 4;

// Middle and half the side of the square that holds all points, with a margin.
export function boundsOf(points) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    x0 = Math.min(x0, points[i]);
    x1 = Math.max(x1, points[i]);
    y0 = Math.min(y0, points[i + 1]);
    y1 = Math.max(y1, points[i + 1]);
  }
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, half: 0.54 * Math.max(x1 - x0, y1 - y0) || 1 };
}

// Where a window { x, y, half } of the plane lies on a canvas `side` pixels wide.
export function mapping(window, side) {
  const size = side - GUTTER.left - GUTTER.right;
  const unit = size / (2 * window.half);
  return {
    size,
    unit,
    x: (value) => GUTTER.left + (value - window.x + window.half) * unit,
    y: (value) => GUTTER.top + (window.y + window.half - value) * unit,
    backX: (px) => (px - GUTTER.left) / unit + window.x - window.half,
    backY: (px) => window.y + window.half - (px - GUTTER.top) / unit,
  };
}

function addMarker(path, shape, x, y, r) {
  if (shape === 0) {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, TAU);
  } else if (shape === 1) {
    path.rect(x - 0.87 * r, y - 0.87 * r, 1.74 * r, 1.74 * r);
  } else if (shape === 2) {
    path.moveTo(x, y - 1.3 * r);
    path.lineTo(x + 1.15 * r, y + 0.75 * r);
    path.lineTo(x - 1.15 * r, y + 0.75 * r);
    path.closePath();
  } else {
    path.moveTo(x, y - 1.3 * r);
    path.lineTo(x + 1.3 * r, y);
    path.lineTo(x, y + 1.3 * r);
    path.lineTo(x - 1.3 * r, y);
    path.closePath();
  }
}

// scene: { points, index, owners (entries that own the cells), shown (entries as drawn), left (0 points .. 1 residuals),
//          window, home, spokes 0..1, arrows [from] or null, held (entry or -1), colours, side, axes, ink }
export function drawPlane(canvas, scene) {
  const { side, window, left, ink } = scene;
  const g = fitCanvas(canvas, side, side - GUTTER.left - GUTTER.right + GUTTER.top + GUTTER.bottom);
  const map = mapping(window, side);
  drawAxes(g, map, scene);
  g.save();
  g.beginPath();
  g.rect(GUTTER.left, GUTTER.top, map.size, map.size);
  g.clip();
  if (left < 1) drawCells(g, map, scene);
  if (left > 0) drawCross(g, map, ink, left);
  if (scene.spokes > 0 && left === 0) drawSpokes(g, map, scene);
  drawPoints(g, map, scene);
  if (scene.arrows && left === 0) drawArrows(g, map, scene);
  g.restore();
}

function drawAxes(g, map, { window, axes, ink, side, left }) {
  const x = ticks(window.x - window.half, window.x + window.half, side < 400 ? 4 : 6);
  const y = ticks(window.y - window.half, window.y + window.half, side < 400 ? 4 : 6);
  const bottom = GUTTER.top + map.size;
  const text = (value, digits) => (Math.abs(value) < 1e-12 ? '0' : value.toFixed(digits).replace('-', '\u2212'));
  g.strokeStyle = ink('rule');
  g.lineWidth = 1;
  g.strokeRect(GUTTER.left + 0.5, GUTTER.top + 0.5, map.size - 1, map.size - 1);
  g.fillStyle = ink('faint-ink');
  g.font = `11px ${ink('sans')}`;
  g.textAlign = 'center';
  g.textBaseline = 'top';
  for (const value of x.at) g.fillText(text(value, x.digits), map.x(value), bottom + 5);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  for (const value of y.at) g.fillText(text(value, y.digits), GUTTER.left - 6, map.y(value));
  const name = (axis) => (left > 0.5 ? `${axis}, left over` : axis);
  g.fillStyle = ink('soft-ink');
  g.textAlign = 'center';
  g.textBaseline = 'bottom';
  g.fillText(name(axes[0]), GUTTER.left + map.size / 2, bottom + GUTTER.bottom);
  g.save();
  g.translate(1, GUTTER.top + map.size / 2);
  g.rotate(-Math.PI / 2);
  g.textBaseline = 'top';
  g.fillText(name(axes[1]), 0, 0);
  g.restore();
}

function drawCells(g, map, { owners, window, left, colours, held, ink, theme }) {
  const { x, y, half } = window;
  cells(owners, [x - half, y - half, x + half, y + half]).forEach((polygon, e) => {
    if (!polygon.length) return;
    g.beginPath();
    for (let i = 0; i < polygon.length; i += 2) g.lineTo(map.x(polygon[i]), map.y(polygon[i + 1]));
    g.closePath();
    g.globalAlpha = (1 - left) * (e === held ? 0.3 : theme === 'dark' ? 0.15 : 0.11);
    g.fillStyle = colours[e % 8];
    g.fill();
    g.globalAlpha = (1 - left) * 0.8;
    g.strokeStyle = ink('paper');
    g.lineWidth = 2;
    g.stroke();
  });
  g.globalAlpha = 1;
}

function drawCross(g, map, ink, alpha) {
  g.globalAlpha = alpha;
  g.strokeStyle = ink('rule');
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(GUTTER.left, map.y(0));
  g.lineTo(GUTTER.left + map.size, map.y(0));
  g.moveTo(map.x(0), GUTTER.top);
  g.lineTo(map.x(0), GUTTER.top + map.size);
  g.stroke();
  g.globalAlpha = 1;
}

function byEntry(scene, add) {
  const { points, index, shown, left, colours } = scene;
  const k = shown.length / 2;
  const paths = Array.from({ length: k }, () => new Path2D());
  for (let n = 0; n < index.length; n++) {
    const e = index[n];
    add(paths[e], e, points[2 * n] - left * shown[2 * e], points[2 * n + 1] - left * shown[2 * e + 1]);
  }
  return paths.map((path, e) => ({ path, colour: colours[e % 8] }));
}

function drawPoints(g, map, scene) {
  const radius = Math.min(3, Math.max(1.7, (map.size / 235) * Math.sqrt(1500 / scene.index.length)));
  const add = (path, e, x, y) => addMarker(path, shapeOf(e), map.x(x), map.y(y), radius);
  g.globalAlpha = scene.theme === 'dark' ? 0.9 : 0.78;
  for (const { path, colour } of byEntry(scene, add)) {
    g.fillStyle = colour;
    g.fill(path);
  }
  g.globalAlpha = 1;
}

function drawSpokes(g, map, scene) {
  const add = (path, e, x, y) => {
    path.moveTo(map.x(x), map.y(y));
    path.lineTo(map.x(scene.owners[2 * e]), map.y(scene.owners[2 * e + 1]));
  };
  g.globalAlpha = 0.32 * scene.spokes;
  g.lineWidth = 0.8;
  for (const { path, colour } of byEntry(scene, add)) {
    g.strokeStyle = colour;
    g.stroke(path);
  }
  g.globalAlpha = 1;
}

// From where each entry was to where it is drawn now; a ring marks where it was.
function drawArrows(g, map, { arrows, shown, colours, ink }) {
  for (let e = 0; e < shown.length / 2; e++) {
    const [x0, y0] = [map.x(arrows[2 * e]), map.y(arrows[2 * e + 1])];
    const [x1, y1] = [map.x(shown[2 * e]), map.y(shown[2 * e + 1])];
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 2) continue;
    const angle = Math.atan2(y1 - y0, x1 - x0);
    for (const [width, colour] of [
      [5, ink('paper')],
      [2, colours[e % 8]],
    ]) {
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.arc(x0, y0, 3, 0, TAU);
      if (length > 4) {
        g.moveTo(x0 + 3 * Math.cos(angle), y0 + 3 * Math.sin(angle));
        g.lineTo(x1, y1);
      }
      if (length > 18) {
        const [tx, ty] = [x1 - 12 * Math.cos(angle), y1 - 12 * Math.sin(angle)]; // the handle covers the end itself
        for (const turn of [2.55, -2.55]) {
          g.moveTo(tx, ty);
          g.lineTo(tx + 6 * Math.cos(angle + turn), ty + 6 * Math.sin(angle + turn));
        }
      }
      g.stroke();
    }
  }
}

// One column an entry, as high as its share of the points; the dashed line is where all would be with equal shares.
export function drawShares(canvas, { counts, width, height, colours, held, ink }) {
  const g = fitCanvas(canvas, width, height);
  const k = counts.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const top = Math.max(...counts, (1.4 * total) / k);
  const [floor, ceiling] = [height - 18, 16];
  const column = Math.min(width / k, 44);
  const bar = Math.max(3, Math.min(26, column * 0.66));
  const at = (count) => floor - (count / top) * (floor - ceiling);
  g.strokeStyle = ink('faint-ink');
  g.setLineDash([2, 3]);
  g.beginPath();
  g.moveTo(0, Math.round(at(total / k)) + 0.5);
  g.lineTo(Math.min(width, k * column), Math.round(at(total / k)) + 0.5);
  g.stroke();
  g.setLineDash([]);
  g.textAlign = 'center';
  for (let e = 0; e < k; e++) {
    const x = (e + 0.5) * column;
    g.fillStyle = colours[e % 8];
    g.globalAlpha = held < 0 || held === e ? 1 : 0.45;
    const high = Math.max(floor - at(counts[e]), 1);
    g.fillRect(x - bar / 2, floor - high, bar, high);
    g.globalAlpha = 1;
    if (k <= 16 || e % 2 === 0 || e === held) {
      g.fillStyle = ink(e === held ? 'ink' : 'faint-ink');
      g.font = `${e === held ? 700 : 400} ${k > 24 ? 9 : 10.5}px ${ink('sans')}`;
      g.textBaseline = 'top';
      if (held < 0 || k <= 16 || Math.abs(e - held) !== 1) g.fillText(String(e + 1), x, floor + 5);
    }
    if (k <= 10 || e === held) {
      g.fillStyle = ink('soft-ink');
      g.font = `10.5px ${ink('sans')}`;
      g.textBaseline = 'bottom';
      const text = `${Math.round((100 * counts[e]) / total)}\u2009%`;
      const wide = g.measureText(text).width + 4;
      g.clearRect(Math.max(x, 12) - wide / 2, floor - high - 15, wide, 13); // the dashed line must not cross out a number
      g.fillText(text, Math.max(x, 12), floor - high - 3);
    }
  }
}

// The error after every step; a ring is a move by hand.
export function drawHistory(canvas, { history, width, height, ink, format }) {
  const g = fitCanvas(canvas, width, height);
  const top = Math.max(...history.map((h) => h.error)) || 1;
  const [first, last] = [6, width - 8];
  const [floor, ceiling] = [height - 18, 20];
  const across = Math.max(history.length - 1, 8);
  const x = (i) => first + (i / across) * (last - first);
  const y = (error) => floor - (error / top) * (floor - ceiling);
  g.strokeStyle = ink('rule');
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(0, floor + 0.5);
  g.lineTo(width, floor + 0.5);
  g.stroke();
  g.strokeStyle = ink('accent');
  g.lineWidth = 1.5;
  g.beginPath();
  history.forEach(({ error }, i) => g.lineTo(x(i), y(error)));
  g.stroke();
  const dot = history.length > 60 ? 1.5 : history.length > 30 ? 2 : 3;
  history.forEach(({ error, kind }, i) => {
    const now = i === history.length - 1;
    g.beginPath();
    g.arc(x(i), y(error), now ? 4 : dot, 0, TAU);
    g.fillStyle = ink(kind === 'hand' ? 'paper' : 'accent');
    g.fill();
    if (kind === 'hand') g.stroke();
  });
  g.fillStyle = ink('faint-ink');
  g.font = `10.5px ${ink('sans')}`;
  g.textBaseline = 'top';
  g.textAlign = 'left';
  g.fillText('start', 0, floor + 5);
  g.textAlign = 'right';
  const steps = history.filter((h) => h.kind === 'step').length;
  if (history.length > 1) {
    const end = x(history.length - 1);
    if (end > 70) g.fillText(steps === 1 ? '1 step' : `${steps} steps`, Math.min(end + 16, width), floor + 5);
  }
  g.textBaseline = 'bottom';
  g.textAlign = 'left';
  g.fillText(format(history[0].error), 0, y(history[0].error) - 6);
}
