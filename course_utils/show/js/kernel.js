import { outerFrame } from './theme.js';

// The way to a running kernel: two text fields that Python put under the player (ipywidgets). The page writes a request
// into the first, Python writes its answers into the second. Where no kernel runs, the fields are not there, or nobody
// answers; both are said.

const PATIENCE = 15000; // milliseconds until a kernel that says nothing counts as none

function field(name) {
  try {
    return outerFrame()?.ownerDocument.querySelector(`[placeholder="${name}"]`) || null;
  } catch {
    return null; // a frame that may not look at the page around it
  }
}

export const hasKernel = (bridge) => bridge !== null && field(`${bridge} ask`) !== null;

// Sends a line; `onanswer(text, done)` is called with each answer until one begins with "done" or "error".
export function ask(bridge, line, onanswer) {
  const out = field(`${bridge} ask`);
  const back = field(`${bridge} answer`);
  if (!out || !back) return false;
  const request = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(out), 'value').set;
  const View = out.ownerDocument.defaultView;
  setter.call(out, `${request} ${line}`);
  for (const kind of ['input', 'keyup', 'change']) out.dispatchEvent(new View.Event(kind, { bubbles: true }));
  const began = Date.now();
  let heard = '';
  const timer = setInterval(() => {
    const [id, ...words] = (field(`${bridge} answer`)?.value || '').split(' ');
    const text = words.join(' ');
    if (id === request && text !== heard) {
      heard = text;
      const over = /^(done|error)/.test(text);
      if (over) clearInterval(timer);
      onanswer(text, over);
    } else if (!heard && Date.now() - began > PATIENCE) {
      clearInterval(timer);
      onanswer('error: no kernel answers. Run this cell, or paste the line into a cell of a running notebook.', true);
    }
  }, 120);
  return true;
}
