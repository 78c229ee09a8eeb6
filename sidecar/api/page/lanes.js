// Workloads over time, a lane each. A bar's height is the highest score of its bucket and its colour the level, so that
// neither a colour-blind eye nor one mode of the screen misses what is novel. A lane is drawn on a canvas, because there
// are hundreds of buckets in each, and is a slider for the keyboard and a screen reader.

import { address, fill, h, list } from './dom.js';
import { count, counted, day, hour, moment, score } from './format.js';
import { nothing, workload } from './pieces.js';
import { plain, tail } from './text.js';

const FIRST = 8;
const STEP = 24;
const STUB = 3; // pixels of a bar that has no score or none above zero
const REACH = 8; // pixels around a pointer within which a novel bucket is meant

/** The lanes, their axis, legend and readout. `update(timeline)` shows an answer of `v1/timeline`. */
export function lanes(context, { named = true } = {}) {
  const rows = h('ul.lanes', { 'aria-label': 'Workloads over time' });
  const axis = h('div.axis', { 'aria-hidden': true });
  const readout = h('p.readout', {}, 'Point at a lane, or move along it with the arrow keys.');
  const meaning = h('ul.legend', { 'aria-label': 'What the bars mean' });
  const rest = h('div', {});
  const root = h('div.lanes-frame', {}, rows, h('div.axis-row', {}, axis), readout, meaning, rest);
  const drawn = new Map();
  const shown = { count: FIRST };
  const colours = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => drawn.forEach((lane) => lane.draw());
  const resized = new ResizeObserver(redraw);
  resized.observe(rows);
  colours.addEventListener('change', redraw);
  let timeline;

  function update(answer = timeline) {
    timeline = answer;
    const visible = timeline.lanes.slice(0, shown.count);
    for (const lane of visible) {
      if (!drawn.has(lane.workload)) drawn.set(lane.workload, strip(lane.workload, named, tell, context));
    }
    list(
      rows,
      visible.map((lane) => lane.workload),
      (name) => name,
      (name) => drawn.get(name).node,
    );
    for (const name of drawn.keys()) {
      if (!visible.some((lane) => lane.workload === name)) drawn.delete(name);
    }
    for (const lane of visible) drawn.get(lane.workload).update(lane, timeline);
    fill(axis, ticks(timeline));
    fill(meaning, legend(timeline));
    const hidden = timeline.lanes.length - shown.count;
    const show = () => {
      shown.count += STEP;
      update();
    };
    fill(
      rest,
      timeline.lanes.length === 0 && timeline.left_out === 0 ? nothing('Nothing ran in this stretch of time.') : null,
      hidden > 0
        ? h(
            'button',
            { type: 'button', 'data-key': 'more lanes', onclick: show },
            `Show ${count(Math.min(STEP, hidden))} more of ${counted(hidden, 'quieter lane')}`,
          )
        : null,
      timeline.left_out > 0
        ? h(
            'p.dim',
            {},
            `${counted(timeline.left_out, 'workload')} with lower scores ran as well and ${timeline.left_out === 1 ? 'has' : 'have'} no lane here. `,
            h('a', { href: '#/workloads', 'data-key': 'left out' }, 'Each has its own page.'),
          )
        : null,
    );
  }

  const tell = (...words) => fill(readout, ...words);
  const close = () => {
    resized.disconnect();
    colours.removeEventListener('change', redraw);
  };
  return { root, update, close };
}

function legend({ critical }) {
  const entry = (name, words) => h('li', {}, h(`span.swatch.${name}`, { 'aria-hidden': true }), words);
  return [
    entry('known', 'known'),
    entry('near', 'unusual, not novel'),
    entry('warn', 'novel'),
    entry('critical', `novel, from ${critical}`),
    entry('learning', 'learning, no score yet'),
    h('li', {}, 'height: the highest score'),
  ];
}

