// Which view is shown, when it is asked anew, and what happens where the daemon does not answer.
//
// A view is a function of an element, a route and a context. It builds what never changes and gives back `load(signal)`,
// which asks, `show(data)`, which shows an answer, and maybe `close()`.

import { ask, hasToken, setToken, takeToken } from './api.js';
import { decisionsView } from './decisions.js';
import { executionView, findingView } from './detail.js';
import { address, fill, h } from './dom.js';
import { findingsView } from './findings.js';
import { second, zone } from './format.js';
import { healthView, troubles } from './health.js';
import { heldView } from './held.js';
import { listenForKeys, showKeys } from './keys.js';
import { overview } from './overview.js';
import { searchView } from './search.js';
import { plain } from './text.js';
import { workloadsView, workloadView } from './workloads.js';

const EVERY = 10_000; // milliseconds between two refreshes
const AGAIN = 5_000; // while the daemon is out of reach, and at first while it is busy
const LONGEST = 60_000; // while it stays busy: twice as long after each time

const VIEWS = {
  '': [overview, () => 'Overview'],
  findings: [findingsView, () => 'Findings'],
  finding: [findingView, ([, id]) => `Finding ${plain(id, 20)}`],
  execution: [executionView, ([, id]) => `Execution ${plain(id, 12)}`],
  held: [heldView, () => 'Held'],
  workloads: [workloadsView, () => 'Workloads'],
  workload: [workloadView, ([, name]) => plain(name, 80)],
  search: [searchView, () => 'Search'],
  decisions: [decisionsView, () => 'Decisions'],
  health: [healthView, () => 'Health'],
};

const byId = (id) => document.getElementById(id);
const root = byId('view');
const context = {
  announce,
  refresh,
  go: (to) => {
    location.hash = to;
  },
};

let view; // what is shown: { route, load, show, close, stamp }
let asking; // ends the questions that are under way
let timer;
let answered = 0; // when the daemon answered last, in milliseconds
let silentSince = 0;
let wait = AGAIN; // until the daemon is asked again, while it is out of reach or busy
let paused = false;

/** The address as a view's name, its path and its parameters. */
function routeOf(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const named = path.split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part; // a stray percent sign
    }
  });
  return { path: named, query: new URLSearchParams(query) };
}

