// A stranger's text, for a person to read. Command lines come from attackers: what moves, hides or reorders text is
// shown by its name in a marked span, everything stands in an isolated run of its own, and what is long is cut.

/** Characters that draw nothing or change how their neighbours are drawn: the list of `anomaly_baseline::text`, and more. */
const HIDDEN = new RegExp(
  '[' +
    '\\p{Cc}\\p{Cs}' + // controls, halves of pairs
    '\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufeff\\uffa0' + // nothing to see
    '\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u061c' + // zero width, line separators, direction
    '\\ufe00-\\ufe0f\\u{e0000}-\\u{e0fff}' + // variation selectors and tags: whole messages hide in them
    '\\ufff9-\\ufffb\\u{1d173}-\\u{1d17a}' + // annotations, musical controls
    ']',
  'u',
);
const RUNS = new RegExp(`(${HIDDEN.source}+)`, 'u');
/** More of these on one letter than any script needs: they would be drawn over the lines above and below. */
const HEAPED = /(\p{M}{3})\p{M}+/gu;

/** What ASCII calls its controls. Their pictures (U+2400 and on) are in too few fonts. */
const CONTROLS = (
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI ' +
  'DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'
).split(' ');

/** One such character by its name or its number. */
function named(character) {
  const code = character.codePointAt(0);
  if (code < CONTROLS.length) return CONTROLS[code];
  if (code === 0x7f) return 'DEL';
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

const names = (run) => [...run].map(named).join(' ');
const calmed = (text) => text.replace(HEAPED, '$1');

/** The first `max` characters, and how many there are. Never within a character. */
function cut(text, max) {
  if (text.length <= max) return { head: text, total: text.length, whole: true };
  const characters = [...text];
  return { head: characters.slice(0, max).join(''), total: characters.length, whole: characters.length <= max };
}

/** `text` where only a string can stand: a title, a label. */
export function plain(text, max = 120) {
  const { head, whole } = cut(String(text ?? ''), max);
  return (
    calmed(head)
      .split(RUNS)
      .map((part, at) => (at % 2 ? names(part) : part))
      .join('') + (whole ? '' : '\u2026')
  );
}

/**
 * `text` as an element. Cut after `max` characters, with a button that shows all of it; without one where `max` is
 * given as negative: in a link, which can hold no button.
 */
export function foreign(text, max = 300, classes = '') {
  const node = document.createElement('bdi');
  node.className = `foreign ${classes}`.trim();
  node.dir = 'ltr';
  write(node, String(text ?? ''), Math.abs(max), max > 0);
  return node;
}

/** `text` where there is room for `max` characters: of a long name the end tells more than the beginning. */
export function tail(text, max) {
  const characters = [...String(text ?? '')];
  const end = characters.slice(1 - max);
  const whole = end.slice(Math.max(0, end.indexOf('/')));
  const node = foreign(characters.length <= max ? text : `\u2026${whole.join('')}`, -max);
  node.title = plain(text, 400);
  return node;
}

function write(node, text, max, expandable) {
  const { head, total, whole } = cut(text, max);
  node.replaceChildren(...parts(head));
  if (whole) return;
  if (!expandable) return node.append('\u2026');
  const more = document.createElement('button');
  more.type = 'button';
  more.className = 'more';
  more.textContent = `\u2026 all ${total.toLocaleString('en')} characters`;
  more.addEventListener('click', () => {
    write(node, text, Infinity, false);
    node.tabIndex = -1;
    node.focus();
  });
  node.append(more);
}

/** Text nodes, and marked spans between them. */
function parts(text) {
  return calmed(text)
    .split(RUNS)
    .filter((part) => part !== '')
    .map((part) => {
      if (!HIDDEN.test(part)) return part;
      const mark = document.createElement('span');
      mark.className = 'hidden-character';
      mark.title = 'characters that cannot be seen or would change how the text is shown';
      mark.textContent = names(part);
      return mark;
    });
}

/** A command line of pieces, `{ text, marked }`, some of them marked and each cut by itself. */
export function markedPieces(pieces, max, kind = '') {
  const node = document.createElement('bdi');
  node.className = 'foreign command';
  node.dir = 'ltr';
  for (const { text, marked } of pieces) {
    const shown = text.length > max ? [foreign(text, max)] : parts(text);
    if (!marked) {
      node.append(...shown);
      continue;
    }
    const mark = document.createElement('mark');
    mark.className = kind;
    mark.append(...shown);
    node.append(mark);
  }
  return node;
}

/** `command` as an element, its words marked for which `isMarked` holds. */
export function markedWords(command, isMarked, kind) {
  const words = String(command).split(/(\s+)/);
  return markedPieces(
    words.map((text) => ({ text, marked: text.trim() !== '' && isMarked(text) })),
    160,
    kind,
  );
}
