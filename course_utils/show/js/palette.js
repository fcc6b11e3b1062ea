// One sequential palette for everything that is drawn by value. Its lightness grows evenly, so it reads the same with
// any colour vision and in grey; on light paper it runs the other way round, so that "nothing" is always the paper.

const STOPS = [
  [11, 4, 20],
  [46, 30, 72],
  [64, 63, 132],
  [54, 107, 160],
  [52, 150, 170],
  [73, 193, 173],
  [148, 221, 189],
  [222, 245, 229],
];

export function shade(value, theme) {
  const v = Math.min(1, Math.max(0, value));
  const at = (theme === 'dark' ? v : 1 - v) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  const f = at - i;
  return STOPS[i].map((c, k) => Math.round(c + f * (STOPS[i + 1][k] - c)));
}

// 256 colours as RGBA; the lowest eighth fades into the paper.
export function lookup(theme) {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    table.set(shade(i / 255, theme), 4 * i);
    table[4 * i + 3] = Math.min(255, i * 8);
  }
  return table;
}
