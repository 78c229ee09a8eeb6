// Numbers and times as words. Times are this browser's, on a clock of 24 hours.

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const exactClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayName = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

export const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

const date = (seconds) => new Date(seconds * 1000);
const dayOf = (seconds) => date(seconds).toDateString();

/** `Today`, `Yesterday`, `Fri, 20 Nov`. */
export function day(seconds, now = Date.now() / 1000) {
  if (dayOf(seconds) === dayOf(now)) return 'Today';
  if (dayOf(seconds) === dayOf(now - 86_400)) return 'Yesterday';
  return dayName.format(date(seconds));
}

/** `12:31` today, `Fri, 20 Nov 12:31` before. */
export function moment(seconds, now = Date.now() / 1000) {
  const time = clock.format(date(seconds));
  return dayOf(seconds) === dayOf(now) ? time : `${dayName.format(date(seconds))} ${time}`;
}

/** `12:31` whatever the day. */
export const hour = (seconds) => clock.format(date(seconds));
export const second = (seconds) => exactClock.format(date(seconds));

/** An element that says when, and to the second for who points at it. */
export function time(seconds, words = moment(seconds)) {
  const node = document.createElement('time');
  node.dateTime = date(seconds).toISOString();
  node.title = `${dayName.format(date(seconds))} ${exactClock.format(date(seconds))}`;
  node.textContent = words;
  return node;
}

/** `0.9713`, or a dash. Rounded down, as scores are everywhere. */
export function score(value, digits = 4) {
  if (value === null || value === undefined) return '\u2013';
  const factor = 10 ** digits;
  return (Math.floor(value * factor + 1e-7) / factor).toFixed(digits);
}

export const count = (value) => Number(value).toLocaleString('en');

/** `1 execution`, `2 executions`. */
export const counted = (value, word) => `${count(value)} ${word}${Number(value) === 1 ? '' : 's'}`;

/** `3 min`, `2 h`, `5 d`. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `12.3 MiB`. */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(value, 1)) / 10)));
  return `${(value / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}
