// Single keys, for hands that stay on the keyboard. They can be switched off, because speech recognition types them by
// accident; everything they do can be done with Tab and Enter.

import { h } from './dom.js';

const OFF = 'anomaly.keys-off';

const KEYS = [
  ['/', 'search'],
  ['j, k', 'next, previous finding, group or match'],
  ['Enter', 'open it'],
  ['g', 'to the overview'],
  ['?', 'these keys'],
  [
    '\u2190 \u2192',
    'along a lane; Home and End to its ends, Page Up and Page Down from one novel bucket to the next, Enter for its findings',
  ],
];

export function listenForKeys() {
  document.addEventListener('keydown', (event) => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      localStorage.getItem(OFF) ||
      document.querySelector('dialog[open]')
    )
      return;
    if (event.target.closest('input, textarea, select')) {
      if (event.key === 'Escape') event.target.blur();
      return;
    }
    const act = {
      '/': search,
      j: () => step(1),
      k: () => step(-1),
      g: () => {
        location.hash = '#/';
      },
      '?': showKeys,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function search() {
  const field = document.getElementById('words');
  field.focus();
  field.select();
}

/** Moves to the next or the previous thing of a list. */
function step(by) {
  const items = [...document.querySelectorAll('main .item')];
  if (items.length === 0) return;
  const here = items.findIndex(
    (item) => item === document.activeElement || item.closest('li')?.contains(document.activeElement),
  );
  const next = items[Math.min(items.length - 1, Math.max(0, here === -1 ? 0 : here + by))];
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

export function showKeys() {
  const off = h('input', {
    type: 'checkbox',
    checked: Boolean(localStorage.getItem(OFF)),
    onchange: () => {
      if (off.checked) localStorage.setItem(OFF, '1');
      else localStorage.removeItem(OFF);
    },
  });
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'keys-title', onclose: () => dialog.remove() },
    h('h2', { id: 'keys-title' }, 'Keys'),
    h(
      'dl.keys',
      {},
      KEYS.map(([key, what]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, what))),
    ),
    h('label', {}, off, h('span', {}, 'Switch single keys off')),
    h('p.actions', {}, h('button', { type: 'button', onclick: () => dialog.close() }, 'Close')),
  );
  document.body.append(dialog);
  dialog.showModal();
}
