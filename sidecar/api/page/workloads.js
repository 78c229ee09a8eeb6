// What each workload knows, how far its learning is, and how it grows.

import { ask } from './api.js';
import { learnWindow } from './decide.js';
import { address, fill, h, list } from './dom.js';
import { choice, loadFindings, showFindings } from './findings.js';
import { count, counted, duration, moment, score, time } from './format.js';
import { heldList } from './held.js';
import { lanes } from './lanes.js';
import { stretch } from './overview.js';
import { facts, more, nothing, workload } from './pieces.js';
import { foreign, plain } from './text.js';

const STEP = 40;

const ORDERS = {
  name: (a, b) => a.workload.localeCompare(b.workload),
  held: (a, b) => b.held - a.held,
  executions: (a, b) => b.executions - a.executions,
  'last seen': (a, b) => b.last_seen - a.last_seen,
};

export function workloadsView(root, route, context) {
  const shown = { count: STEP };
  let all = [];
  const rows = h('ol.workloads', { 'aria-label': 'Workloads' });
  const sum = h('p.sum', { role: 'status' });
  const rest = h('div', {});
  const part = h('input', {
    name: 'part',
    placeholder: 'part of a name',
    spellcheck: 'false',
    autocomplete: 'off',
    oninput: () => show(all),
  });
  const order = choice(
    'order',
    'name',
    Object.keys(ORDERS).map((name) => [name, name]),
  );
  order.addEventListener('change', () => show(all));
  root.append(
    h('h1', { tabindex: -1 }, 'Workloads'),
    h(
      'form.filters',
      { onsubmit: (event) => event.preventDefault(), 'aria-label': 'Which workloads' },
      h('label', {}, h('span', {}, 'Name'), part),
      h('label', {}, h('span', {}, 'Order'), order),
    ),
    sum,
    rows,
    rest,
  );

  function show(answer) {
    all = answer;
    const wanted = part.value.trim().toLowerCase();
    const found = all.filter(({ workload: name }) => name.toLowerCase().includes(wanted)).toSorted(ORDERS[order.value]);
    fill(sum, `${counted(found.length, 'baseline')}${wanted ? ` of ${count(all.length)}` : ''}.`);
    list(rows, found.slice(0, shown.count), key, (item) => h('li.card', {}, card(item, context)));
    fill(
      rest,
      more(found.length, shown, STEP, () => show(all)),
    );
  }
  return { load: (signal) => ask('v1/workloads', {}, signal), show };
}

const key = ({ workload: name, kind }) => `${kind} ${name}`;

/** `#/workload/NAME`: the same, with its lane, findings and what is held. */
export function workloadView(root, route, context) {
  const name = route.path[1];
  const chart = lanes(context, { named: false });
  const cards = h('div', {});
  const findings = h('ol.findings', { 'aria-label': 'Findings' });
  const all = h('p', {});
  const held = heldList(context);
  const allHeld = h('p', {});
  const section = (title, ...children) => h('section', { 'aria-label': title }, h('h2', {}, title), ...children);
  root.append(
    h('h1', { tabindex: -1 }, foreign(name, -120)),
    cards,
    section('The last day', chart.root),
    section('Findings', findings, all),
    section('Held', held.root, allHeld),
  );
  // A name is asked for as a pattern; where it has signs of one, others match too and are left out.
  const exactly = (items) => items.filter((item) => item.workload === name);
  return {
    async load(signal) {
      const [workloads, timeline, found, waiting] = await Promise.all([
        ask('v1/workloads', {}, signal),
        ask('v1/timeline', { ...stretch(86_400), workload: name }, signal),
        loadFindings({ workload: name, limit: 20 }, signal),
        ask('v1/held', { workload: name }, signal),
      ]);
      return {
        baselines: exactly(workloads),
        timeline: { ...timeline, lanes: exactly(timeline.lanes) },
        findings: exactly(found.findings),
        more: Boolean(found.next),
        waiting: { ...waiting, groups: exactly(waiting.groups) },
      };
    },
    show(data) {
      fill(
        cards,
        data.baselines.length > 0
          ? data.baselines.map((item) => h('div.card', {}, card(item, context)))
          : nothing('No baseline has this name now.'),
      );
      chart.update(data.timeline);
      if (data.findings.length > 0) showFindings(findings, data.findings);
      else
        list(
          findings,
          ['none'],
          (item) => item,
          () => h('li', {}, nothing('Nothing was novel so far.')),
        );
      fill(
        all,
        data.more
          ? h('a.button', { href: address(['findings'], { workload: name }), 'data-key': 'all' }, 'All of them')
          : null,
      );
      held.show(data.waiting);
      fill(
        allHeld,
        data.waiting.next
          ? h('a.button', { href: address(['held'], { workload: name }), 'data-key': 'all held' }, 'All that is held')
          : null,
      );
    },
    close: chart.close,
  };
}

