// What waits for a decision, grouped as alerts are.

import { ask } from './api.js';
import { decisionButtons } from './decide.js';
import { address, fill, h, list } from './dom.js';
import { choice } from './findings.js';
import { count, counted, score } from './format.js';
import { facts, nothing, program, programWords, scored, seen, state, workload } from './pieces.js';
import { foreign } from './text.js';

const STATES = [
  ['held', 'held'],
  ['denied', 'denied'],
  ['learned', 'learned'],
];

export function heldView(root, route, context) {
  const asked = Object.fromEntries(['workload', 'state', 'after'].map((name) => [name, route.query.get(name)]));
  const from = Number(route.query.get('from')) || 0;
  const which = choice('state', asked.state ?? 'held', STATES);
  which.dataset.key = 'state';
  const name = h('input', {
    name: 'workload',
    value: asked.workload ?? '',
    placeholder: 'any, * and ?',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const submit = (event) => {
    event.preventDefault();
    context.go(address(['held'], { workload: name.value.trim(), state: which.value === 'held' ? null : which.value }));
  };
  const groups = heldList(context, from);
  const pages = h('nav.pages', { 'aria-label': 'Pages of groups' });
  const to = (parameters) => address(['held'], { ...asked, ...parameters });
  root.append(
    h('h1', { tabindex: -1 }, 'Held'),
    h(
      'p.dim',
      {},
      'Too unlike what its workload knows to be learned by happening once. It becomes normal when it recurs on ' +
        'separate days, or when somebody approves it.',
    ),
    h(
      'form.filters',
      { onsubmit: submit, 'aria-label': 'Which groups' },
      h('label', {}, h('span', {}, 'Workload'), name),
      h('label', {}, h('span', {}, 'State'), which),
      h('button', { type: 'submit' }, 'Show'),
    ),
    groups.root,
    pages,
  );
  return {
    load: (signal) => ask('v1/held', asked, signal),
    show(answer) {
      groups.show(answer);
      const last = from + answer.groups.length;
      fill(
        pages,
        from > 0 ? h('a.button', { href: to({ after: null }), 'data-key': 'newest' }, 'Newest') : null,
        answer.next
          ? h('a.button', { href: to({ after: answer.next, from: last }), 'data-key': 'older', rel: 'next' }, 'Older')
          : null,
      );
    },
  };
}

/** A group as what a decision is about: the very rows where all are listed, else as many as are counted. */
export function wholeGroup(group, words) {
  const { id, state: inState, executions, rows } = group;
  return {
    key: id,
    ids: rows.length === executions ? rows.map((row) => row.id) : [id],
    state: inState,
    executions,
    words,
    commands: rows.map(({ command }) => command),
  };
}

/** Held groups with their rows and buttons; `from` is how many are on the pages before. */
export function heldList(context, from = 0) {
  const sum = h('p.sum', {});
  const rows = h('ol.findings', { 'aria-label': 'Groups' });
  function show({ groups, total, executions }) {
    const range = groups.length < total ? `${count(from + 1)}\u2013${count(from + groups.length)} of ` : '';
    fill(sum, groups.length > 0 ? `${range}${counted(total, 'group')}, ${counted(executions, 'execution')} in all.` : '');
    if (groups.length === 0)
      list(
        rows,
        ['none'],
        (item) => item,
        () => h('li', {}, nothing('Nothing waits here.')),
      );
    else
      list(
        rows,
        groups,
        (group) => group.id,
        (group) => groupItem(group, context),
      );
  }
  return { root: h('div', {}, sum, rows), show };
}

/** One row as what a decision is about. */
export const oneRow = ({ id, state: inState, command }) => ({
  key: id,
  ids: [id],
  state: inState,
  executions: 1,
  words: 'this execution',
  commands: [command],
});

function groupItem(group, context) {
  const [first] = group.rows;
  const what = programWords(group);
  const subject = {
    what,
    workload: group.workload,
    state: group.state,
    score: group.score,
    choices: [wholeGroup(group, 'all of the group')],
  };
  const single = (item) => ({ ...subject, choices: [oneRow(item)] });
  return h(
    'li.finding',
    {},
    h(
      'p.verdict',
      {},
      scored(group.score),
      group.threshold === null ? null : h('span.dim', {}, ` / ${score(group.threshold, 2)}`),
    ),
    h(
      'div.what',
      {},
      h('h3.item', { tabindex: -1, 'data-key': group.id }, program(group), ' in ', workload(group.workload)),
      group.reason ? h('p.reason', {}, foreign(group.reason, -240)) : null,
      first ? h('p.line', {}, foreign(first.command, 300, 'command')) : null,
      group.nearest ? h('p.dim', {}, 'nearest: ', foreign(group.nearest, -200, 'command')) : null,
      h('p.dim', {}, `${counted(group.executions, 'distinct execution')}, seen `, seen(group)),
      decisionButtons(subject, context),
      group.rows.length > 1
        ? h(
            'details',
            { 'data-key': `rows ${group.id}` },
            h(
              'summary',
              {},
              group.rows.length < group.executions
                ? `The latest ${count(group.rows.length)} of ${count(group.executions)} executions`
                : 'Each execution',
            ),
            h(
              'ol.rows',
              {},
              group.rows.map((item) =>
                h(
                  'li',
                  {},
                  h('p.line', {}, foreign(item.command, 300, 'command')),
                  facts(['state', state(item.state)], ['seen', seen(item)]),
                  decisionButtons(single(item), context),
                ),
              ),
            ),
          )
        : null,
    ),
  );
}
