// One execution beside the nearest that its workload learned: why it was novel, what differs, and what to do about it.

import { ApiError, ask } from './api.js';
import { decisionButtons } from './decide.js';
import { address, fill, h } from './dom.js';
import { findingOf } from './findings.js';
import { count, counted, day, score, second, time } from './format.js';
import { oneRow, wholeGroup } from './held.js';
import { facts, level, nothing, program, programWords, scored, seen, state, user, workload } from './pieces.js';
import { foreign, markedWords, plain } from './text.js';

const FEATURES = 60;

/** `#/finding/ID`: its example, and the others of the group. */
export function findingView(root, route, context) {
  const shown = { all: false };
  return {
    async load(signal) {
      const finding = await findingOf(route.path[1], signal);
      if (!finding) throw new ApiError('refused', 'This finding is not remembered any more.', 404);
      return { finding, ...(await examined(finding.example.id, finding.example, signal)) };
    },
    show: (data) => show(root, data, shown, context),
  };
}

/** `#/execution/ID`: where alerts lead. */
export function executionView(root, route, context) {
  const shown = { all: false };
  return {
    load: (signal) => examined(route.path[1], undefined, signal),
    show: (data) => show(root, data, shown, context),
  };
}

/** The execution of this id, and the held group that it belongs to. One that is forgotten is shown as it was reported. */
async function examined(id, reported, signal) {
  let detail;
  try {
    detail = await ask(`v1/executions/${encodeURIComponent(id)}`, {}, signal);
  } catch (error) {
    if (error.status !== 404 || !reported) throw error;
    detail = { execution: reported, finding: null, group: null, now: null };
  }
  if (detail.now?.row?.state !== 'held') return { detail, group: undefined };
  const { groups } = await ask('v1/held', { group: detail.group }, signal);
  return { detail, group: groups[0] };
}

function show(root, data, shown, context) {
  const {
    finding,
    detail: { execution, now },
    group,
  } = data;
  const again = () => show(root, data, shown, context);
  fill(
    root,
    h('h1', { tabindex: -1 }, program(execution)),
    h(
      'p.verdict',
      {},
      level(execution.level),
      ' ',
      scored(execution.score),
      execution.score === null ? '' : ` (novel from ${score(execution.threshold)})`,
      ' in ',
      workload(execution.workload),
      ', ',
      time(execution.time, `${day(execution.time)} ${second(execution.time)}`),
      ' ',
      state(now?.row?.state ?? finding?.state),
    ),
    h('p.reason', {}, foreign(execution.reason ?? 'no reason was kept', 400)),
    decision(execution, now, group, context),
    finding ? among(finding, execution) : null,
    data.detail.finding && !finding
      ? h(
          'p',
          {},
          h(
            'a',
            { href: address(['finding', data.detail.finding]), 'data-key': 'finding' },
            'The finding it belongs to',
          ),
        )
      : null,
    beside(execution, now),
    now ? features(now, shown, again) : null,
    now ? arithmetic(now) : null,
    origin(execution),
  );
}

function decision(execution, now, group, context) {
  if (!now?.row) return nothing('Its row is gone by now, so there is nothing to decide.');
  const { row } = now;
  const choices = [oneRow(row)];
  if (group && group.executions > 1) {
    choices.push(wholeGroup(group, `all ${count(group.executions)} that are held of ${programWords(group)}`));
  }
  return decisionButtons(
    { what: programWords(row), workload: execution.workload, state: row.state, score: execution.score, choices },
    context,
  );
}

/** What else the finding consists of. */
function among(finding, execution) {
  const others = finding.executions.filter((id) => id !== execution.id);
  const range = ['first ', time(finding.first_time), ', last ', time(finding.last_time)];
  if (finding.count < 2) return null;
  return h(
    'details',
    { 'data-key': 'among' },
    h('summary', {}, `${counted(finding.count, 'novel execution')} of this group: `, range),
    h(
      'ul.ids',
      {},
      others.map((id) => h('li', {}, h('a', { href: address(['execution', id]), 'data-key': id }, plain(id, 12)))),
    ),
    finding.count > others.length + 1 ? h('p.dim', {}, 'Only the latest can be asked for.') : null,
  );
}