function card(item, context) {
  const executions = item.kind === 'exec';
  return [
    h(
      'div.heading',
      {},
      h(
        'h3',
        {},
        workload(item.workload),
        executions ? null : h('span.dim', {}, ' acts of kind ', foreign(item.kind, -40)),
      ),
      item.learning ? h('span.chip.learning', {}, 'learning') : null,
      executions
        ? h(
            'button',
            {
              type: 'button',
              'data-key': `learn ${encodeURIComponent(item.workload)}`,
              'aria-haspopup': 'dialog',
              'aria-label': `Let ${plain(item.workload, 80)} learn at once`,
              onclick: () => learnWindow(item.workload, context),
            },
            'Learn window',
          )
        : null,
    ),
    h(
      'div.columns',
      {},
      facts(
        ['known', count(item.known), 'distinct executions learned'],
        [
          'held',
          item.held > 0
            ? h(
                'a',
                {
                  href: address(['held'], { workload: item.workload }),
                  'data-key': `held ${encodeURIComponent(key(item))}`,
                },
                count(item.held),
              )
            : '0',
        ],
        ['denied', count(item.denied)],
        ['executions', count(item.executions), 'seen, repeats included'],
        ['novel from', item.learning ? null : score(item.threshold)],
        ['last', time(item.last_seen)],
      ),
      growth(item.growth),
    ),
    item.learning ? learning(item.learning) : null,
    item.window_until
      ? h('p.caution', {}, 'Learns everything at once until ', time(item.window_until, moment(item.window_until)), '.')
      : null,
    item.warnings.length > 0
      ? h(
          'p.caution',
          {},
          'Ran while it learned: ',
          item.warnings.slice(0, 10).flatMap((text, at) => [at ? '; ' : '', foreign(text, 120)]),
          item.warnings.length > 10 ? ` and ${count(item.warnings.length - 10)} more` : '',
        )
      : null,
  ];
}

/** How far learning is: what is needed and what is there. */
function learning(progress) {
  const bar = (label, value, needed, words) =>
    h(
      'label.progress',
      {},
      h('span', {}, label),
      h('progress', { max: Math.max(1, needed), value: Math.min(value, Math.max(1, needed)) }),
      h('span', {}, words),
    );
  const settled = progress.new_percent <= progress.new_percent_allowed;
  return h(
    'div.learning-progress',
    {},
    bar(
      'executions',
      progress.executions,
      progress.executions_needed,
      `${count(progress.executions)} of ${count(progress.executions_needed)}`,
    ),
    bar(
      'time',
      progress.seconds,
      progress.seconds_needed,
      `${duration(progress.seconds)} of ${duration(progress.seconds_needed)}`,
    ),
    h(
      'p',
      {},
      `${progress.new_percent} % of what ran lately was unlike anything before, ${progress.new_percent_allowed} % may be${settled ? '' : ': not settled yet'}.`,
    ),
  );
}

const WIDTH = 140;
const HEIGHT = 32;

/** Distinct executions learned on each of the last 14 days, as bars. */
function growth(days) {
  if (days.length === 0) return null;
  const top = Math.max(1, ...days.map(({ learned }) => learned));
  const total = days.reduce((all, { learned }) => all + learned, 0);
  const step = WIDTH / days.length;
  const words = `Learned per day, the last ${counted(days.length, 'day')}: ${days.map(({ learned }) => count(learned)).join(', ')}`;
  return h(
    'figure.growth',
    {},
    h(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': words },
      days.map(({ learned }, at) => {
        const tall = learned === 0 ? 1 : Math.max(2, (learned / top) * HEIGHT);
        return h('rect', {
          x: (at * step).toFixed(1),
          y: (HEIGHT - tall).toFixed(1),
          width: (step - 1.5).toFixed(1),
          height: tall.toFixed(1),
        });
      }),
    ),
    h('figcaption', {}, `+${count(total)} in ${counted(days.length, 'day')}`),
  );
}
