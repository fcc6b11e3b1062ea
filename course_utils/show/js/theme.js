// Light or dark. The background is transparent, so what counts is the paper underneath: the page around the frame.

export function luminance(colour) {
  const m = /rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)(?:[,/\s]+([\d.]+))?/.exec(colour || '');
  if (!m || (m[4] !== undefined && Number(m[4]) < 0.5)) return null; // see-through: look further up
  return (0.2126 * m[1] + 0.7152 * m[2] + 0.0722 * m[3]) / 255;
}

// The first solid background under an element decides; without one, the system's preference if the page follows it.
export function themeUnder(element, view) {
  const flag = view.document.body?.getAttribute('data-jp-theme-light');
  if (flag === 'true' || flag === 'false') return flag === 'true' ? 'light' : 'dark';
  for (let at = element; at; at = at.parentElement) {
    const light = luminance(view.getComputedStyle(at).backgroundColor);
    if (light !== null) return light < 0.5 ? 'dark' : 'light';
  }
  const scheme = view.getComputedStyle(view.document.documentElement).colorScheme || '';
  return scheme.includes('dark') && preferred(view) === 'dark' ? 'dark' : 'light';
}

function preferred(view) {
  return view.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

// Calls apply('light' | 'dark') now and whenever the answer changes.
export function watchTheme(apply) {
  const frame = outerFrame();
  const view = frame ? frame.ownerDocument.defaultView : window;
  let last = null;
  const check = () => {
    const theme = frame ? themeUnder(frame.parentElement, view) : preferred(window);
    if (theme === last) return;
    last = theme;
    // A frame is see-through only while its own colour scheme is that of the element it stands in.
    if (frame) frame.style.colorScheme = theme;
    apply(theme);
  };
  check();
  for (const each of new Set([view, window])) {
    each.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', check);
  }
  if (frame) {
    const watcher = new MutationObserver(check);
    for (const at of [view.document.documentElement, view.document.body]) watcher.observe(at, { attributes: true });
    addEventListener('pagehide', () => watcher.disconnect());
  }
}

// The frame this page is shown in, when we may look at it.
export function outerFrame() {
  try {
    return window.frameElement;
  } catch {
    return null;
  }
}
