// Findings as a list, newest first: a page of it at a time, because there can be ten thousand.

import { ask } from './api.js';
import { address, fill, h, list } from './dom.js';
import { count, counted, day, hour, moment, time } from './format.js';
import { level, nothing, program, scored, state, workload } from './pieces.js';
import { foreign } from './text.js';

const PAGE = 50;

/** The finding of this id as it is now, or nothing where it is forgotten. */
export async function findingOf(id, signal) {
  try {
    return await ask(`v1/findings/${encodeURIComponent(id)}`, {}, signal);
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

export const loadFindings = (parameters, signal) => ask('v1/findings', { limit: PAGE, ...parameters }, signal);

/** Shows `findings` in `parent`, under a heading for each day. */
export function showFindings(parent, findings) {
  const items = [];
  for (const finding of findings) {
    const name = day(finding.last_time);
    if (items.findLast((item) => item.heading)?.heading !== name) items.push({ heading: name, id: `day ${name}` });
    items.push(finding);
  }
  list(
    parent,
    items,
    (item) => item.id,
    (item) => (item.heading ? heading(item) : row(item)),
  );
}

const heading = ({ heading: words }) => h('li.day', {}, h('h3', {}, words));

function row(finding) {
  const { example } = finding;
  return h(
    'li.finding',
    {},
    h('p.verdict', {}, level(example.level), ' ', scored(example.score)),
    h(
      'div.what',
      {},
      h(
        'p',
        {},
        h('a.item', { href: address(['finding', finding.id]), 'data-key': finding.id }, program(finding)),
        ' in ',
        workload(finding.workload),
      ),
      h('p.reason', {}, foreign(example.reason ?? 'no reason was kept', -240)),
      h('p.line.clamped', {}, foreign(example.command, -240, 'command')),
    ),
    h(
      'p.when',
      {},
      time(finding.last_time, hour(finding.last_time)),
      finding.count > 1
        ? h('span.times', { title: counted(finding.count, 'execution') }, `${count(finding.count)}\u00d7`)
        : null,
      state(finding.state),
    ),
  );
}

/** The whole list, with filters and pages. */
export function findingsView(root, route, context) {
  const { query } = route;
  const asked = Object.fromEntries(
    ['workload', 'since', 'until', 'min_score', 'after'].map((name) => [name, query.get(name)]),
  );
  const from = Number(query.get('from')) || 0;
  const rows = h('ol.findings', { 'aria-label': 'Findings' });
  const sum = h('p.sum', {});
  const pages = h('nav.pages', { 'aria-label': 'Pages of findings' });
  root.append(h('h1', { tabindex: -1 }, 'Findings'), filters(asked, context), sum, rows, pages);

  return {
    load: (signal) => loadFindings(asked, signal),
    show(answer) {
      const last = from + answer.findings.length;
      fill(sum, words(answer, asked, from, last));
      if (answer.findings.length === 0)
        list(
          rows,
          ['none'],
          (name) => name,
          () => h('li', {}, nothing(empty(asked))),
        );
      else showFindings(rows, answer.findings);
      const to = (parameters) => address(['findings'], { ...asked, ...parameters });
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

function words(answer, asked, from, last) {
  const stretch = [
    asked.workload ? [' in ', foreign(asked.workload, -80)] : [],
    asked.since ? ` from ${moment(Number(asked.since))}` : '',
    asked.until ? ` until ${moment(Number(asked.until))}` : '',
  ];
  const range =
    answer.findings.length === 0
      ? 'No findings'
      : `${count(from + 1)}\u2013${count(last)} of ${counted(answer.total, 'finding')}`;
  const since = answer.remembered_since;
  return [range, ...stretch.flat(), since ? [', remembered since ', time(since), '.'] : '.'].flat();
}

const empty = (asked) =>
  Object.values(asked).some(Boolean)
    ? 'Nothing novel here. A wider stretch of time or a lower score may show more.'
    : 'Nothing was novel so far.';

function filters(asked, context) {
  const field = (label, control) => h('label', {}, h('span', {}, label), control);
  const name = h('input', {
    name: 'workload',
    value: asked.workload ?? '',
    placeholder: 'any, * and ?',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const least = choice('min_score', asked.min_score ?? '', [
    ['', 'any'],
    ['0.85', '0.85'],
    ['0.9', '0.90'],
    ['0.95', '0.95'],
  ]);
  const since = choice('since', asked.since ? 'kept' : '', [
    ['', 'all that is remembered'],
    ['3600', 'the last hour'],
    ['86400', 'the last day'],
    ['604800', 'the last week'],
    ...(asked.since ? [['kept', 'as chosen']] : []),
  ]);
  const submit = (event) => {
    event.preventDefault();
    const kept = since.value === 'kept';
    context.go(
      address(['findings'], {
        workload: name.value.trim(),
        min_score: least.value,
        since: kept ? asked.since : since.value && Math.floor(Date.now() / 1000) - Number(since.value),
        until: kept ? asked.until : null,
      }),
    );
  };
  return h(
    'form.filters',
    { onsubmit: submit, 'aria-label': 'Which findings' },
    field('Workload', name),
    field('Score from', least),
    field('When', since),
    h('button', { type: 'submit' }, 'Show'),
  );
}

/** A select of these values. */
export function choice(name, chosen, options) {
  const node = h(
    'select',
    { name },
    options.map(([value, label]) => h('option', { value }, label)),
  );
  node.value = chosen;
  return node;
}
