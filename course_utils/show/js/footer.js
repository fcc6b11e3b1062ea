import { h } from './dom.js';

// What stands below a player: its note if it has one, its keys, and the picture in words. A line is [names of keys,
// what they do], or a sentence about the pointer; null is left out. `more` stands between the keys and the description.
export function createFooter({ note, alt }, lines, { title = 'Keys', more = null } = {}) {
  return h(
    'footer',
    {},
    note === undefined ? null : h('p', {}, note),
    h('details', {}, h('summary', {}, title), h('ul', {}, lines.filter(Boolean).map(createLine))),
    more,
    h('details', {}, h('summary', {}, 'Description in words'), h('p', {}, alt)),
  );
}

function createLine(line) {
  if (typeof line === 'string') return h('li', {}, line);
  const [names, text] = line;
  return h(
    'li',
    {},
    names.map((name) => h('kbd', {}, name)),
    ' ',
    text,
  );
}
