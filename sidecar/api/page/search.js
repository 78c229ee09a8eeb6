// Search in plain words over everything that is known.

import { tell } from './api.js';
import { decisionButtons } from './decide.js';
import { address, fill, h, list } from './dom.js';
import { choice } from './findings.js';
import { counted, score } from './format.js';
import { facts, nothing, program, programWords, seen, state, workload } from './pieces.js';
import { foreign, markedPieces } from './text.js';

const MODES = [
  ['words', 'words'],
  ['semantic', 'meaning'],
];
const SPANS = [
  ['', 'any time'],
  ['86400', 'the last day'],
  ['604800', 'the last week'],
];
const STATES = [
  ['', 'any'],
  ['learned', 'learned'],
  ['held', 'held'],
  ['denied', 'denied'],
];
const LIMIT = 50;

export function searchView(root, route, context) {
  const { query } = route;
  const asked = {
    q: query.get('q') ?? '',
    workload: query.get('workload') ?? '',
    mode: query.get('mode') ?? 'words',
    span: query.get('span') ?? '',
    state: query.get('state') ?? '',
  };
  const words = h('input', {
    type: 'search',
    name: 'q',
    value: asked.q,
    maxlength: 1000,
    spellcheck: 'false',
    autocomplete: 'off',
    'data-key': 'words',
  });
  const name = h('input', {
    name: 'workload',
    value: asked.workload,
    placeholder: 'any, * and ?',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const mode = choice('mode', asked.mode, MODES);
  const span = choice('span', asked.span, SPANS);
  const standing = choice('state', asked.state, STATES);
  const submit = (event) => {
    event.preventDefault();
    context.go(
      address(['search'], {
        q: words.value.trim(),
        workload: name.value.trim(),
        mode: mode.value === 'words' ? null : mode.value,
        span: span.value,
        state: standing.value,
      }),
    );
  };
  const sum = h('p.sum', { role: 'status' });
  const rows = h('ol.findings', { 'aria-label': 'Matches' });
  root.append(
    h('h1', { tabindex: -1 }, 'Search'),
    h(
      'form.filters',
      { onsubmit: submit, role: 'search', 'aria-label': 'Executions in plain words' },
      h('label.wide', {}, h('span', {}, 'In plain words'), words),
      h('label', {}, h('span', {}, 'Workload'), name),
      h('label', {}, h('span', {}, 'Seen'), span),
      h('label', {}, h('span', {}, 'State'), standing),
      h('label', {}, h('span', {}, 'By'), mode),
      h('button.primary', { type: 'submit' }, 'Search'),
    ),
    sum,
    rows,
  );

  return {
    once: true, // a search costs the daemon more than a look, and a person reads its answer for longer
    async load(signal) {
      if (asked.q === '') return undefined;
      const since = asked.span ? Math.floor(Date.now() / 1000) - Number(asked.span) : null;
      return tell(
        'security/search',
        {
          query: asked.q,
          workload: asked.workload || null,
          state: asked.state || null,
          since,
          limit: LIMIT,
          mode: asked.mode,
        },
        signal,
      );
    },
    show(answer) {
      if (!answer) {
        fill(sum, 'Say what you look for, as in: reverse shell bash outbound connection.');
        return;
      }
      const { matches, searched, understood } = answer;
      fill(
        sum,
        `${matches.length === 1 ? '1 match' : `${matches.length} matches`} among ${counted(searched, 'distinct execution')}`,
        understood.length > 0
          ? [', understood as ', understood.flatMap((term, at) => [at ? ', ' : '', foreign(term, -60)])].flat()
          : '',
        '.',
      );
      if (matches.length === 0)
        list(
          rows,
          ['none'],
          (item) => item,
          () => h('li', {}, nothing('Nothing known matches. Fewer or more common words may.')),
        );
      else
        list(
          rows,
          matches,
          (match) => `${match.workload} ${match.id}`,
          (match) => item(match, context),
        );
    },
  };
}

function item(match, context) {
  const subject = {
    what: programWords(match),
    workload: match.workload,
    state: match.state,
    score: match.novelty,
    choices: [{ ids: [match.id], executions: 1, words: 'this execution', commands: [match.command] }],
  };
  return h(
    'li.finding',
    {},
    h('p.verdict', {}, h('span.match', { title: 'how well it matches' }, score(match.relevance, 2))),
    h(
      'div.what',
      {},
      h(
        'h3.item',
        { tabindex: -1, 'data-key': match.id },
        program(match),
        ' in ',
        workload(match.workload),
        ' ',
        state(match.state),
      ),
      h('p.line', {}, markedPieces(match.parts, 240)),
      facts(
        [
          'matched',
          match.matched.length > 0 ? match.matched.flatMap((text, at) => [at ? ', ' : '', foreign(text, -60)]) : null,
        ],
        ['novelty', match.novelty === null ? 'learning' : score(match.novelty), 'the score that it would have now'],
        ['seen', seen(match)],
      ),
      decisionButtons(subject, context),
    ),
  );
}
