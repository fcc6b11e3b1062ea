// Many tracks, one playhead. All tracks are channels of one AudioBuffer played by one source, so they cannot drift
// apart: choosing a track only moves gains, and the playhead does not know about it.

const FADE = 0.003; // seconds, time constant of every gain change: short enough to feel instant, long enough not to click
export const MAX_TRACKS = 32; // Web Audio's limit for the channels of one buffer

export class Engine {
  // tracks: Float32Array[] of any lengths (padded with silence to the longest). makeContext: () => AudioContext, called
  // once, on the first play(), because browsers let a page make sound only after the reader has touched it.
  constructor({ tracks, sampleRate, makeContext }) {
    if (tracks.length > MAX_TRACKS) throw new Error(`${tracks.length} tracks: Web Audio can hold ${MAX_TRACKS}`);
    this.tracks = tracks;
    this.sampleRate = sampleRate;
    this.duration = Math.max(...tracks.map((t) => t.length)) / sampleRate;
    this.makeContext = makeContext;
    this.weights = tracks.map((_, i) => (i === 0 ? 1 : 0));
    this.loop = { on: false, start: 0, end: this.duration };
    this.context = null;
    this.source = null;
    this.startedAt = 0; // context time at which the source started ...
    this.offset = 0; // ... and the place in the clip where it did (the playhead itself, while paused)
    this.starts = 0; // how often a source was started: switching a track must not change it
    this.onended = () => {};
  }

  get playing() {
    return this.source !== null;
  }

  // Which track is heard: a number, or one weight a track ([1, 0, -1] is the first minus the third).
  select(choice) {
    this.weights = Array.isArray(choice) ? choice.slice() : this.tracks.map((_, i) => (i === choice ? 1 : 0));
    if (!this.context) return;
    // One exponential for all: at every moment the gains still add up to what they should, however fast one switches.
    this.gains.forEach((gain, i) => gain.gain.setTargetAtTime(this.weights[i], this.context.currentTime, FADE));
  }

  play() {
    if (this.playing) return;
    this.prepare();
    this.context.resume?.()?.catch?.(() => {});
    if (this.offset >= this.duration - 1e-6) this.offset = 0;
    this.start(this.offset);
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.position();
    this.stop();
  }

  seek(seconds) {
    const to = Math.min(Math.max(seconds, 0), this.duration);
    if (!this.playing) {
      this.offset = to;
      return;
    }
    this.stop();
    this.start(to);
  }

  setLoop({ on = this.loop.on, start = this.loop.start, end = this.loop.end }) {
    const here = this.position();
    this.loop = { on, start: Math.max(0, Math.min(start, end)), end: Math.min(this.duration, Math.max(start, end)) };
    if (this.playing) {
      this.stop();
      this.start(here);
    }
  }

  // The playhead in seconds, from the audio clock.
  position() {
    if (!this.playing) return this.offset;
    const at = this.offset + Math.max(0, this.context.currentTime - this.startedAt);
    const { on, start, end } = this.loop;
    if (!on || at < end || end - start <= 0) return Math.min(at, this.duration);
    return start + ((at - start) % (end - start));
  }

  prepare() {
    if (this.context) return;
    const context = this.makeContext();
    const length = Math.max(...this.tracks.map((t) => t.length));
    this.buffer = context.createBuffer(this.tracks.length, length, this.sampleRate);
    this.tracks.forEach((track, i) => this.buffer.copyToChannel(track, i));
    this.splitter = context.createChannelSplitter(this.tracks.length);
    this.gains = this.tracks.map((_, i) => {
      const gain = context.createGain();
      gain.gain.value = this.weights[i];
      this.splitter.connect(gain, i);
      gain.connect(context.destination);
      return gain;
    });
    this.context = context;
  }

  start(offset) {
    const { on, start, end } = this.loop;
    const inside = on && (offset < start || offset >= end) ? start : offset;
    const source = this.context.createBufferSource();
    source.buffer = this.buffer;
    source.loop = on;
    source.loopStart = start;
    source.loopEnd = end;
    const edge = this.context.createGain(); // opens and closes at play and pause, so that neither clicks
    source.connect(edge);
    edge.connect(this.splitter);
    const now = this.context.currentTime;
    edge.gain.setValueAtTime(inside > 0 ? 0 : 1, now);
    if (inside > 0) edge.gain.linearRampToValueAtTime(1, now + FADE);
    source.onended = () => {
      edge.disconnect();
      if (this.source !== source) return; // stopped by stop(), not by running out
      this.source = null;
      this.offset = this.duration;
      this.onended();
    };
    source.start(now, inside);
    this.source = source;
    this.edge = edge;
    this.startedAt = now;
    this.offset = inside;
    this.starts += 1;
  }

  stop() {
    const now = this.context.currentTime;
    this.edge.gain.cancelScheduledValues(now);
    this.edge.gain.setTargetAtTime(0, now, FADE);
    this.source.stop(now + 8 * FADE);
    this.source = null;
  }

  dispose() {
    if (this.playing) this.stop();
    this.context?.close?.()?.catch?.(() => {});
    this.context = null;
  }
}

// The browser's own context at the tracks' rate, so that nothing is resampled on the way to it.
export function browserContext(sampleRate) {
  const Context = globalThis.AudioContext || globalThis.webkitAudioContext;
  if (!Context) throw new Error('this browser has no Web Audio');
  return new Context({ sampleRate, latencyHint: 'interactive' });
}
