"""The curve of novelty that is expected before a workload's own is known: p(d) = exp(a + b d + c d^2).

For every workload its baseline days are scored online, as they would have come; its first day and its first full day,
on which everything is new, only teach. g(d) is how many alert groups a day reached distance d. The curve is fitted to
the mean of g over the workloads, each counting the same, by least squares of the square roots: counts vary with their
root, so near and far distances weigh alike, and a mean of 0 is no trouble. It falls everywhere: b, c <= 0.
"""

import numpy
from scipy.optimize import minimize

from data import SETS

GRID = numpy.arange(0.10, 1.0001, 0.01)


def curves(program, recordings, key=None):
    """g(d) on the grid, per workload."""
    out = {}
    for workload in recordings.workloads:
        rows = recordings.base[workload]
        first = min(row["day"] for row in rows)
        early = [row for row in rows if row["day"] < first + 2]
        late = [dict(row, split="late") for row in rows if row["day"] >= first + 2]
        flags = ["--json"] + (["--hash-key", str(key)] if key else [])
        scored, _, _ = program.backtest(early, late, *flags)
        highest = {}
        for row in scored:
            group = row["day"], row["parent"], row["name"], row["uid"]
            highest[group] = max(highest.get(group, 0), row["distance"] or 0)
        distances = numpy.array(list(highest.values()))
        days = len({row["day"] for row in late})
        out[workload] = numpy.array([(distances >= d).sum() for d in GRID]) / days
    return out


def fit(some_curves):
    """(a, b, c) for the mean of curves."""
    mean = numpy.mean(some_curves, axis=0)

    def loss(parameters):
        a, b, c = parameters
        if b > 0 or c > 0:
            return 1e6 + 1e6 * (max(b, 0) + max(c, 0))
        return ((numpy.sqrt(mean) - numpy.exp((a + b * GRID + c * GRID**2) / 2)) ** 2).sum()

    best = min(
        (minimize(loss, start, method="Nelder-Mead", options={"maxiter": 20000, "xatol": 1e-7, "fatol": 1e-12})
         for start in ([1, -1, -1], [2, -3, -5], [1, -6, -0.1])),
        key=lambda result: result.fun,
    )
    return [round(float(number), 3) for number in best.x]


def fitted(program, recordings):
    """The prior of all workloads, and for each workload the one of the set that it is not in: what a threshold is
    compared by must be one curve for all workloads of a set."""
    found = curves(program, recordings)
    of_set = {name: fit([found[workload] for workload in recordings.set_of(name)]) for name in SETS}
    other = {workload: of_set[name] for name, rest in zip(SETS, reversed(SETS)) for workload in recordings.set_of(rest)}
    return {"all": fit(list(found.values())), "without": other}