const wordsOf = (command) => new Set(command.split(/\s+/).filter(Boolean));

/** A command line in a card; one that is long is scrolled there, by keyboard too. */
function line(command, isMarked, kind) {
  const long =
    command.length > 400 ? { tabindex: 0, role: 'region', 'aria-label': 'Command line', 'data-key': kind } : {};
  return h('p.line', long, markedWords(command, isMarked, kind));
}

/** This execution and its neighbours, side by side, the words marked that one has and the other lacks. */
function beside(execution, now) {
  const neighbours = now?.neighbours ?? [];
  const own = wordsOf(execution.command);
  const nearest = neighbours.length > 0 ? wordsOf(neighbours[0].command) : own;
  const parents = ({ grandparent, parent, name }) =>
    [grandparent, parent, name].filter(Boolean).flatMap((each, at) => [at ? ' \u203a ' : '', foreign(each, -60)]);
  const here = h(
    'section.card.here',
    { 'aria-labelledby': 'here' },
    h('h3', { id: 'here' }, 'This execution'),
    line(execution.command, (word) => !nearest.has(word), 'new'),
    facts(
      ['parents', parents(execution)],
      ['user', user(execution.uid)],
      ['surroundings', surroundings(now?.row?.surroundings)],
      ['seen', now?.row ? seen(now.row) : counted(execution.seen, 'time')],
    ),
  );
  const cards = neighbours.map((near, at) =>
    h(
      'section.card',
      { 'aria-labelledby': `near-${at}` },
      h('h3', { id: `near-${at}` }, `Nearest ${at + 1}`, h('span.dim', {}, ` alike ${score(near.cosine, 2)}`)),
      line(near.command, (word) => !own.has(word), 'missing'),
      facts(
        ['parents', parents(near)],
        ['user', near.uid === execution.uid ? user(near.uid) : h('mark.missing', {}, user(near.uid))],
        ['surroundings', surroundings(near.surroundings)],
        ['seen', seen(near)],
        ['only here', near.missing.length > 0 ? chips(near.missing, 'missing') : null],
      ),
    ),
  );
  const why = now
    ? 'Nothing like it is learned.'
    : execution.nearest
      ? null
      : 'What it compares with is gone, or could not be read.';
  return h(
    'section',
    { 'aria-labelledby': 'beside' },
    h('h2', { id: 'beside' }, 'Beside the nearest that were learned'),
    h('div.side-by-side', {}, here, cards),
    neighbours.length === 0 && !now && execution.nearest
      ? h('p', {}, 'Nearest at that time: ', foreign(execution.nearest, 200, 'command'))
      : null,
    neighbours.length === 0 && why ? nothing(why) : null,
    neighbours.length > 0
      ? h(
          'p.dim',
          {},
          h('mark.new', {}, 'marked'),
          ' is what the nearest has not, ',
          h('mark.missing', {}, 'underlined'),
          ' what this execution has not.',
        )
      : null,
  );
}

const surroundings = (words) => (words?.length > 0 ? chips(words) : null);
const chips = (texts, kind = 'plain') =>
  h(
    `ul.chips.${kind}`,
    {},
    texts.slice(0, 20).map((text) => h('li', {}, foreign(text, -80))),
    texts.length > 20 ? h('li.dim', {}, `and ${count(texts.length - 20)} more`) : null,
  );

