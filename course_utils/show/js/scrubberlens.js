import { fitCanvas, h } from './dom.js';
import { number } from './format.js';
import { cellToken, DROPPED, KEPT, NEW, PROMPT, WAITING } from './scrubberdata.js';
import { colourOf, css, drawCell, strength } from './scrubberpaint.js';
import { thousands } from './scrubbercharts.js';

// The magnifier: a few frames of the grid, large enough to read every token; and all that is known of one cell.

const CELL = 38; // width of a magnified cell, CSS pixels
const PITCH = 30;
const HEAD = 20;
const LEFT = 30;

// How many frames fit, and which: the cursor's frame in the middle, but never past the ends.
export function lensWindow(width, frames, centre) {
  const count = Math.max(1, Math.min(frames, Math.floor((width - LEFT) / CELL)));
  const first = Math.min(Math.max(centre - Math.floor(count / 2), 0), frames - count);
  return { count, first, cell: (width - LEFT) / count };
}

export function createLens({ run, grid, letter, onpoint, onmove, oninside }) {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const height = HEAD + run.rows * PITCH;
  const element = h(
    'div',
    { class: 'lens', tabindex: '0', role: 'application', 'aria-roledescription': 'grid of cells, arrow keys move' },
    canvas,
  );
  element.style.height = `${height}px`;
  let shown = { count: 1, first: 0, cell: CELL };

  const at = (event) => {
    const rect = element.getBoundingClientRect();
    const frame = shown.first + Math.floor((event.clientX - rect.left - LEFT) / shown.cell);
    const row = Math.floor((event.clientY - rect.top - HEAD) / PITCH);
    const inside = row >= 0 && row < run.rows && frame >= shown.first && frame < shown.first + shown.count;
    return inside ? { row, frame } : null;
  };
  element.addEventListener('pointermove', (event) => {
    const cell = at(event);
    if (cell) onpoint(cell);
  });
  element.addEventListener('pointerenter', () => oninside(true));
  element.addEventListener('pointerleave', () => oninside(false));
  element.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!by || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    onmove(by[0], by[1] * (event.shiftKey ? 10 : 1));
  });

  // `first` stays where it is while the pointer chooses within it: cells must not slide away under the pointer.
  function draw({ width, cell, theme, time, ink, hold, hop }) {
    const g = fitCanvas(canvas, width, height);
    const next = lensWindow(width, run.frames, cell.frame);
    const visible = cell.frame >= shown.first && cell.frame < shown.first + shown.count;
    if (!(hold && visible && next.count === shown.count)) shown = next;
    const { count, first } = shown;
    g.textBaseline = 'middle';
    g.textAlign = 'center';
    g.font = `10.5px ${ink('sans')}`;
    g.fillStyle = ink('faint-ink');
    for (let n = 0; n < count; n++) {
      const frame = first + n;
      if (frame % 5 === 0 || frame === cell.frame) {
        g.fillStyle = ink(frame === cell.frame ? 'ink' : 'faint-ink');
        g.fillText(String(frame), LEFT + (n + 0.5) * shown.cell, HEAD / 2 - 1);
      }
    }
    g.font = `11px ${ink('mono')}`;
    for (let row = 0; row < run.rows; row++) {
      g.textAlign = 'right';
      g.fillStyle = ink(row === cell.row ? 'ink' : 'faint-ink');
      g.fillText(`c${row}`, LEFT - 8, HEAD + (row + 0.6) * PITCH - 2);
      g.textAlign = 'center';
      for (let n = 0; n < count; n++) drawToken(g, row, first + n, LEFT + n * shown.cell, theme, ink);
    }
    const head = (time / hop - first) * shown.cell;
    if (head >= 0 && head <= count * shown.cell) {
      g.fillStyle = ink('paper');
      g.fillRect(LEFT + head - 1.75, HEAD - 4, 3.5, height - HEAD + 4);
      g.fillStyle = ink('playhead');
      g.fillRect(LEFT + head - 0.75, HEAD - 4, 1.5, height - HEAD + 4);
    }
    g.strokeStyle = ink('ink');
    g.lineWidth = 2;
    const x = LEFT + (cell.frame - first) * shown.cell;
    g.strokeRect(x + 0.5, HEAD + cell.row * PITCH - 0.5, shown.cell - 1, PITCH - 1);
  }

  function drawToken(g, row, frame, x, theme, ink) {
    const i = row * run.frames + frame;
    const kind = grid.kind[i];
    const value = strength(grid.byte[i]);
    const box = { x: x + 1.5, y: HEAD + row * PITCH + 2, width: shown.cell - 3, height: PITCH - 6 };
    const token = cellToken(run, grid.place, row, frame);
    const text = token === null ? '' : String(token);
    const middle = { x: x + shown.cell / 2, y: box.y + box.height * (kind === NEW ? 0.55 : 0.62) };
    if (kind === DROPPED || kind === WAITING) {
      if (kind === DROPPED) {
        g.fillStyle = css(colourOf(DROPPED, value, theme));
        g.fillRect(box.x, box.y + box.height - 2, box.width, 3);
        g.setLineDash([3, 3]);
        g.strokeStyle = css(colourOf(DROPPED, 0.5, theme));
        g.lineWidth = 1;
        g.strokeRect(box.x + 0.5, box.y + 4.5, box.width - 1, box.height - 5);
        g.setLineDash([]);
      } else drawCell(g, box, kind, value, theme);
      g.fillStyle = ink('faint-ink');
      if (text) g.fillText(text, middle.x, middle.y);
      return;
    }
    drawCell(g, box, kind, value, theme);
    const [r, gr, b] = colourOf(kind, value, theme);
    const light = 0.2126 * r + 0.7152 * gr + 0.0722 * b;
    g.fillStyle = light > 128 ? '#10151a' : '#ffffff';
    if (kind === PROMPT) {
      g.fillStyle = css([r, gr, b]);
      g.fillRect(box.x + 3, box.y + box.height * 0.5, box.width - 6, box.height * 0.24);
      g.fillStyle = light > 128 ? '#10151a' : '#ffffff';
    }
    g.fillText(text, middle.x, middle.y);
  }

  return { element, draw, letter, window: () => shown };
}

