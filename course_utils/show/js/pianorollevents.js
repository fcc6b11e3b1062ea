// A triple of tokens (time, duration, note) in words and numbers. course_utils/amt/vocab.py has the same offsets.

export const VOCAB = {
  duration: 10000,
  note: 11000,
  rest: 27512,
  control: 27513,
  separator: 55025,
  ticks: 100, // in a second
  drums: 128,
};
const NAMES = ['C', 'C\u266f', 'D', 'E\u266d', 'E', 'F', 'F\u266f', 'G', 'A\u266d', 'A', 'B\u266d', 'B'];

// Middle C, MIDI pitch 60, is C4.
export const pitchName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

// A row of three tokens as { control, rest, time, duration (seconds), onset (ticks), pitch, instrument }.
export function readTriple([time, duration, note], index) {
  const control = note >= VOCAB.control;
  const offset = control ? VOCAB.control : 0;
  const onset = time - offset;
  const length = duration - VOCAB.duration - offset;
  const rest = note === VOCAB.rest;
  const key = note - VOCAB.note - offset;
  return {
    index,
    control,
    rest,
    onset,
    time: onset / VOCAB.ticks,
    duration: length / VOCAB.ticks,
    instrument: rest ? null : Math.floor(key / 128),
    pitch: rest ? null : key % 128,
    tokens: [time, duration, note],
  };
}

export const readTriples = (flat) =>
  Array.from({ length: flat.length / 3 }, (_, i) => readTriple(flat.slice(3 * i, 3 * i + 3), i));

// 27512 as 27 512, with a thin space that does not break.
export const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');

// How each of the three numbers comes about, as sums: [{ name, token, sum, means }].
export function explainTriple(event, names) {
  const [time, duration, note] = event.tokens;
  const shift = event.control ? `${grouped(VOCAB.control)} + ` : '';
  const inTicks = (value, digits = 2) => `${value.toFixed(digits)} s`;
  const lasts = Math.round(event.duration * VOCAB.ticks);
  const rows = [
    { name: 'time', token: time, sum: `${shift}${event.onset}`, means: inTicks(event.time) },
    {
      name: 'duration',
      token: duration,
      sum: `${shift}${grouped(VOCAB.duration)} + ${lasts}`,
      means: inTicks(event.duration),
    },
  ];
  if (event.rest)
    return [...rows, { name: 'note', token: note, sum: grouped(VOCAB.rest), means: 'REST: nothing begins' }];
  const sum = `${shift}${grouped(VOCAB.note)} + 128 \u00d7 ${event.instrument} + ${event.pitch}`;
  return [...rows, { name: 'note', token: note, sum, means: soundName(event, names) }];
}

// What sounds: a pitch name, or the name of the drum.
export function soundName(event, names) {
  if (event.rest) return 'rest';
  if (event.instrument === VOCAB.drums) return names.drums[event.pitch] || `drum ${event.pitch}`;
  return `${pitchName(event.pitch)} (${event.pitch})`;
}

export function eventInWords(event, names) {
  const kind = event.control ? 'control' : event.rest ? 'rest' : 'event';
  if (event.rest) return `${kind} at ${event.time.toFixed(2)} s`;
  const who = names.instruments[event.instrument];
  const when = `at ${event.time.toFixed(2)} s for ${event.duration.toFixed(2)} s`;
  return `${kind}: ${who}, ${soundName(event, names)}, ${when}`;
}
