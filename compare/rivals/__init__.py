"""Other people's detectors in one harness: the same lines in the same order, the same vectors.

A rival learns the baseline with `fit`, then `score`s events; `learn` takes every benign event after it was scored, as
live. Rivals that are fitted as a whole (`refits`) are fitted anew at the beginning of each day, to everything until then.
Nothing is ever learned from an attack. Higher is stranger; one threshold serves all workloads.
"""

import pickle
import time


def all_rivals(options):
    """Name, where it comes from, and how to make one; or the reason why it is skipped."""
    from . import counting, learned, rules

    for module in (learned, counting, rules):
        yield from module.rivals(options)


def run(make, baseline, attacks, test):
    """The rival's scores for the attacks and then for the test days, its time per event, bytes per learned event and
    natural threshold."""
    model = make()
    model.fit(baseline)
    learned = len(baseline)
    size = len(pickle.dumps(model.state(), protocol=5))
    started = time.process_time()
    scores = list(model.score_all(attacks))
    seen = list(baseline)
    day = None
    pending = []
    for line in test + [None]:
        new_day = line is None or line.day != day
        if model.refits and new_day:
            # What is fitted as a whole scores a day as a whole, too: the kindest way to count its time.
            scores += model.score_all(pending)
            seen += pending
            pending = []
            if line is not None and day is not None:
                model.fit(seen)
        if line is None:
            break
        day = line.day
        if model.refits:
            pending.append(line)
        else:
            scores.append(model.score(line))
            model.learn(line)
    seconds = time.process_time() - started
    return scores, seconds / max(1, len(attacks) + len(test)), size / max(1, learned), model.natural


class Rival:
    """What all have in common."""

    refits = False
    # The score from which its own product alerts; None where it leaves that to whoever uses it.
    natural = None

    def fit(self, lines):
        for line in lines:
            self.learn(line)

    def score_all(self, lines):
        return [self.score(line) for line in lines]

    def learn(self, line):
        pass

    def state(self):
        """What it has to keep to score."""
        return self.__dict__
