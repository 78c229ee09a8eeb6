// Small things that several views show.

import { address, h } from './dom.js';
import { count, counted, moment, score, time } from './format.js';
import { foreign, plain } from './text.js';

/** A shape beside the word, so that no level is told by its colour alone. */
const SHAPES = { critical: '\u25c6', warn: '\u25b2', normal: '\u25cf', learning: '\u25cc' };

/** Everything that scored this or more is worth a word of caution before it becomes normal. */
export const GRAVE = 0.95;

export function level(name) {
  const shape = SHAPES[name] ?? '?';
  return h(
    `span.level.${name in SHAPES ? name : 'normal'}`,
    {},
    h('span', { 'aria-hidden': true }, shape),
    ` ${plain(name)}`,
  );
}

const STATES = {
  learned: 'counts as normal',
  held: 'waits for a decision, or for recurring on separate days',
  denied: 'never becomes normal',
};

export function state(name) {
  const known = Object.hasOwn(STATES, name ?? '');
  return name ? h(`span.chip.${known ? name : 'other'}`, { title: known ? STATES[name] : null }, plain(name)) : null;
}

export function workload(name, words = foreign(name, -80)) {
  return h(
    'a.workload',
    { href: address(['workload', name]), 'data-key': `workload ${encodeURIComponent(name)}` },
    words,
  );
}

/** Who did it: `python3 from gunicorn as uid 33`. */
export function program({ name, parent, uid }, max = 60) {
  return [h('b', {}, foreign(name, -max)), ' from ', foreign(parent, -max), ` as ${user(uid)}`];
}

/** The same where only a string can stand. */
export const programWords = ({ name, parent, uid }) => `${plain(name, 60)} from ${plain(parent, 60)} as ${user(uid)}`;

export const user = (uid) => (uid === 0 ? 'root' : `uid ${uid}`);

/** Names with what they stand for; pairs without a value are left out. */
export function facts(...pairs) {
  const told = pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== undefined && pair[1] !== '');
  return h(
    'dl.facts',
    {},
    told.map(([name, value, meaning]) => h('div', { title: meaning }, h('dt', {}, name), h('dd', {}, value))),
  );
}

/** How often and when something was seen: `3× on 2 days, last 12:31`. */
export function seen(row) {
  return [`${count(row.seen)}\u00d7 on ${counted(row.days, 'day')}, last `, time(row.last_seen, moment(row.last_seen))];
}

export const scored = (value) => h('span.score', {}, score(value));

export function nothing(...words) {
  return h('p.nothing', {}, ...words);
}

/**
 * The first of many, and a button for more: a view never makes more elements than a person asked for. `shown` is kept by
 * the caller between refreshes, `again` shows anew.
 */
export function more(total, shown, step, again) {
  if (total <= shown.count) return null;
  const rest = Math.min(step, total - shown.count);
  const show = () => {
    shown.count += step;
    again();
  };
  return h(
    'button',
    { type: 'button', 'data-key': 'more', onclick: show },
    `Show ${count(rest)} more of ${count(total - shown.count)}`,
  );
}