/** One lane. */
function strip(name, named, tell, context) {
  const canvas = h('canvas', { 'aria-hidden': true });
  const slider = h(
    'div.strip',
    {
      role: 'slider',
      tabindex: 0,
      'aria-label': `${plain(name)} over time`,
      'aria-orientation': 'horizontal',
      'data-key': `lane ${encodeURIComponent(name)}`,
    },
    canvas,
  );
  const sum = h('span.lane-sum', {});
  const node = h('li.lane', {}, named ? h('span.lane-name', {}, workload(name, tail(name, 26))) : null, slider, sum);
  const self = { node, lane: undefined, timeline: undefined, at: undefined };

  self.draw = () => self.lane && draw(canvas, self);

  /** Moves the cursor to a bucket, by its time: the stretch moves on while it stands. */
  function move(bucket) {
    self.at = bucket && self.timeline.since + bucket.index * self.timeline.step;
    label();
    self.draw();
  }

  const current = () =>
    self.lane.buckets.find((bucket) => self.timeline.since + bucket.index * self.timeline.step === self.at);

  function label() {
    const bucket = current();
    const {
      lane: { buckets },
      timeline,
    } = self;
    slider.setAttribute('aria-valuemin', 0);
    slider.setAttribute('aria-valuemax', Math.max(0, buckets.length - 1));
    slider.setAttribute('aria-valuenow', bucket ? buckets.indexOf(bucket) : Math.max(0, buckets.length - 1));
    slider.setAttribute('aria-valuetext', bucket ? describe(bucket, timeline) : summary(self.lane));
  }

  self.update = (lane, timeline) => {
    self.lane = lane;
    self.timeline = timeline;
    const novel = lane.buckets.reduce((all, bucket) => all + bucket.novel, 0);
    fill(sum, lane.learned_at === null ? 'learning' : novel > 0 ? `${count(novel)} novel` : '');
    label();
    self.draw();
  };

  const say = (bucket) =>
    bucket &&
    tell(
      workload(name),
      ` ${describe(bucket, self.timeline)}. `,
      bucket.novel > 0
        ? h('a', { href: findingsOf(name, bucket, self.timeline), 'data-key': 'its findings' }, 'Its findings')
        : 'Nothing novel.',
    );
  const open = (bucket) => bucket?.novel > 0 && context.go(findingsOf(name, bucket, self.timeline));

  slider.addEventListener('keydown', (event) => {
    const bucket =
      event.key === 'Enter' || event.key === ' ' ? current() : step(self.lane.buckets, current(), event.key);
    if (bucket === undefined) return;
    event.preventDefault();
    if (event.key === 'Enter' || event.key === ' ') return open(bucket);
    move(bucket);
    say(bucket);
  });
  slider.addEventListener('pointermove', (event) => say(under(event, slider, self)));
  slider.addEventListener('click', (event) => {
    const bucket = under(event, slider, self);
    move(bucket);
    say(bucket);
    open(bucket);
  });
  return self;
}

const findingsOf = (name, bucket, { since, step: length }) => {
  const start = since + bucket.index * length;
  return address(['findings'], { workload: name, since: start, until: start + length });
};

function describe(bucket, { since, step: length }) {
  const start = since + bucket.index * length;
  const novel = bucket.novel > 0 ? `, ${count(bucket.novel)} novel` : '';
  const highest = bucket.highest === null ? ', no score yet' : `, highest ${score(bucket.highest)}`;
  return `${moment(start)}\u2013${hour(start + length)}: ${counted(bucket.executions, 'execution')}${novel}${highest}`;
}

function summary({ buckets, learned_at: learned }) {
  const total = (field) => buckets.reduce((all, bucket) => all + bucket[field], 0);
  return `${learned === null ? 'learning, ' : ''}${counted(total('executions'), 'execution')}, ${count(total('novel'))} novel`;
}