/** Feature by feature: what is new to the workload first. */
function features(now, shown, again) {
  const rank = (feature) => (feature.known ? 0 : 2) + (feature.shared[0] ? 0 : 1);
  const sorted = now.features.toSorted((a, b) => rank(b) - rank(a) || b.weight - a.weight);
  const visible = shown.all ? sorted : sorted.slice(0, FEATURES);
  const cell = (has, yes, no) => h(`td.${has ? 'yes' : 'no'}`, {}, h('span', {}, has ? yes : no));
  const more = () => {
    shown.all = true;
    again();
  };
  const unknown = now.features.filter((feature) => !feature.known).length;
  return h(
    'section',
    { 'aria-labelledby': 'features' },
    h('h2', { id: 'features' }, 'Feature by feature'),
    h(
      'table.features',
      {},
      h(
        'caption',
        {},
        `${counted(unknown, 'feature')} of ${count(now.features.length)} ${unknown === 1 ? 'is' : 'are'} new to the workload`,
      ),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Feature', 'Weight', 'Workload'].map((name) => h('th', { scope: 'col' }, name)),
          now.neighbours.map((_, at) => h('th', { scope: 'col', title: `Nearest ${at + 1}` }, `Near ${at + 1}`)),
        ),
      ),
      h(
        'tbody',
        {},
        visible.map((feature) =>
          h(
            `tr${feature.known ? '' : '.is-new'}`,
            {},
            h('th', { scope: 'row' }, foreign(feature.text, -120)),
            h('td', {}, feature.weight.toFixed(2)),
            cell(feature.known, 'known', 'new'),
            now.neighbours.map((_, at) => cell(feature.shared[at], 'has it', 'lacks')),
          ),
        ),
      ),
    ),
    visible.length < sorted.length
      ? h(
          'button',
          { type: 'button', 'data-key': 'features', onclick: more },
          `Show all ${count(sorted.length)} features`,
        )
      : null,
  );
}

function arithmetic(now) {
  return h(
    'section',
    { 'aria-labelledby': 'arithmetic' },
    h('h2', { id: 'arithmetic' }, 'Were it to run now'),
    h('p', {}, level(now.level), ' ', scored(now.score), ' ', foreign(now.reason, 300)),
    facts(
      ['threshold', score(now.threshold), 'from which score it is novel'],
      ['distance', score(now.distance), 'how far the nearest learned execution is, before calibration'],
      ['alike', score(now.cosine), 'the cosine of the two'],
      [
        'unknown',
        `${Math.round(now.unknown * 100)} %`,
        'the share of its weight in features that this workload never learned',
      ],
      [
        'alerts a day',
        now.rate.toPrecision(2),
        'alert groups a day that this workload brings at this distance or farther',
      ],
      [
        'repeats',
        now.repeats.toPrecision(3),
        'what lowers the score besides: earlier runs today, and what else is new today and like it',
      ],
    ),
  );
}

function origin(execution) {
  const surrounding = ['tty', 'loginuid', 'exe_flags', 'sockets', 'kind', 'object', 'flags']
    .map((key) => [key, execution[key]])
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => [key, foreign(Array.isArray(value) ? value.join(' ') : String(value), 200)]);
  return h(
    'details',
    { 'data-key': 'origin' },
    h('summary', {}, 'As it was recorded'),
    facts(
      ['id', foreign(execution.id, -40)],
      ['host', foreign(execution.host, -80)],
      ['feed', foreign(execution.feed, -40)],
      ['process', `${execution.pid}, parent ${execution.ppid}`],
      ['executable', execution.exe ? foreign(execution.exe, 200) : null],
      ['standing', foreign(execution.standing, -40)],
      ['distance then', execution.distance === null ? null : score(execution.distance)],
      ['smoothed', execution.smoothed === null ? null : score(execution.smoothed)],
      ...surrounding,
    ),
    execution.args
      ? h(
          'ol.arguments',
          { start: 0 },
          execution.args.slice(0, 200).map((argument) => h('li', {}, foreign(argument, 300, 'command'))),
        )
      : null,
    execution.args?.length > 200 ? h('p.dim', {}, `and ${count(execution.args.length - 200)} more arguments`) : null,
  );
}
