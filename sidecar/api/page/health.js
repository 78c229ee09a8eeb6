// How the daemon is. What never was lost is told quietly, what was lost loudly.

import { ask } from './api.js';
import { fill, h, list } from './dom.js';
import { bytes, count, counted, day, duration, second, time } from './format.js';
import { facts, nothing } from './pieces.js';
import { foreign } from './text.js';

/** What a loss takes away, as `v1/health` has it, and how that is said of a number. */
const KINDS = [
  ['unseen', (lost) => `${counted(lost, 'execution')} not seen`],
  ['unscored', (lost) => `${counted(lost, 'execution')} without a score`],
  ['unlearned', (lost) => `${counted(lost, 'execution')} not learned`],
  ['forgotten', (lost) => `${counted(lost, 'novel execution')} not remembered`],
];

/** What is wrong, in a few words each: for the navigation and the top of the page. */
export function troubles(health) {
  const lost = KINDS.map(([name, say]) => {
    const count = health.losses.reduce((sum, { kind, count }) => sum + (kind === name ? count : 0), 0);
    return count > 0 ? say(count) : null;
  });
  const ailing = health.sinks.filter((sink) => sink.state !== 'healthy' || sink.dropped > 0);
  return [
    ...health.not_ready.map((text) => foreign(text, 200)),
    ...lost.filter((what) => what !== null),
    ...ailing.map((sink) =>
      h('span', {}, 'sink ', foreign(sink.name, -40), ` ${sink.state === 'healthy' ? 'dropped some' : sink.state}`),
    ),
    ...(health.sharing?.failing ? ['sharing fails'] : []),
    ...(health.memory.budget > 0 && health.memory.bytes > health.memory.budget ? ['over the memory budget'] : []),
  ];
}

export function healthView(root) {
  const top = h('div', {});
  const losses = h('div', {});
  const sinks = h('div', {});
  const parts = h('div.side-by-side', {});
  const notices = h('ol.notices', { 'aria-label': 'Notices, the latest first' });
  const section = (title, ...children) => h('section', { 'aria-label': title }, h('h2', {}, title), ...children);
  root.append(
    h('h1', { tabindex: -1 }, 'Health'),
    top,
    section('Losses', losses),
    section('Sinks', sinks),
    parts,
    section('Notices', notices),
  );
  return {
    load: (signal) => ask('v1/health', {}, signal),
    show(health) {
      fill(top, summary(health));
      fill(losses, lossList(health.losses));
      fill(sinks, sinkTable(health.sinks));
      fill(parts, feed(health.feed), store(health.store), memory(health.memory), sharing(health.sharing));
      const items = health.notices.map((notice, at) => ({ ...notice, at })).reverse();
      if (items.length === 0)
        list(
          notices,
          ['none'],
          (item) => item,
          () => h('li', {}, nothing('Nothing was said.')),
        );
      else list(notices, items, (item) => `${item.time} ${item.text} ${item.at}`, notice);
    },
  };
}

function summary(health) {
  const wrong = troubles(health);
  const up = Math.max(0, Date.now() / 1000 - health.started);
  return [
    wrong.length > 0
      ? h(
          'ul.alarm',
          { 'aria-label': 'What is wrong' },
          wrong.map((what) => h('li', {}, what)),
        )
      : h('p.fine', {}, 'Ready, and nothing was lost.'),
    facts(
      ['host', foreign(health.host, -80)],
      ['organisation', foreign(health.org, -80)],
      ['version', foreign(health.version, -40)],
      ['up for', duration(up)],
      ['scored', count(health.scored), 'executions since the start'],
      ['novel', count(health.novel)],
      ['while learning', count(health.learning), 'executions without a score because their workload learned'],
    ),
  ];
}

