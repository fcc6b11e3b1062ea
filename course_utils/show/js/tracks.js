import { fromBase85 } from './bytes.js';
import { decodeFlac } from './flac.js';

// Turns packed tracks into integers. A track with `plus` holds the difference to that earlier track (sample by sample,
// exactly), because neighbouring levels differ by less than either of them and therefore pack smaller.
export function unpackTrack(packed, done) {
  const { samples } = decodeFlac(fromBase85(packed.flac));
  if (packed.plus !== null && packed.plus !== undefined) {
    const base = done[packed.plus];
    for (let i = 0; i < samples.length; i++) samples[i] += base[i]; // Int16Array wraps, and Python wrapped it too
  }
  return samples;
}

// Unpacks one track after another and gives the page a chance to paint in between.
export async function unpackTracks(tracks, progress = () => {}) {
  const done = [];
  for (const packed of tracks) {
    done.push(unpackTrack(packed, done));
    progress(done.length / tracks.length);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return done;
}

export function toFloat(integers) {
  const out = new Float32Array(integers.length);
  for (let i = 0; i < out.length; i++) out[i] = integers[i] / 32768; // a power of two: nothing is lost
  return out;
}
