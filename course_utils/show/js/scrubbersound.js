import { fromBase85 } from './bytes.js';
import { Deck } from './deck.js';
import { browserContext } from './engine.js';
import { decodeFlac } from './flac.js';
import { toFloat } from './tracks.js';

// The stored sounds of a decode, unpacked when they are wanted: FLAC by our own reader, Opus by the browser.

// Every track is brought to the same length: a stored stream may end a few samples late.
function ofLength(samples, length, sampleRate) {
  const buffer = new AudioBuffer({ length, numberOfChannels: 1, sampleRate });
  buffer.copyToChannel(samples.length > length ? samples.subarray(0, length) : samples, 0);
  return buffer;
}

// context: one without a loudspeaker; it decodes beside the page, to its own rate, before the reader has touched
// anything.
export async function unpackSound({ kind, data }, length, context) {
  const { sampleRate } = context;
  const bytes = fromBase85(data);
  // Not by the browser: some scale 16-bit samples by 32767, others by 32768, and these are to be exact.
  if (kind === 'flac') return ofLength(toFloat(decodeFlac(bytes).samples), length, sampleRate);
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return ofLength((await context.decodeAudioData(whole)).getChannelData(0), length, sampleRate);
}

export function createDeck(data) {
  const length = data.frames * data.hop;
  const lossless = (track) => data.sounds[track].kind === 'flac'; // ours to unpack, which holds the page up: only once
  let context = null;
  const deck = new Deck({
    load: async (track) => {
      context ||= new OfflineAudioContext(1, 1, data.rate);
      return unpackSound(data.sounds[track], length, context);
    },
    keep: lossless,
    sampleRate: data.rate,
    duration: length / data.rate,
    makeContext: () => browserContext(data.rate),
  });
  // Soon after the page has appeared, one at a time.
  const later = data.sounds.map((_, track) => track).filter(lossless);
  later.forEach((track, n) => setTimeout(() => deck.fetch(track), 400 * (n + 1)));
  return deck;
}