function lossList(losses) {
  const item = (loss) =>
    h(
      'li',
      {},
      h('b', {}, count(loss.count)),
      ' ',
      foreign(loss.cause, -60),
      h('span.dim', {}, ' ', foreign(loss.meaning, 300)),
    );
  const lost = losses.filter((loss) => loss.count > 0);
  const never = losses.filter((loss) => loss.count === 0);
  return [
    lost.length > 0 ? h('ul.alarm', {}, lost.map(item)) : h('p.fine', {}, 'Nothing was lost.'),
    never.length > 0
      ? h(
          'details',
          { 'data-key': 'zeros' },
          h('summary', {}, `${counted(never.length, 'kind')} of loss that never happened`),
          h('ul.quiet', {}, never.map(item)),
        )
      : null,
  ];
}

function sinkTable(sinks) {
  if (sinks.length === 0) return nothing('Nothing is sent anywhere.');
  const row = (sink) =>
    h(
      `tr${sink.state === 'healthy' ? '' : '.is-new'}`,
      {},
      h(
        'th',
        { scope: 'row' },
        foreign(sink.name, -60),
        h('span.dim', {}, ' ', foreign(sink.kind, -40)),
        sink.error ? h('p.failure', {}, foreign(sink.error, 300)) : null,
      ),
      h(
        'td',
        {},
        h(
          `span.chip.${['healthy', 'retrying', 'failed'].includes(sink.state) ? sink.state : 'other'}`,
          {},
          foreign(sink.state, -20),
        ),
      ),
      [sink.sent, sink.queued, sink.spooled].map((value) => h('td', {}, count(value))),
      h(`td${sink.dropped > 0 ? '.loud' : ''}`, {}, count(sink.dropped)),
      h('td', {}, sink.last_sent === null ? 'never' : time(sink.last_sent)),
    );
  const scroll = { role: 'region', 'aria-label': 'Sinks', tabindex: 0, 'data-key': 'sinks' };
  return h(
    'div.scroll',
    scroll,
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Sink', 'State', 'Sent', 'In memory', 'On disk', 'Dropped', 'Last sent'].map((name) =>
            h('th', { scope: 'col' }, name),
          ),
        ),
      ),
      h('tbody', {}, sinks.map(row)),
    ),
  );
}

const card = (title, ...children) => h('section.card', { 'aria-label': title }, h('h3', {}, title), ...children);

const feed = ({ name, misses, executions, unresolved }) =>
  card(
    'Feed',
    facts(
      ['feed', foreign(name, -40)],
      ['executions', count(executions)],
      ['image unknown', count(unresolved), 'executions of containers whose image stayed unknown, scored as one workload'],
    ),
    misses ? h('p.dim', {}, foreign(misses, 300)) : null,
  );

const store = ({ path, writes, unsaved, failed_saves: failed }) =>
  card(
    'Store',
    facts(
      ['path', foreign(path, 120)],
      ['not saved yet', counted(unsaved, 'row')],
      ['failed', counted(failed, 'write'), 'they are made again until they succeed'],
    ),
    writes ? null : h('p.caution', {}, 'Another process writes it: this one scores and does not learn.'),
  );

const memory = ({ bytes: used, budget, awake, asleep, compared_share: share }) =>
  card(
    'Memory',
    facts(
      ['baselines take', `${bytes(used)} of ${bytes(budget)}`],
      ['in memory', count(awake)],
      ['asleep', count(asleep), 'only their exact keys are in memory'],
      [
        'compared',
        share === null ? null : `${Math.round(share * 100)} %`,
        'the share of the rows in reach that novelties were compared with',
      ],
    ),
    h('progress', { max: Math.max(1, budget), value: Math.min(used, budget), 'aria-label': 'Memory of the budget' }),
  );

const sharing = (shared) =>
  shared === null
    ? null
    : card(
        'Sharing',
        facts(
          ['place', foreign(shared.place, 120)],
          ['as', foreign(shared.machine, -60)],
          ['others', counted(shared.machines, 'machine')],
          ['taken', shared.merged === null ? 'not yet' : time(shared.merged)],
        ),
        shared.failing ? h('p.failure', {}, foreign(shared.failing, 300)) : null,
      );

const notice = (said) =>
  h('li', {}, time(said.time, `${day(said.time)} ${second(said.time)}`), ' ', foreign(said.text, 400));
