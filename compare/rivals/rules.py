"""Rules that somebody wrote: SigmaHQ's for Linux processes, evaluated by pySigma and SQLite.

The rules are not fetched: give the folder of a clone of github.com/SigmaHQ/sigma. A recording has names of parents and
no paths, so a parent's path is its name with a slash in front, which is what most rules look for.
"""

import os
import sqlite3

from . import Rival

FOLDER = os.path.join("rules", "linux", "process_creation")
LEVELS = {"informational": 0.2, "low": 0.4, "medium": 0.6, "high": 0.8, "critical": 1.0}
# The table's name is the backend's.
COLUMNS = ("Image", "CommandLine", "ParentImage", "ParentCommandLine", "User", "CurrentDirectory", "LogonId")


def parent_path(line):
    return "/" + line.parent if line.parent else ""


class Sigma(Rival):
    """The level of the highest rule that matches."""

    natural = 0.2

    def __init__(self, queries):
        self.queries = queries

    def score_all(self, lines):
        database = sqlite3.connect(":memory:")
        database.execute(f"CREATE TABLE logs (number INTEGER, {', '.join(f'{c} TEXT' for c in COLUMNS)})")
        rows = [
            (n, line.exe, " ".join(line.args), parent_path(line), "", "root" if line.uid == 0 else str(line.uid), "", "")
            for n, line in enumerate(lines)
        ]
        database.executemany(f"INSERT INTO logs VALUES ({', '.join('?' * (len(COLUMNS) + 1))})", rows)
        scores = [0.0] * len(lines)
        for level, query in self.queries:
            for (number,) in database.execute(query.replace("SELECT *", "SELECT number", 1)):
                scores[number] = max(scores[number], level)
        return scores

    def score(self, line):
        return self.score_all([line])[0]

    # A day at a time, as whoever searches logs does it.
    refits = True

    def fit(self, lines):
        pass

    def state(self):
        return self.queries


def queries(folder):
    """Each rule's level and query, and how many could not be translated."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection
    from sigma.exceptions import SigmaError

    backend = sqliteBackend()
    out, failed = [], 0
    for name in sorted(os.listdir(folder)):
        try:
            rules = SigmaCollection.from_yaml(open(os.path.join(folder, name), encoding="utf-8").read())
            level = LEVELS.get(str(rules.rules[0].level).lower(), 0.5)
            for query in backend.convert(rules):
                check = sqlite3.connect(":memory:")
                check.execute(f"CREATE TABLE logs (number INTEGER, {', '.join(f'{c} TEXT' for c in COLUMNS)})")
                check.execute(query)
                out.append((level, query))
        except (SigmaError, sqlite3.Error, IndexError):
            failed += 1
    return out, failed


def rivals(options):
    if not options.sigma:
        yield "Sigma rules", "SigmaHQ/sigma", "no rules: give SIGMA=DIR, a clone of github.com/SigmaHQ/sigma"
        return
    folder = os.path.join(options.sigma, FOLDER)
    if not os.path.isdir(folder):
        yield "Sigma rules", "SigmaHQ/sigma", f"no folder {FOLDER} in SIGMA={options.sigma}"
        return
    try:
        found, failed = queries(folder)
    except ImportError as error:
        yield "Sigma rules", "SigmaHQ/sigma", f"pySigma is not installed: {error}"
        return
    told = f", {failed} cannot be asked of executions alone" if failed else ""
    if not found:
        yield "Sigma rules", "SigmaHQ/sigma", f"none of the {failed} rules in {folder} can be asked of executions"
        return
    yield f"{len(found)} Sigma rules", f"SigmaHQ/sigma by pySigma and SQLite{told}", lambda: Sigma(found)