/** Shows the view that the address names. */
function open() {
  takeToken();
  const route = routeOf(location.hash);
  const [build, title] = VIEWS[Object.hasOwn(VIEWS, route.path[0]) ? route.path[0] : ''];
  view?.close?.();
  const place = h('div', {});
  document.title = `${title(route.path)} \u2013 falco-anomaly`;
  for (const link of document.querySelectorAll('header nav a')) {
    const here = routeOf(link.hash).path[0] === route.path[0];
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  byId('words').value = route.query.get('q') ?? '';
  fill(byId('outcome'));
  const moved = view !== undefined;
  view = { route, place, moved, ...build(place, route, context) };
  root.setAttribute('aria-busy', 'true');
  fill(root, h('p.nothing', {}, 'Loading.'));
  refresh();
}

/** Asks anew, shows what changed, and comes back later. A view that says `once` is asked again only when a person is why. */
async function refresh(byClock = false) {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const shown = view;
  try {
    const stands = byClock && shown.once && shown.place.isConnected;
    const [data, health] = await Promise.all([stands ? undefined : shown.load(signal), ask('v1/health', {}, signal)]);
    if (signal.aborted) return;
    if (!stands) present(shown, data);
    answers(health);
  } catch (error) {
    if (signal.aborted) return;
    fails(error);
    if (error.kind === 'token' || error.status === 404) return;
  }
  if (!paused && !document.hidden) timer = setTimeout(refresh, silentSince ? wait : EVERY, true);
}

function present(shown, data) {
  const stamp = JSON.stringify(data);
  const first = !shown.place.isConnected;
  if (first || root.childElementCount > 1) fill(root, shown.place);
  root.setAttribute('aria-busy', 'false');
  // What a person is selecting must not go away under the pointer.
  const selecting = !first && getSelection()?.type === 'Range' && root.contains(getSelection().anchorNode);
  if (stamp !== shown.stamp && !selecting) {
    shown.show(data);
    shown.stamp = stamp;
  }
  if (first && shown.moved) root.querySelector('h1')?.focus();
}

function answers(health) {
  const back = silentSince !== 0;
  silentSince = 0;
  wait = AGAIN;
  answered = Date.now();
  document.body.classList.remove('stale');
  const wrong = troubles(health);
  const shownInFull = view.route.path[0] === 'health';
  const words = wrong.flatMap((what, at) => [at ? ', ' : '', what]);
  const trouble =
    wrong.length > 0 && !shownInFull
      ? [h('a', { href: '#/health', 'data-key': 'trouble' }, 'Health'), ': ', ...words, '.']
      : [];
  say('trouble', trouble);
  fill(
    byId('health-mark'),
    wrong.length > 0 ? h('span.badge', { 'aria-label': `${wrong.length} wrong` }, String(wrong.length)) : '',
  );
  fill(
    byId('about'),
    `${plain(health.host, 80)}, organisation ${plain(health.org, 80)}, falco-anomaly ${plain(health.version, 40)}; times in ${zone}`,
  );
  tellFreshness();
  if (back) announce('The daemon answers again.');
}

function fails(error) {
  if (error.kind === 'token') return askForToken();
  if (error.kind === 'silent' || error.kind === 'busy') {
    // Whoever is out of reach is not burdened by being asked; whoever is busy is.
    wait = error.kind === 'busy' && silentSince ? Math.min(2 * wait, LONGEST) : AGAIN;
    silentSince ||= Date.now();
    document.body.classList.add('stale');
    const last = answered ? ` What is shown is as of ${second(answered / 1000)}.` : '';
    say('trouble', [`${plain(error.message, 400)} Asked again in ${wait / 1000} seconds.${last}`]);
    tellFreshness();
    if (!view.place.isConnected) fill(root, h('p.nothing', {}, 'Nothing to show yet.'));
    return;
  }
  if (!error.kind) console.error(error);
  silentSince = 0;
  document.body.classList.remove('stale');
  root.setAttribute('aria-busy', 'false');
  const why = h('p.failure', { role: 'alert' }, plain(error.message, 400));
  // With its form, where the view has one: what was asked can be mended there.
  if (view.place.querySelector('form')) fill(root, why, view.place);
  else
    fill(
      root,
      h('h1', { tabindex: -1 }, error.status === 404 ? 'Not found' : 'No answer'),
      why,
      h('p', {}, h('a', { href: '#/' }, 'Overview')),
    );
  view.stamp = undefined;
}

/** Changes a status region only where its words change: a screen reader reads it each time. */
function say(id, words) {
  const place = byId(id);
  const fresh = h('p', {}, ...words);
  if (place.textContent !== fresh.textContent) fill(place, words.length > 0 ? fresh : []);
}

/** Tells what came of something, until it is put away or another view is opened. */
function announce(words) {
  const place = byId('outcome');
  fill(place, h('p', {}, words, ' ', h('button', { type: 'button', onclick: () => fill(place) }, 'Dismiss')));
}

function tellFreshness() {
  const words =
    answered === 0 ? '' : paused ? `paused at ${second(answered / 1000)}` : `as of ${second(answered / 1000)}`;
  byId('fresh').textContent = words;
}

/** The daemon asks for its token over TCP. It stays in this tab. */
function askForToken() {
  document.body.classList.remove('stale');
  root.setAttribute('aria-busy', 'false');
  if (byId('token')) return;
  const field = h('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'token-help',
  });
  const submit = (event) => {
    event.preventDefault();
    setToken(field.value.trim());
    field.value = '';
    open();
  };
  const refused = hasToken();
  setToken('');
  fill(
    root,
    h(
      'form.token',
      { onsubmit: submit },
      h('h1', { tabindex: -1 }, 'Token'),
      refused ? h('p.failure', { role: 'alert' }, 'The daemon did not take the last one.') : null,
      h(
        'p',
        { id: 'token-help' },
        'Over TCP the daemon asks for the token of its configuration. It is kept in this tab until the tab is closed.',
      ),
      h('label', {}, h('span', {}, 'Token'), field),
      h('p.actions', {}, h('button.primary', { type: 'submit' }, 'Continue')),
    ),
  );
  field.focus();
}

function pause() {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  tellFreshness();
  if (paused) clearTimeout(timer);
  else refresh();
}

byId('skip').addEventListener('click', () => (root.querySelector('h1') ?? root).focus());
byId('pause').addEventListener('click', pause);
byId('keys').addEventListener('click', showKeys);
byId('find').addEventListener('submit', (event) => {
  event.preventDefault();
  const words = byId('words').value.trim();
  if (words) context.go(address(['search'], { q: words }));
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) refresh(true);
});
window.addEventListener('hashchange', open);
listenForKeys();
open();
