// What waits for a decision, grouped as alerts are.

import { ask } from './api.js';
import { decisionButtons } from './decide.js';
import { address, fill, h, list } from './dom.js';
import { choice } from './findings.js';
import { count, counted, score } from './format.js';
import { facts, more, nothing, program, programWords, scored, seen, state, workload } from './pieces.js';
import { foreign } from './text.js';

const STEP = 50;

const STATES = [
  ['held', 'held'],
  ['denied', 'denied'],
  ['all', 'all, learned ones too'],
];

export function heldView(root, route, context) {
  const asked = { workload: route.query.get('workload'), state: route.query.get('state') };
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
  const groups = heldList(context);
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
  );
  return { load: (signal) => ask('v1/held', asked, signal), show: groups.show };
}

/** Held groups with their rows and buttons. */
export function heldList(context) {
  const sum = h('p.sum', {});
  const rows = h('ol.findings', { 'aria-label': 'Groups' });
  const rest = h('div', {});
  const shown = { count: STEP };
  function show(groups) {
    const total = groups.reduce((all, group) => all + group.executions, 0);
    fill(sum, groups.length > 0 ? `${counted(total, 'execution')} in ${counted(groups.length, 'group')}.` : '');
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
        groups.slice(0, shown.count),
        (group) => group.id,
        (group) => groupItem(group, context),
      );
    fill(
      rest,
      more(groups.length, shown, STEP, () => show(groups)),
    );
  }
  return { root: h('div', {}, sum, rows, rest), show };
}

function groupItem(group, context) {
  const [first] = group.rows;
  const what = programWords(group);
  const subject = {
    what,
    workload: group.workload,
    state: first?.state ?? 'held',
    score: group.score,
    choices: [
      {
        ids: [group.id],
        executions: group.executions,
        words: 'all of the group',
        commands: group.rows.map(({ command }) => command),
      },
    ],
  };
  const single = (item) => ({
    ...subject,
    state: item.state,
    choices: [{ ids: [item.id], executions: 1, words: 'this execution', commands: [item.command] }],
  });
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
                ? `${count(group.rows.length)} of ${count(group.executions)} executions`
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
