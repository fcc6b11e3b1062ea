import { h, svg } from './dom.js';
import { browserContext, Engine } from './engine.js';
import { clock } from './format.js';
import { fitFrame, followPage, hideTwin, shareSilence } from './frame.js';
import { createStore } from './store.js';
import { toFloat, unpackTracks } from './tracks.js';

// What every player of the course has: a title, a play button, a clock, a loop switch, a line for messages, one engine
// and one store. A player adds its own parts below and its own keys.

const ICONS = {
  play: 'M4.5 2.8v10.4a.6.6 0 0 0 .92.5l8.1-5.2a.6.6 0 0 0 0-1L5.42 2.3a.6.6 0 0 0-.92.5z',
  pause: 'M3.6 2.6h3v10.8h-3zM9.4 2.6h3v10.8h-3z',
  loop: 'M4.4 4.2h6.1a3 3 0 0 1 3 3v.3M6.1 2.3 4.1 4.2l2 2M11.6 11.8H5.5a3 3 0 0 1-3-3v-.3M9.9 13.7l2-1.9-2-2',
};

function icon(name) {
  return svg(
    'svg',
    { viewBox: '0 0 16 16', class: `icon ${name}`, 'aria-hidden': 'true' },
    svg('path', { d: ICONS[name] }),
  );
}

// Builds the frame of a player into `root`; resolves when the sound is unpacked. `unpack(tracks, progress, rate)` gives
// integers or, with unpackLossy, samples in -1..1. A player with more tracks than an Engine holds brings its own engine.
export async function createShell(root, data, initial = {}, unpack = unpackTracks, makeEngine = engineOf) {
  const store = createStore({
    track: 0,
    playing: false,
    time: 0,
    loop: false,
    region: null,
    message: '',
    theme: 'light',
    width: 0,
    ...initial,
  });
  const parts = buildShell(root, data);
  followPage(store, parts.body);
  fitFrame();
  hideTwin(data.twin, data.alt);

  const show = (part) => {
    parts.loading.style.width = `${Math.round(100 * part)}%`;
  };
  const integers = await unpack(data.tracks, show, data.rate);
  parts.loading.remove();
  const tracks = integers.map((track) => (track instanceof Float32Array ? track : toFloat(track)));
  const engine = makeEngine(tracks, data);
  const shell = { root, data, store, engine, tracks, integers, ...parts };
  Object.assign(shell, transport(shell));
  return shell;
}

function engineOf(tracks, data) {
  return new Engine({ tracks, sampleRate: data.rate, makeContext: () => browserContext(data.rate) });
}

function buildShell(root, data) {
  const playButton = h(
    'button',
    { class: 'play', type: 'button', 'aria-label': 'Play', disabled: true },
    icon('play'),
    icon('pause'),
  );
  const now = h('span', { class: 'now' }, clock(0));
  const total = h('span', { class: 'total' }, clock(data.seconds));
  const loopButton = h(
    'button',
    { class: 'switch', type: 'button', 'aria-pressed': 'false', disabled: true },
    icon('loop'),
    h('span', {}, 'Loop'),
  );
  const controls = h(
    'div',
    { class: 'controls' },
    playButton,
    h('div', { class: 'clock', 'aria-hidden': 'true' }, now, h('span', { class: 'of' }, '/'), total),
    loopButton,
  );
  const readout = h('div', { class: 'readout' });
  const message = h('p', { class: 'message', role: 'alert' });
  const live = h('p', { class: 'for-readers', 'aria-live': 'polite' });
  const body = h('div', { class: 'body' });
  const loading = h('div', { class: 'loading', 'aria-hidden': 'true' });
  root.setAttribute('role', 'group');
  root.setAttribute('aria-label', data.title);
  root.replaceChildren(
    h('header', {}, h('h2', {}, data.title), h('p', { class: 'subtitle' }, data.subtitle)),
    h('div', { class: 'transport' }, controls, readout),
    loading,
    message,
    body,
    live,
  );
  return { playButton, loopButton, controls, readout, message, live, body, loading, now };
}

function transport({ store, engine, playButton, loopButton, message, live, now, data, root }) {
  const hush = shareSilence(() => pause());
  let watching = 0;

  function play() {
    try {
      engine.play();
    } catch (error) {
      store.set({ message: `No sound: ${error.message}. Everything else on this page works.` });
      return;
    }
    hush();
    store.set({ playing: true, message: '' });
    const began = engine.context.currentTime;
    clearTimeout(watching);
    watching = setTimeout(() => {
      if (!engine.playing || engine.context.currentTime > began) return;
      pause();
      store.set({
        message: 'No sound: the browser found no sound output to play on. Everything else on this page works.',
      });
    }, 1500);
    requestAnimationFrame(follow);
  }

  function pause() {
    engine.pause();
    store.set({ playing: false, time: engine.position() });
  }

  function seek(seconds) {
    engine.seek(seconds);
    store.set({ time: engine.position() });
  }

  function follow() {
    if (!store.get().playing) return;
    if (!root.isConnected) {
      engine.dispose(); // taken off the page: nobody could stop the sound any more
      return;
    }
    store.set({ time: engine.position() });
    requestAnimationFrame(follow);
  }

  // The stretch that is looped: the region if there is one, the whole clip otherwise.
  function applyLoop() {
    const { loop, region } = store.get();
    engine.setLoop({ on: loop, start: region ? region[0] : 0, end: region ? region[1] : engine.duration });
    store.set({ time: engine.position() });
  }

  engine.onended = () => store.set({ playing: false, time: engine.duration });
  const toggle = () => (store.get().playing ? pause() : play());
  const toggleLoop = () => store.set({ loop: !store.get().loop });
  playButton.addEventListener('click', toggle);
  loopButton.addEventListener('click', toggleLoop);
  playButton.disabled = false;
  loopButton.disabled = false;
  store.on(['loop', 'region'], applyLoop);
  store.on(['playing'], ({ playing }) => {
    playButton.classList.toggle('on', playing);
    playButton.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    live.textContent = playing ? 'Playing' : 'Paused';
  });
  store.on(['loop'], ({ loop }) => {
    loopButton.setAttribute('aria-pressed', String(loop));
    live.textContent = loop ? 'Loop on' : 'Loop off';
  });
  store.on(['message'], (state) => {
    message.textContent = state.message;
  });
  store.on(['time'], ({ time }) => {
    now.textContent = clock(time);
  });
  addEventListener('pagehide', () => {
    engine.dispose();
    store.set({ playing: false });
  });
  const step = data.hop ? data.hop / data.rate : 0.05;
  const keys = {
    Space: toggle,
    l: toggleLoop,
    Home: () => seek(store.get().region && store.get().loop ? store.get().region[0] : 0),
    End: () => seek(engine.duration),
    '[': () => setRegionEdge(0),
    ']': () => setRegionEdge(1),
    Escape: () => {
      if (!store.get().region) return false;
      store.set({ region: null });
      return true;
    },
  };

  function setRegionEdge(edge) {
    const region = [...(store.get().region || [0, engine.duration])];
    region[edge] = engine.position();
    if (region[1] - region[0] < 0.02) return;
    store.set({ region, loop: true });
  }

  return { play, pause, seek, toggle, toggleLoop, keys, step };
}
