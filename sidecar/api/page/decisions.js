// Who decided what, the latest first.

import { ask } from './api.js';
import { fill, h, list } from './dom.js';
import { counted, duration, moment, time } from './format.js';
import { more, nothing, user, workload } from './pieces.js';
import { foreign, plain } from './text.js';

const STEP = 50;

/** The kernel's number for no user: who had the token, and no account of this machine. */
const NOBODY = 0xffff_ffff;
const ACTIONS = ['approve', 'deny', 'forget', 'learn'];

export function decisionsView(root) {
  const shown = { count: STEP };
  const sum = h('p.sum', {});
  const rows = h('ol.decisions', { 'aria-label': 'Decisions, the latest first' });
  const rest = h('div', {});
  root.append(h('h1', { tabindex: -1 }, 'Decisions'), sum, rows, rest);

  function show(decisions) {
    fill(sum, decisions.length > 0 ? `${counted(decisions.length, 'decision')}.` : '');
    const items = decisions.slice(0, shown.count).map((decision, at) => ({ ...decision, key: decisions.length - at }));
    if (items.length === 0)
      list(
        rows,
        ['none'],
        (item) => item,
        () => h('li', {}, nothing('Nobody decided anything yet.')),
      );
    else list(rows, items, (item) => item.key, decisionItem);
    fill(
      rest,
      more(decisions.length, shown, STEP, () => show(decisions)),
    );
  }
  return { load: (signal) => ask('v1/decisions', {}, signal), show };
}

function decisionItem(decision) {
  const { action, seconds, executions, outcome, why } = decision;
  return h(
    'li',
    {},
    h(
      'p',
      {},
      time(decision.time, moment(decision.time)),
      ' ',
      h('b', {}, foreign(decision.who, -40)),
      decision.uid === NOBODY ? ' ' : ` (${user(decision.uid)}) `,
      h(`span.chip.${ACTIONS.includes(action) ? action : 'other'}`, {}, plain(action, 20)),
      ' in ',
      workload(decision.workload),
      action === 'learn' ? ` for ${duration(seconds)}` : `, ${counted(executions, 'execution')}`,
    ),
    decision.asked ? h('p.line', {}, foreign(decision.asked, 200, 'command')) : null,
    why ? h('p', {}, '\u201c', foreign(why, 300), '\u201d') : null,
    h('p.dim', {}, outcome === null ? 'written down; nobody has taken it up yet' : foreign(outcome, 300)),
  );
}
