// Decisions: what will happen is said before, who loses what is counted, and what came of it is told afterwards.

import { tell } from './api.js';
import { address, fill, h } from './dom.js';
import { count, counted, duration } from './format.js';
import { choice } from './findings.js';
import { GRAVE } from './pieces.js';
import { foreign, plain } from './text.js';

const ACTIONS = {
  approve: {
    verb: 'Approve',
    done: 'approved',
    what: 'becomes normal: it scores 0.0000 from now on, nobody is alerted again, and what is like it scores lower.',
  },
  deny: {
    verb: 'Deny',
    done: 'denied',
    what: 'never becomes normal, however often it runs. It stays novel and alerts once a day.',
  },
  forget: {
    verb: 'Forget',
    done: 'forgot',
    what: 'is taken away as if never seen. When it runs again it is judged anew.',
  },
};

/** The actions that mean something for a row in this state. */
export function actionsFor(state) {
  switch (state) {
    case 'learned':
      return ['deny', 'forget'];
    case 'denied':
      return ['approve', 'forget'];
    default:
      return ['approve', 'deny', 'forget'];
  }
}

/**
 * Buttons for deciding. `subject` has `what` (words for the title), `workload`, `state`, `score` and `choices`, the most
 * likely first: a key, the ids, the state and number of the executions that they stand for, as they are shown, words for
 * them and their command lines.
 */
export function decisionButtons(subject, context) {
  return h(
    'p.actions',
    {},
    actionsFor(subject.state).map((action) =>
      h(
        'button',
        {
          type: 'button',
          class: action,
          'data-key': `${action} ${subject.choices[0].key}`,
          'aria-haspopup': 'dialog',
          'aria-label': `${ACTIONS[action].verb} ${subject.what}`,
          onclick: () => decide(action, subject, context),
        },
        ACTIONS[action].verb,
      ),
    ),
  );
}

function decide(action, subject, context) {
  const { verb, done, what } = ACTIONS[action];
  const { choices } = subject;
  let chosen = choices[0];
  const consequence = h('p.consequence', {});
  const meant = h('ul.meant', { tabindex: 0, 'aria-label': 'Command lines' });
  const tellConsequence = () => {
    const commands = chosen.commands.slice(0, MEANT);
    fill(
      meant,
      commands.map((command) => h('li', {}, foreign(command, 200, 'command'))),
      chosen.executions > commands.length
        ? h('li.dim', {}, `and ${count(chosen.executions - commands.length)} more`)
        : null,
    );
    fill(
      consequence,
      `${counted(chosen.executions, 'distinct execution')} of `,
      foreign(subject.workload, -80),
      `: ${chosen.executions === 1 ? 'it' : 'each'} ${what}`,
    );
  };
  tellConsequence();
  const options =
    choices.length < 2
      ? null
      : h(
          'fieldset',
          {},
          h('legend', {}, 'Which'),
          choices.map((option, at) =>
            h(
              'label',
              {},
              h('input', {
                type: 'radio',
                name: 'which',
                checked: at === 0,
                onchange: () => {
                  chosen = option;
                  tellConsequence();
                },
              }),
              h('span', {}, option.words),
            ),
          ),
        );
  const grave =
    action === 'approve' && subject.score >= GRAVE
      ? h('p.caution', {}, 'Hardly anything like it ever ran there. Approve only what you can explain.')
      : null;
  confirm(
    {
      title: [`${verb} `, h('span', {}, subject.what), '?'],
      body: [options, meant, consequence, grave],
      submit: verb,
      send(why) {
        const { ids, state, executions } = chosen;
        return tell('v1/decisions', { action, ids, state, executions, why });
      },
      outcome: (answer) =>
        outcome(`${plain(subject.what, 200)}: ${done} ${counted(answer.executions, 'execution')}`, answer),
    },
    context,
  );
}

/** How many command lines a question shows. */
const MEANT = 5;

const WINDOWS = [
  [900, '15 minutes'],
  [3600, 'an hour'],
  [14400, '4 hours'],
  [86400, 'a day'],
];

/** Opens a window in which a workload learns everything at once. */
export function learnWindow(workload, context) {
  const seconds = choice(
    'seconds',
    '3600',
    WINDOWS.map(([value, words]) => [String(value), words]),
  );
  confirm(
    {
      title: ['Let ', foreign(workload, -80), ' learn at once?'],
      body: [
        h('label', {}, h('span', {}, 'For'), seconds),
        h(
          'p.consequence',
          {},
          'Everything that it runs meanwhile becomes normal at once, also what an attacker runs. ' +
            'For a deployment, not to silence alerts.',
        ),
      ],
      submit: 'Open the window',
      send: (why) => tell('v1/decisions', { action: 'learn', workload, seconds: Number(seconds.value), why }),
      outcome: (answer) =>
        outcome(`${plain(workload, 80)} learns at once for ${duration(Number(seconds.value))}`, answer),
    },
    context,
  );
}

/** In words what came of a decision. */
function outcome(what, answer) {
  const told = answer.outcomes
    .filter((one) => one.outcome)
    .map((one) => `${plain(one.workload, 80)}: ${plain(one.outcome, 200)}`);
  return answer.applied
    ? `${what}; in force${told.length > 0 ? ` (${told.join('; ')})` : ''}.`
    : `${what}; written down, and in force when the process that learns has read it, within seconds where one runs.`;
}

/** Statuses with which nobody knows whether a decision was taken: no answer at all, or one that tells nothing of it. */
const UNKNOWN = [0, 500, 502, 504];

/** Statuses with which what was shown is not there any more: the same once more helps nobody. */
const CHANGED = [404, 409];

/** Asks with a reason, sends, and tells what came of it. A modal dialog of the browser's own: it keeps the focus. */
function confirm({ title, body, submit, send, outcome: words }, context) {
  const why = h('textarea', {
    name: 'why',
    maxlength: 1000,
    rows: 2,
    placeholder: 'for the record',
    spellcheck: 'false',
  });
  const failure = h('p.failure', { role: 'alert' });
  const go = h('button.primary', { type: 'submit' }, submit);
  const close = () => dialog.close();
  const cancel = h('button', { type: 'button', onclick: close }, 'Cancel');
  const maybeTaken = () => [
    ' It may have been taken all the same: ',
    h('a', { href: address(['decisions']), onclick: close }, 'look at the decisions'),
    ' before you give it again.',
  ];
  const send_ = async (event) => {
    event.preventDefault();
    go.disabled = true;
    fill(failure);
    try {
      const answer = await send(why.value.trim());
      close();
      context.announce(words(answer));
      context.refresh();
    } catch (error) {
      const unknown = UNKNOWN.includes(error.status);
      fill(failure, plain(error.message, 400), unknown ? maybeTaken() : null);
      if (unknown) go.remove();
      if (unknown || CHANGED.includes(error.status)) {
        cancel.textContent = 'Close';
        cancel.focus();
        context.refresh();
      } else {
        go.disabled = false;
      }
    }
  };
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'question', onclose: () => dialog.remove() },
    h(
      'form',
      { onsubmit: send_ },
      h('h2', { id: 'question' }, ...title),
      body,
      h('label.why', {}, h('span', {}, 'Reason'), why),
      failure,
      h('p.actions', {}, go, cancel),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  why.focus();
}
