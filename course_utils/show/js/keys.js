// Keyboard shortcuts of one element: heard only while the focus is inside it, never with Ctrl, Alt or Meta held.

export function bindKeys(element, actions) {
  const listener = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest('input, textarea, select, summary, [contenteditable]')) return;
    const name = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // Space and Enter on a button press that button.
    if ((name === 'Space' || name === 'Enter') && event.target.closest('button')) return;
    const action = actions[name];
    if (!action || action(event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  };
  element.addEventListener('keydown', listener);
  return () => element.removeEventListener('keydown', listener);
}
