// What a person on call looks at first: is anything new, in which workload, and does the daemon see everything?

import { ask } from './api.js';
import { address, fill, h, list } from './dom.js';
import { count, counted } from './format.js';
import { choice, loadFindings, showFindings } from './findings.js';
import { lanes } from './lanes.js';
import { nothing } from './pieces.js';

const SPANS = [
  ['3600', 'last hour'],
  ['21600', 'last 6 hours'],
  ['86400', 'last day'],
  ['604800', 'last week'],
];

/** How far back the lanes go, in seconds: `span` of the address, a day where it says nothing of use. */
const spanOf = (query) => SPANS.find(([seconds]) => seconds === query.get('span'))?.[0] ?? '86400';

/** What `v1/timeline` is asked for the last `span` seconds. */
export const stretch = (span) => {
  const until = Math.floor(Date.now() / 1000);
  return { since: until - Number(span), until };
};

export function overview(root, route, context) {
  const span = spanOf(route.query);
  const chart = lanes(context);
  const when = choice('span', span, SPANS);
  when.addEventListener('change', () => context.go(address([], { span: when.value })));
  when.setAttribute('aria-label', 'Stretch of time');
  when.dataset.key = 'span';
  const findings = h('ol.findings', { 'aria-label': 'Latest findings' });
  const state = h('p', {});
  const all = h('p', {});
  root.append(
    h('h1', { tabindex: -1 }, 'Overview'),
    state,
    h(
      'section',
      { 'aria-labelledby': 'over-time' },
      h('div.heading', {}, h('h2', { id: 'over-time' }, 'Workloads over time'), when, skip()),
      chart.root,
    ),
    h(
      'section',
      { 'aria-labelledby': 'latest' },
      h('h2', { id: 'latest', tabindex: -1 }, 'Latest findings'),
      findings,
      all,
    ),
  );

  return {
    async load(signal) {
      const [timeline, latest, workloads] = await Promise.all([
        ask('v1/timeline', stretch(span), signal),
        loadFindings({ limit: 20 }, signal),
        ask('v1/workloads', {}, signal),
      ]);
      const held = workloads.reduce((all, { held: waiting }) => all + waiting, 0);
      return { timeline, latest, held, learning: workloads.filter(({ learning }) => learning).length };
    },
    show({ timeline, latest, held, learning }) {
      chart.update(timeline);
      fill(
        state,
        held > 0
          ? [h('a', { href: '#/held', 'data-key': 'held' }, counted(held, 'execution')), ' held']
          : 'Nothing is held',
        learning > 0
          ? [
              '; ',
              h('a', { href: '#/workloads', 'data-key': 'learning' }, counted(learning, 'baseline')),
              ' still learning.',
            ]
          : '.',
      );
      if (latest.findings.length > 0) showFindings(findings, latest.findings);
      else
        list(
          findings,
          ['none'],
          (name) => name,
          () => h('li', {}, nothing('Nothing was novel so far.')),
        );
      fill(
        all,
        latest.next
          ? h('a.button', { href: '#/findings', 'data-key': 'all' }, `All ${count(latest.total)} findings`)
          : null,
      );
    },
    close: chart.close,
  };
}

/** A way past the lanes for the keyboard. A fragment of the page would be taken for a view, so this moves the focus. */
function skip() {
  const past = () => document.getElementById('latest')?.focus();
  return h('button.skip', { type: 'button', onclick: past }, 'Skip to the latest findings');
}