// Which pass of which stage, in words.
export function passName(run, stage, pass) {
  const name = run.stages.length === 2 ? ['coarse ', 'fine '][stage] : '';
  return `${name}pass ${pass} of ${run.stages[stage].passes}`;
}

export function probabilityText(probability) {
  if (probability === null) return '\u2013';
  return probability < 0.1 ? probability.toPrecision(2) : number(probability, 2);
}

// The facts of a cell as pairs of a name and a value.
export function factPairs(run, facts, original) {
  const { kind, token, stage } = facts;
  const stands = {
    [PROMPT]: 'prompt: given, never guessed',
    [WAITING]: 'masked: its network has not begun',
    [DROPPED]: `guessed, and dropped again; kept in ${facts.fixed ? passName(run, stage, facts.fixed) : 'no pass'}`,
    [KEPT]: `kept in ${stage >= 0 ? passName(run, stage, facts.pass) : ''}`,
    [NEW]: `kept in this pass (${stage >= 0 ? passName(run, stage, facts.pass) : ''})`,
  }[kind];
  const pairs = [['Token', token === null ? 'not known yet' : String(token)]];
  if (facts.probability !== null) {
    pairs.push(['Probability', probabilityText(facts.probability)]);
    pairs.push(['Rank in its pass', `${thousands(facts.rank)} of ${thousands(facts.among)}`]);
    pairs.push(['Confidence', number(facts.confidence, 1)]);
  }
  pairs.push(['State', stands]);
  if (original !== null) pairs.push(['Original', String(original)]);
  return pairs;
}
