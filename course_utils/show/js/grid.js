import { shade } from './palette.js';

// The codes as a picture, levels x frames, one pixel a code. Entries of a codebook have no order: the colour only tells
// codes apart, and equal colours in one row are (nearly always) equal codes.
export function paintCodes(codes, entries, theme) {
  const frames = codes[0].length;
  const lit = document.createElement('canvas');
  lit.width = frames;
  lit.height = codes.length;
  const g = lit.getContext('2d');
  const image = g.createImageData(frames, codes.length);
  codes.forEach((row, level) =>
    row.forEach((code, t) => {
      image.data.set([...shade(0.16 + (0.66 * code) / (entries - 1), theme), 255], 4 * (level * frames + t));
    }),
  );
  g.putImageData(image, 0, 0);
  return lit;
}

// Row and frame under a point of the grid's box, or null outside it.
export function cellAt(px, py, box, levels, frames) {
  const frame = Math.floor(((px - box.x) / box.width) * frames);
  const level = Math.floor(((py - box.y) / box.height) * levels);
  return frame >= 0 && frame < frames && level >= 0 && level < levels ? { frame, level } : null;
}

// Rows up to `lit` in colour, the others waiting as faint shadows.
export function drawCodes(g, picture, box, { lit, dim }) {
  const levels = picture.height;
  const pitch = box.height / levels;
  g.imageSmoothingEnabled = false;
  for (let level = 0; level < levels; level++) {
    g.globalAlpha = level < lit ? 1 : dim;
    g.drawImage(picture, 0, level, picture.width, 1, box.x, box.y + level * pitch, box.width, Math.max(1, pitch - 2));
  }
  g.globalAlpha = 1;
}

// Every place in one row where the same code stands: its frames.
export function framesWith(row, code) {
  const frames = [];
  row.forEach((value, t) => value === code && frames.push(t));
  return frames;
}
