// Elements, built from plain values. Everything that the page shows goes through here or through text.js, so that no
// string is ever read as markup: there is no way to write HTML, a style or a foreign address with these functions.

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'rect', 'line', 'path', 'circle']);

/**
 * An element: `h('a.chip', { href: '#/held', onclick: f }, 'text', node, null)`.
 *
 * A function under `on...` listens, `true` sets an attribute without a value, `false`, `null` and `undefined` set
 * none. Children that are nothing are left out, strings become text.
 */
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length > 0) node.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, allowed(name, value === true ? '' : String(value)));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** What may stand in an attribute: a link leads within this page, and nothing is loaded or styled from a value. */
function allowed(name, value) {
  if (name === 'href' ? !value.startsWith('#') : ['src', 'srcdoc', 'style', 'action', 'formaction'].includes(name)) {
    throw new Error(`the page sets no ${name} to ${value}`);
  }
  return value;
}

/** A link to another view, with its parameters. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, value);
  }
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

/** Puts `children` in the place of all that `parent` has. */
export function fill(parent, ...children) {
  const kept = focusWithin(parent);
  parent.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  kept?.restore(parent);
}

const listed = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, in their order. A child whose item did not change stays the same
 * element, so that focus, selection and what was opened survive a refresh.
 *
 * `key(item)` names an item, `render(item)` makes its element.
 */
export function list(parent, items, key, render) {
  const before = listed.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    const stamp = JSON.stringify(item);
    const old = before.get(key(item));
    after.set(key(item), old?.stamp === stamp ? old : { stamp, node: replaced(old?.node, render(item)) });
  }
  for (const [name, { node }] of before) {
    if (after.get(name)?.node !== node) node.remove();
  }
  let next = parent.firstChild;
  for (const { node } of after.values()) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  while (next) {
    const stray = next;
    next = next.nextSibling;
    stray.remove();
  }
  listed.set(parent, after);
}

/** `fresh` in the place of `old`, with what a person had opened and focused there. */
function replaced(old, fresh) {
  if (!old?.isConnected) return fresh;
  const kept = focusWithin(old);
  old.replaceWith(fresh);
  kept?.restore(fresh);
  return fresh;
}

/** What a person has opened, written and focused within `root`, by `data-key`. */
function focusWithin(root) {
  const keyed = (selector) => [...root.querySelectorAll(selector)];
  const opened = keyed('details[data-key][open]').map((node) => node.dataset.key);
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  if (opened.length === 0 && focused === undefined) return undefined;
  return {
    restore(fresh) {
      const all = [fresh, ...fresh.querySelectorAll('[data-key]')];
      for (const node of all) {
        if (node.matches('details') && opened.includes(node.dataset.key)) node.open = true;
      }
      if (focused !== undefined) all.find((node) => node.dataset.key === focused)?.focus({ preventScroll: true });
    },
  };
}
