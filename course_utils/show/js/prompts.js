import { h } from './dom.js';
import { both, BUILDERS, either, maskUpper } from './masks.js';

// The strategies as buttons with their parameters. A change of a parameter makes the prompt anew, on the mask that was
// there when the button was pressed.

const COMBINE = {
  replace: ['replace it', (was, made) => made],
  both: ['keep both prompts (&)', both],
  either: ['keep what both keep (|)', either],
};

export function build(strategy, options, data) {
  return BUILDERS[strategy.how](
    { codebooks: data.codes.length, frames: data.codes[0].length },
    options,
    data.frame_rate,
    data.beats,
  );
}

// What is wrong with the parameters, or null.
export function mistake(strategy, options, data) {
  for (const { name, label, low, high, whole } of strategy.options) {
    const value = options[name];
    if (!Number.isFinite(value) || value < low || value > high || (whole && !Number.isInteger(value)))
      return `${label} must be ${whole ? 'a whole number ' : ''}from ${low} to ${high}.`;
  }
  if (strategy.how === 'periodic' && options.roll >= options.period) return 'The roll must be less than the period.';
  if (strategy.how === 'inpaintSpan' && options.stop <= options.start) return 'The span must end after it starts.';
  if (strategy.how === 'beats' && data.beats.length === 0) return 'No beats yet: tap or type them.';
  return null;
}

const BEAT = 'beat'; // the strategy that needs beats

const written = (times) => times.map((time) => String(Math.round(100 * time) / 100)).join(' ');

// Times typed by the reader, in order, or null where they are none.
export function readBeats(text, seconds) {
  const times = text.trim() === '' ? [] : text.trim().split(/[\s,;]+/).map(Number);
  const good = times.every((time) => Number.isFinite(time) && time >= 0 && time < seconds);
  return good ? [...new Set(times)].sort((a, b) => a - b) : null;
}

export function createPrompts({ data, store }, change) {
  const settings = new Map(
    data.strategies.map((s) => [s.id, Object.fromEntries(s.options.map((o) => [o.name, o.value]))]),
  );
  let base = null;
  const found = data.beats;
  const typed = h('input', {
    type: 'text',
    class: 'times',
    'aria-label': 'Beats in seconds',
    spellcheck: 'false',
    onchange: () => setBeats(readBeats(typed.value, data.seconds)),
  });
  const buttons = data.strategies.map((strategy) =>
    h(
      'button',
      { class: 'switch', type: 'button', 'aria-pressed': 'false', onclick: () => press(strategy) },
      strategy.label,
      strategy.recorded ? h('span', { class: 'heard-mark', title: 'recorded: can be heard here' }, '\u266a') : null,
    ),
  );
  const fields = h('div', { class: 'fields' });
  const wrong = h('p', { class: 'wrong', role: 'alert' });
  const combine = h(
    'select',
    { 'aria-label': 'How a prompt joins the mask' },
    Object.entries(COMBINE).map(([name, [text]]) => h('option', { value: name }, text)),
  );
  const upper = h('input', {
    type: 'number',
    min: '0',
    max: String(data.codes.length),
    value: String(data.codes.length),
    onchange: apply,
  });
  const element = h(
    'section',
    { class: 'prompts', 'aria-label': 'Prompts' },
    h('div', { class: 'group', role: 'group', 'aria-label': 'Strategies' }, buttons),
    h('div', { class: 'settings' }, fields, h('label', {}, 'on the mask: ', combine)),
    wrong,
  );

  function press(strategy) {
    base = store.get().mask;
    store.set({ strategy: strategy.id });
    showFields(strategy);
    apply();
  }

  function showFields(strategy) {
    const values = settings.get(strategy.id);
    const inputs = strategy.options.map(({ name, label, low, high, step, unit }) => {
      const input = h('input', {
        type: 'number',
        min: String(low),
        max: String(high),
        step: String(step),
        value: String(values[name]),
      });
      input.addEventListener('change', () => {
        values[name] = input.value === '' ? NaN : Number(input.value);
        apply();
      });
      return h('label', {}, `${label} `, input, unit ? ` ${unit}` : '');
    });
    const last = strategy.how === 'compression' ? [] : [h('label', {}, 'in the first ', upper, ' codebooks')];
    fields.replaceChildren(...inputs, ...last, ...(strategy.how === 'beats' ? beatFields() : []));
  }

  // The beats that were found, or the reader's own: typed in seconds, or tapped while the sound plays.
  function beatFields() {
    typed.value = written(data.beats);
    return [
      h('label', {}, 'beats at ', typed, ' s'),
      h('button', { class: 'switch', type: 'button', onclick: tap }, 'Tap'),
      h('button', { class: 'switch', type: 'button', onclick: () => setBeats(found) }, 'As found'),
    ];
  }
  function setBeats(times) {
    if (times === null) {
      wrong.textContent = `Beats are times from 0 to ${data.seconds.toFixed(2)} s with spaces between, such as 0.5 1 1.5.`;
      return;
    }
    data.beats = times;
    typed.value = written(times);
    apply();
    store.set({ beats: times });
  }
  // The first tap clears the beats that were found.
  function tap() {
    if (store.get().strategy !== BEAT) return;
    const own = data.beats === found ? [] : data.beats;
    const now = Math.round(100 * store.get().time) / 100;
    if (now < data.seconds) setBeats([...new Set([...own, now])].sort((a, b) => a - b));
  }

  function apply() {
    const strategy = data.strategies.find((s) => s.id === store.get().strategy);
    if (!strategy) return;
    const options = settings.get(strategy.id);
    const problem = mistake(strategy, options, data);
    wrong.textContent = problem || '';
    if (problem) return;
    const first = Math.min(Math.max(Math.trunc(Number(upper.value)) || 0, 0), data.codes.length);
    const whole = build(strategy, options, data);
    const made = strategy.how === 'compression' ? whole : maskUpper(whole, first);
    change(COMBINE[combine.value][1](base, made), strategy.id);
  }

  store.on(['strategy'], ({ strategy }) => {
    buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(data.strategies[i].id === strategy)));
    if (strategy === null) {
      fields.replaceChildren(h('span', { class: 'quiet' }, 'painted by hand'));
      wrong.textContent = '';
    }
  });
  return { element, tap, press: (id) => press(data.strategies.find((s) => s.id === id)) };
}
