// Numbers as text, in one place, so that the same figure never appears in two spellings.

const MINUS = '\u2212';

export function number(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

export const seconds = (value, digits = 2) => `${number(value, digits)} s`;
export const decibels = (value) => (value === null ? '\u2013' : `${number(value, 1)} dB`);

export function bitRate(bitsPerSecond) {
  const kilo = bitsPerSecond / 1000;
  return kilo >= 100 ? kilo.toFixed(0) : kilo >= 10 ? kilo.toFixed(1) : kilo.toFixed(2);
}

export function clock(value) {
  const whole = Math.floor(value / 60);
  const rest = value - 60 * whole;
  return `${whole}:${rest < 10 ? '0' : ''}${rest.toFixed(2)}`;
}