/** Where a key leads from `bucket`: among those in which something ran, or with Page Up and Down among the novel ones. */
function step(buckets, bucket, key) {
  const at = bucket ? buckets.indexOf(bucket) : buckets.length;
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return buckets[Math.max(0, at - 1)];
    case 'ArrowRight':
    case 'ArrowUp':
      return buckets[Math.min(buckets.length - 1, at + 1)];
    case 'Home':
      return buckets[0];
    case 'End':
      return buckets.at(-1);
    case 'PageUp':
      return buckets.slice(0, at).findLast(({ novel }) => novel > 0);
    case 'PageDown':
      return buckets.slice(at + 1).find(({ novel }) => novel > 0);
    default:
      return undefined;
  }
}

/** The bucket that a pointer means: a novel one nearby, else the nearest. */
function under(event, slider, { lane, timeline }) {
  const box = slider.getBoundingClientRect();
  const total = (timeline.until - timeline.since) / timeline.step;
  const away = ({ index }) => Math.abs(box.left + ((index + 0.5) / total) * box.width - event.clientX);
  const nearest = (buckets) =>
    buckets.reduce((best, bucket) => (best && away(best) <= away(bucket) ? best : bucket), undefined);
  const novel = nearest(lane.buckets.filter((bucket) => bucket.novel > 0));
  return novel && away(novel) <= REACH ? novel : nearest(lane.buckets);
}

function draw(canvas, { lane, timeline, at }) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(`--${name}`);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);

  const { since, until, step: length } = timeline;
  const place = (seconds) => ((seconds - since) / (until - since)) * width;
  const within = (seconds) => Math.min(width, Math.max(0, place(seconds)));
  const began = lane.first_seen === null ? 0 : within(lane.first_seen);
  hatch(pen, began, lane.learned_at === null ? width : within(lane.learned_at), height, colour('learning'));

  const wide = place(since + length);
  const bar = Math.max(2, wide > 4 ? wide - 1 : wide);
  // The highest last: where bars are narrower than a pixel, what is novel is seen.
  for (const bucket of lane.buckets.toSorted((a, b) => (a.highest ?? -1) - (b.highest ?? -1))) {
    const tall = STUB + (height - STUB) * (bucket.highest ?? 0);
    pen.fillStyle = colour(kind(bucket, timeline));
    pen.fillRect(place(since + bucket.index * length), height - tall, bar, tall);
  }
  if (at >= since && at < until) {
    pen.strokeStyle = colour('ink');
    pen.lineWidth = 2;
    pen.strokeRect(place(at) - 2, 1, bar + 4, height - 2);
  }
}

function kind({ novel, highest }, { critical }) {
  if (novel > 0) return highest >= critical ? 'critical' : 'warn';
  return highest > 0 ? 'near' : 'known';
}

/** Lines across the stretch in which the workload ran and had not learned enough; before that there was nothing. */
function hatch(pen, from, to, height, colour) {
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, Math.max(0, to - from), height);
  pen.clip();
  pen.strokeStyle = colour;
  pen.beginPath();
  for (let x = -height; x < to; x += 6) {
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
  }
  pen.stroke();
  pen.restore();
}

const MINUTE = 60;
const INTERVALS = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880].map((minutes) => minutes * MINUTE);

/** Three to six times on the clock of the person who reads. One that is near the end has no room for its words on a phone. */
function ticks({ since, until }) {
  const interval = INTERVALS.find((length) => (until - since) / length <= 6) ?? INTERVALS.at(-1);
  const shift = new Date(since * 1000).getTimezoneOffset() * MINUTE;
  const marks = [];
  for (let at = Math.ceil((since - shift) / interval) * interval + shift; at < until; at += interval) {
    const share = (at - since) / (until - since);
    const [words, room] = interval >= 86_400 ? [day(at), 0.25] : [hour(at), 0.12];
    const mark = h('span.tick', {}, share > 1 - room ? '\u00a0' : words);
    mark.style.setProperty('--at', `${share * 100}%`);
    marks.push(mark);
  }
  return marks;
}
