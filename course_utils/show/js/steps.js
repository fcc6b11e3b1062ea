import { h, svg } from './dom.js';
import { number } from './format.js';
import { gutters } from './timeline.js';

// The ladder itself: one column a stop. Small charts above, the stops to press below, one band through both marks the
// stop that is heard.

const CHART = { height: 92, top: 42, bottom: 10 };

// stops: [{ label, note, track }]; charts: [{ title, hint, values (null: no point), digits, colour, include }].
export function createSteps(shell, { stops, charts, label, describe }) {
  const { store } = shell;
  const plots = charts.map((chart) => ({
    chart,
    node: svg('svg', { class: 'chart', role: 'img', 'aria-label': sentence(chart, stops) }),
  }));
  const buttons = stops.map((stop) =>
    h(
      'div',
      { class: 'stop', onclick: () => store.set({ track: stop.track }) },
      h('b', {}, stop.label),
      h('small', {}, stop.note),
    ),
  );
  const rail = h(
    'div',
    {
      class: 'rail',
      role: 'slider',
      tabindex: '0',
      'aria-label': label,
      'aria-valuemin': '1',
      'aria-valuemax': String(stops.length),
    },
    buttons,
  );
  const unit = h('div', { class: 'unit' }, 'kbit/s');
  const railRow = h('div', { class: 'rail-row' }, rail, unit);
  const band = h('div', { class: 'band', 'aria-hidden': 'true' });
  const element = h(
    'div',
    { class: 'steps' },
    band,
    plots.map((p) => p.node),
    railRow,
  );

  function draw() {
    const { width, track } = store.get();
    if (!width) return;
    const { left, right } = gutters(width);
    const column = (width - left - right) / stops.length;
    const current = stops.findIndex((stop) => stop.track === track);
    for (const { chart, node } of plots) drawChart(node, chart, { left, width, column, current });
    railRow.style.padding = `0 ${right}px 0 ${left}px`;
    band.style.left = `${left + current * column}px`;
    band.style.width = `${column}px`;
    buttons.forEach((button, i) => button.classList.toggle('on', i === current));
    rail.setAttribute('aria-valuenow', String(current + 1));
    rail.setAttribute('aria-valuetext', describe(track));
  }
  store.on(['track', 'width'], draw);
  draw();

  const move = (by) => {
    const at = stops.findIndex((stop) => stop.track === store.get().track);
    const to = Math.min(Math.max(at + by, 0), stops.length - 1);
    store.set({ track: stops[to].track });
  };
  const keys = {
    ArrowUp: () => move(1),
    ArrowRight: () => move(1),
    ArrowDown: () => move(-1),
    ArrowLeft: () => move(-1),
  };
  for (const { track } of stops) keys[String(track)] = () => store.set({ track });
  return { element, keys, rail };
}

function sentence(chart, stops) {
  const parts = chart.values.map((value, i) =>
    value === null ? null : `${stops[i].label}: ${number(value, chart.digits)}`,
  );
  return `${chart.title}. ${parts.filter(Boolean).join(', ')}.`;
}

function drawChart(node, chart, { left, width, column, current }) {
  node.setAttribute('width', width);
  node.setAttribute('height', CHART.height);
  const known = chart.values.filter((v) => v !== null);
  const low = Math.min(...known, ...(chart.include || []));
  const high = Math.max(...known, ...(chart.include || []));
  const y = (value) =>
    CHART.height - CHART.bottom - ((value - low) / (high - low || 1)) * (CHART.height - CHART.top - CHART.bottom);
  const x = (i) => left + (i + 0.5) * column;
  const points = chart.values.map((value, i) => (value === null ? null : [x(i), y(value)])).filter(Boolean);
  const content = [
    svg(
      'text',
      { x: left, y: 11, class: 'chart-title' },
      chart.title,
      svg('tspan', { class: 'hint', dx: 6 }, chart.hint),
    ),
  ];
  if (low < 0 && high > 0) {
    content.push(svg('line', { x1: left, x2: left + column * chart.values.length, y1: y(0), y2: y(0), class: 'zero' }));
    content.push(svg('text', { x: left - 8, y: y(0) + 4, class: 'tick' }, '0'));
  }
  content.push(svg('polyline', { points: points.map((p) => p.join(',')).join(' '), class: `line ${chart.colour}` }));
  chart.values.forEach((value, i) => {
    if (value === null) {
      if (chart.missing)
        content.push(
          svg(
            'text',
            { x: x(i), y: chart.falling ? CHART.height - CHART.bottom + 4 : CHART.top + 4, class: 'value' },
            chart.missing,
          ),
        );
      return;
    }
    const on = i === current;
    content.push(
      svg('circle', { cx: x(i), cy: y(value), r: on ? 5 : 3, class: `dot ${chart.colour}${on ? ' on' : ''}` }),
    );
    if (on || column > 46)
      content.push(
        svg('text', { x: x(i), y: y(value) - 9, class: `value${on ? ' on' : ''}` }, number(value, chart.digits)),
      );
  });
  node.replaceChildren(...content);
}
