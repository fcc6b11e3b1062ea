// Many tracks, one playhead, like Engine, for more tracks than one buffer holds: each is unpacked when it is first
// wanted and played by a source of its own. A switch is a short crossfade at one moment of the audio clock to the same
// place of the other track; the playhead is that clock and does not know about it.

const FADE = 0.003; // seconds, time constant of every gain change
const AHEAD = 0.025; // seconds: a source is started this much later than now, so that it is never late
const HELD = 24; // unpacked tracks that are kept; the others are unpacked again when wanted

export class Deck {
  // load(i) => Promise<AudioBuffer>; keep(i): never forget this one; makeContext: () => AudioContext, called once, on
  // the first play().
  constructor({ load, sampleRate, duration, makeContext, keep = () => false }) {
    this.load = load;
    this.sampleRate = sampleRate;
    this.duration = duration;
    this.makeContext = makeContext;
    this.keep = keep;
    this.loop = { on: false, start: 0, end: duration };
    this.buffers = new Map(); // unpacked tracks, the one used last at the end
    this.loading = new Map();
    this.wanted = null; // the track that was chosen; null is silence ...
    this.heard = null; // ... and the one that sounds: the same, as soon as it is unpacked
    this.context = null;
    this.voice = null;
    this.running = false;
    this.startedAt = 0;
    this.offset = 0;
    this.starts = 0; // how often the clock was started: switching a track must not change it
    this.onended = () => {};
    this.onready = () => {}; // onready(track) when a track has been unpacked
    this.onfail = () => {};
  }

  get playing() {
    return this.running;
  }

  // Unpack a track. Resolves to its AudioBuffer, or null where this browser cannot.
  async fetch(track) {
    const known = this.buffers.get(track);
    if (known) {
      this.buffers.delete(track);
      this.buffers.set(track, known);
      return known;
    }
    if (!this.loading.has(track)) {
      const work = this.load(track).then(
        (buffer) => {
          this.buffers.set(track, buffer);
          for (const old of this.buffers.keys()) {
            if (this.buffers.size <= HELD) break;
            if (old !== track && old !== this.heard && old !== this.wanted && !this.keep(old)) this.buffers.delete(old);
          }
          this.onready(track, buffer);
          return buffer;
        },
        (error) => {
          this.onfail(track, error);
          return null;
        },
      );
      this.loading.set(
        track,
        work.finally(() => this.loading.delete(track)),
      );
    }
    return this.loading.get(track);
  }

  // Choose a track. Until it is unpacked the one before goes on.
  async select(track) {
    this.wanted = track;
    if (track !== null && !this.buffers.has(track)) await this.fetch(track);
    if (this.wanted !== track || this.heard === track) return;
    this.heard = track;
    if (this.running) this.swap();
  }

  play() {
    if (this.running) return;
    this.prepare();
    this.context.resume?.()?.catch?.(() => {});
    if (this.offset >= this.duration - 1e-6) this.offset = 0;
    this.begin(this.offset);
  }

  pause() {
    if (!this.running) return;
    this.offset = this.position();
    this.halt();
  }

  seek(seconds) {
    const to = Math.min(Math.max(seconds, 0), this.duration);
    if (!this.running) {
      this.offset = to;
      return;
    }
    this.halt();
    this.begin(to);
  }

  setLoop({ on = this.loop.on, start = this.loop.start, end = this.loop.end }) {
    const here = this.position();
    this.loop = { on, start: Math.max(0, Math.min(start, end)), end: Math.min(this.duration, Math.max(start, end)) };
    if (!this.running) return;
    this.halt();
    this.begin(here);
  }

  position() {
    return this.running ? this.positionAt(this.context.currentTime) : this.offset;
  }

  positionAt(clock) {
    const at = this.offset + Math.max(0, clock - this.startedAt);
    const { on, start, end } = this.loop;
    if (!on || at < end || end - start <= 0) return Math.min(at, this.duration);
    return start + ((at - start) % (end - start));
  }

  prepare() {
    if (!this.context) this.context = this.makeContext();
  }

  begin(offset) {
    const { on, start, end } = this.loop;
    this.offset = on && (offset < start || offset >= end) ? start : offset;
    this.startedAt = this.soon();
    this.running = true;
    this.starts += 1;
    this.voice = this.sound(this.startedAt, this.offset, this.offset > 0);
    this.watchEnd();
  }

  // The next moment that sources can be started at, on the grid of the samples.
  soon() {
    return Math.ceil((this.context.currentTime + AHEAD) * this.sampleRate) / this.sampleRate;
  }

  swap() {
    const when = this.soon();
    this.hush(this.voice, when);
    const at = this.positionAt(when);
    this.voice = at < this.duration ? this.sound(when, Math.round(at * this.sampleRate) / this.sampleRate, true) : null;
  }

  // A source of the chosen track from `offset` on, at the moment `when`.
  sound(when, offset, fade) {
    const buffer = this.heard === null ? null : this.buffers.get(this.heard);
    if (!buffer) return null;
    const source = this.context.createBufferSource();
    const gain = this.context.createGain();
    source.buffer = buffer;
    source.loop = this.loop.on;
    source.loopStart = this.loop.start;
    source.loopEnd = this.loop.end;
    source.connect(gain);
    gain.connect(this.context.destination);
    gain.gain.value = fade ? 0 : 1; // also if the events below are cancelled before they come
    gain.gain.setValueAtTime(fade ? 0 : 1, when);
    // The mirror image of the fade in hush(): the two gains add up to one at every moment.
    if (fade) gain.gain.setTargetAtTime(1, when, FADE);
    source.onended = () => gain.disconnect();
    source.start(when, offset);
    return { source, gain };
  }

  hush(voice, when) {
    if (!voice) return;
    voice.gain.gain.cancelScheduledValues(when); // it may not have begun
    voice.gain.gain.setTargetAtTime(0, when, FADE);
    voice.source.stop(when + 10 * FADE);
  }

  // The end of the clip is a moment of the clock too: there may be no source, and so no event, to tell of it.
  watchEnd() {
    clearTimeout(this.ending);
    if (this.loop.on) return;
    const check = () => {
      if (!this.running || this.loop.on) return;
      const left = this.startedAt + this.duration - this.offset - this.context.currentTime;
      if (left > 0) {
        this.ending = setTimeout(check, Math.max(20, Math.min(250, 1000 * left)));
        return;
      }
      this.halt();
      this.offset = this.duration;
      this.onended();
    };
    this.ending = setTimeout(check, 100);
  }

  halt() {
    clearTimeout(this.ending);
    this.hush(this.voice, this.context.currentTime);
    this.voice = null;
    this.running = false;
  }

  dispose() {
    if (this.running) this.halt();
    this.context?.close?.()?.catch?.(() => {});
    this.context = null;
  }
}
