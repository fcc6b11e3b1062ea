import { fitCanvas, h } from './dom.js';

// Several pictures over one time axis: lanes stacked in one canvas, and above it a second canvas for what moves
// (playhead, loop region, the cell under the pointer). Click to go there, drag to loop a stretch.

const DRAG = 5; // CSS pixels a press must travel before it means a region
const AXIS = 22;

export function gutters(width) {
  return width < 520 ? { left: 30, right: 30 } : { left: 44, right: 44 };
}

// lanes: [{ name, height, gap, draw(g, box, state), over(g, box, state) }]; draw again when one of `keys` changes.
export function createTimeline(shell, { lanes, keys, overKeys = [], label, describe, onhover = () => {} }) {
  const { store, engine } = shell;
  const base = h('canvas', { 'aria-hidden': 'true' });
  const over = h('canvas', { class: 'over', 'aria-hidden': 'true' });
  const stage = h(
    'div',
    { class: 'stage', tabindex: '0', role: 'slider', 'aria-label': label, 'aria-valuemin': '0' },
    base,
    over,
  );
  stage.setAttribute('aria-valuemax', engine.duration.toFixed(2));
  const height = lanes.reduce((sum, lane) => sum + lane.height + (lane.gap || 0), 0) + AXIS;
  stage.style.height = `${height}px`;

  const geometry = () => {
    const { width } = store.get();
    const { left, right } = gutters(width);
    return { x: left, width: Math.max(10, width - left - right) };
  };
  const timeAt = (px) => {
    const { x, width } = geometry();
    return Math.min(Math.max((px - x) / width, 0), 1) * engine.duration;
  };
  const xAt = (time) => {
    const { x, width } = geometry();
    return x + (time / engine.duration) * width;
  };
  const boxes = () => {
    let y = 0;
    return lanes.map((lane) => {
      y += lane.gap || 0;
      const box = { ...geometry(), y, height: lane.height };
      y += lane.height;
      return box;
    });
  };
  const ink = (name) => getComputedStyle(stage).getPropertyValue(`--${name}`).trim();

  function drawBase() {
    const state = store.get();
    if (!state.width) return;
    const g = fitCanvas(base, state.width, height);
    boxes().forEach((box, i) => {
      g.save();
      lanes[i].draw(g, box, state, ink);
      g.restore();
    });
    drawAxis(g);
  }

  function drawAxis(g) {
    const { x, width } = geometry();
    const room = Math.max(2, Math.floor(width / 64));
    const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 60].find((s) => engine.duration / s <= room) || 60;
    g.fillStyle = ink('faint-ink');
    g.strokeStyle = ink('rule');
    g.font = `11px ${ink('sans')}`;
    g.textBaseline = 'alphabetic';
    g.beginPath();
    for (let t = 0; t <= engine.duration + 1e-6; t += step) {
      const at = Math.round(xAt(t)) + 0.5;
      g.moveTo(at, height - AXIS + 3);
      g.lineTo(at, height - AXIS + 7);
      g.textAlign = t === 0 ? 'left' : at > x + width - 18 ? 'right' : 'center';
      g.fillText(`${Number(t.toFixed(2))}${t === 0 ? ' s' : ''}`, at, height - 3);
    }
    g.stroke();
  }

  function drawOver() {
    const state = store.get();
    if (!state.width) return;
    const g = fitCanvas(over, state.width, height);
    const bottom = height - AXIS;
    if (state.region) {
      const [from, to] = state.region.map(xAt);
      const { x, width } = geometry();
      g.fillStyle = ink('veil');
      g.fillRect(x, 0, from - x, bottom);
      g.fillRect(to, 0, x + width - to, bottom);
      g.fillStyle = ink('accent');
      g.fillRect(from - 0.75, 0, 1.5, bottom);
      g.fillRect(to - 0.75, 0, 1.5, bottom);
    }
    boxes().forEach((box, i) => lanes[i].over?.(g, box, state, ink));
    const at = xAt(state.time);
    g.fillStyle = ink('paper');
    g.fillRect(at - 1.75, 0, 3.5, bottom + 2);
    g.fillStyle = ink('playhead');
    g.fillRect(at - 0.75, 0, 1.5, bottom + 2);
    g.beginPath();
    g.moveTo(at - 5, bottom + 9);
    g.lineTo(at + 5, bottom + 9);
    g.lineTo(at, bottom + 2);
    g.fill();
  }

  const place = (event) => {
    const rect = stage.getBoundingClientRect();
    return { px: event.clientX - rect.left, py: event.clientY - rect.top };
  };
  let press = null;
  stage.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    press = { ...place(event), dragging: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener('pointermove', (event) => {
    const { px, py } = place(event);
    onhover(px, py, boxes());
    if (!press) return;
    if (Math.abs(px - press.px) > DRAG) press.dragging = true;
    if (press.dragging) press.region = [timeAt(press.px), timeAt(px)].sort((a, b) => a - b);
    if (press.dragging) preview(press.region);
  });
  stage.addEventListener('pointerup', (event) => {
    if (!press) return;
    const { region, dragging, px } = press;
    press = null;
    if (dragging && region[1] - region[0] > 0.02) {
      store.set({ region, loop: true });
      shell.seek(region[0]);
    } else if (!dragging) {
      const to = timeAt(place(event).px);
      const inside = store.get().region;
      if (inside && (to < inside[0] || to > inside[1])) store.set({ region: null });
      shell.seek(timeAt(px));
    }
    drawOver();
  });
  stage.addEventListener('pointercancel', () => {
    press = null;
  });
  stage.addEventListener('pointerleave', () => onhover(-1, -1, boxes()));
  stage.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    shell.seek(store.get().time + step * shell.step * (event.shiftKey ? 10 : 1));
  });

  function preview(region) {
    const kept = store.get();
    const g = over.getContext('2d');
    drawOver();
    g.fillStyle = ink('accent-veil');
    const [from, to] = region.map(xAt);
    g.fillRect(from, 0, to - from, height - AXIS);
    return kept;
  }

  const announce = () => {
    const { time, playing } = store.get();
    if (playing) return; // a running clock is not news; the value is up to date again at the next pause
    stage.setAttribute('aria-valuenow', time.toFixed(2));
    stage.setAttribute('aria-valuetext', describe(store.get()));
  };
  store.on([...keys, 'theme', 'width'], drawBase);
  store.on([...keys, ...overKeys, 'theme', 'width', 'time', 'region'], drawOver);
  store.on([...keys, 'time', 'playing'], announce);
  announce();
  return {
    stage,
    redraw() {
      drawBase();
      drawOver();
    },
  };
}
