// Lowest and highest sample of each of `columns` equal stretches: [low0, high0, low1, high1, ...].
export function peaks(samples, columns) {
  const out = new Float32Array(2 * columns);
  for (let c = 0; c < columns; c++) {
    const from = Math.floor((c * samples.length) / columns);
    const to = Math.max(from + 1, Math.floor(((c + 1) * samples.length) / columns));
    let low = samples[from] || 0;
    let high = low;
    for (let i = from + 1; i < to && i < samples.length; i++) {
      if (samples[i] < low) low = samples[i];
      else if (samples[i] > high) high = samples[i];
    }
    out[2 * c] = low;
    out[2 * c + 1] = high;
  }
  return out;
}

// Full scale (-1..1) fills the height times `zoom`, the same zoom for every track.
export function drawWave(g, values, { x, y, width, height, colour, zoom = 1 }) {
  const columns = values.length / 2;
  const step = width / columns;
  const middle = y + height / 2;
  const scale = (height / 2) * zoom;
  g.fillStyle = colour;
  g.beginPath();
  for (let c = 0; c < columns; c++) g.lineTo(x + (c + 0.5) * step, middle - scale * values[2 * c + 1] - 0.35);
  for (let c = columns - 1; c >= 0; c--) g.lineTo(x + (c + 0.5) * step, middle - scale * values[2 * c] + 0.35);
  g.fill();
}
