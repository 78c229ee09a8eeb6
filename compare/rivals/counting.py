"""Rivals that count or list what was seen."""

import hashlib
import math

from . import Rival


class CountMinSketch(Rival):
    """Falco's anomalydetection plugin: the estimate of how often a behaviour profile was seen.

    The plugin's README gives the profiles and the errors (gamma .001, eps .0001). Its rules ask for a small count, so
    the score is 1 / count, this time included.
    """

    GAMMA, EPS = 0.001, 0.0001
    # Never seen before.
    natural = 1.0

    def __init__(self, profile):
        self.profile = profile
        self.rows = math.ceil(math.log(1 / self.GAMMA))
        self.columns = math.ceil(math.e / self.EPS)
        self.counts = {}

    def cells(self, line):
        text = "\0".join(self.profile(line)).encode("utf-8", "replace")
        for row in range(self.rows):
            digest = hashlib.blake2b(text, digest_size=8, salt=bytes([row])).digest()
            yield row, int.from_bytes(digest, "little") % self.columns

    def score(self, line):
        return 1 / (1 + min(self.counts.get(cell, 0) for cell in self.cells(line)))

    def learn(self, line):
        for cell in self.cells(line):
            self.counts[cell] = self.counts.get(cell, 0) + 1

    def state(self):
        # The plugin holds the whole matrix of 64-bit counts.
        return bytes(8 * self.rows * self.columns)


class Profile(Rival):
    """Kubescape's application profile: what ran while it was learned is allowed, everything else is an alert.

    The profile is finished when learning ends, so nothing is learned afterwards.
    """

    natural = 1.0

    def __init__(self, entry):
        self.entry = entry
        self.allowed = set()

    def fit(self, lines):
        self.allowed |= {self.entry(line) for line in lines}

    def score(self, line):
        return float(self.entry(line) not in self.allowed)

    def state(self):
        return self.allowed


class RareProcess(Rival):
    """Elastic's rare process for a host: how rare the name is, by the share of time buckets in which it was seen."""

    BUCKET = 15 * 60
    # Never seen before.
    natural = 1.0

    def __init__(self):
        self.buckets = set()
        self.names = {}

    def bucket(self, line):
        return line.day, int(line.time // self.BUCKET)

    def score(self, line):
        seen = len(self.names.get(line.name, ()))
        return 1 - math.log1p(seen) / math.log(2 + len(self.buckets))

    def learn(self, line):
        bucket = self.bucket(line)
        self.buckets.add(bucket)
        self.names.setdefault(line.name, set()).add(bucket)


def command_line(line):
    return [line.workload, " ".join(line.args)]


def lineage(line):
    return [line.workload, line.name, line.parent, line.grandparent, line.exe]


def rivals(_options):
    falco = "falcosecurity/plugins anomalydetection: count-min sketch as its README has it, ours in Python"
    kubescape = "Kubescape's application profiles, ours in Python"
    yield "count-min sketch, command line", falco, lambda: CountMinSketch(command_line)
    yield "count-min sketch, lineage", falco, lambda: CountMinSketch(lineage)
    yield "learned paths", kubescape, lambda: Profile(lambda line: line.exe or line.args[0])
    yield "learned paths and arguments", kubescape, lambda: Profile(lambda line: (line.exe, *line.args))
    yield "rare process", "Elastic's rare-process job, ours in Python", RareProcess
