import { outerFrame, watchTheme } from './theme.js';

// The store's `theme` and `width` are those of the page and of the player's body, now and whenever they change.
export function followPage(store, body) {
  watchTheme((theme) => {
    document.documentElement.dataset.theme = theme;
    store.set({ theme });
  });
  const measure = () => store.set({ width: body.clientWidth });
  new ResizeObserver(measure).observe(body);
  measure();
}

// Gives the surrounding frame the height of its content, now and whenever that changes.
export function fitFrame() {
  const frame = outerFrame();
  if (!frame) return;
  const fit = () => {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    if (height > 0 && frame.style.height !== `${height}px`) frame.style.height = `${height}px`;
  };
  new ResizeObserver(fit).observe(document.body);
  fit();
}

// The notebook also stores a still picture of this player, for places that run no scripts. Here scripts run: put it away.
// `mark` is a piece of the picture's own data, so no other picture can be meant.
export function hideTwin(mark, alt) {
  const frame = outerFrame();
  if (!frame || !mark) return;
  const cell = frame.closest('.jp-Cell, .cell, .output-body, .output_wrapper') || frame.ownerDocument.body;
  const hide = () => {
    for (const image of cell.querySelectorAll('img[src^="data:image/png"]')) {
      if (!image.src.includes(mark)) continue;
      image.alt = alt;
      (image.closest('.jp-OutputArea-child, .output_area') || image).style.display = 'none';
      watcher.disconnect();
    }
  };
  const watcher = new MutationObserver(hide);
  watcher.observe(cell, { childList: true, subtree: true });
  addEventListener('pagehide', () => watcher.disconnect());
  hide();
}

// One player sounds at a time: tell the others on the page, and listen to them.
export function shareSilence(pause) {
  addEventListener('message', (event) => event.data === 'two-poles: playing' && pause());
  return () => {
    const page = window.parent;
    if (page === window) return;
    for (let i = 0; i < page.frames.length; i++) {
      if (page.frames[i] !== window) page.frames[i].postMessage('two-poles: playing', '*');
    }
  };
}
