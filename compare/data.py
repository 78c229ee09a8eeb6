"""Recordings, split as the experiments need them, and runs of anomalyctl on them."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import collections

# Which workloads are judged together: those that the features were chosen on, and those that they were not.
SETS = {"four": ("web", "pg", "ops", "ci_py"), "three": ("redis", "apt", "ci_rust")}


def read(path):
    opener = gzip.open if open(path, "rb").read(2) == b"\x1f\x8b" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


class Recordings:
    """Baseline, test days and attacks of every workload that has a baseline."""

    def __init__(self, directory):
        self.base, self.test, self.attacks = (collections.defaultdict(list) for _ in range(3))
        for row in read(os.path.join(directory, "normal.jsonl.gz")):
            (self.base if row.get("split", "base") == "base" else self.test)[row["workload"]].append(row)
        for row in read(os.path.join(directory, "attacks.jsonl.gz")):
            if row["workload"] in self.base:
                self.attacks[row["workload"]].append(row)
        self.workloads = sorted(self.base)

    def set_of(self, name):
        return [workload for workload in SETS[name] if workload in self.base]

    def attacks_after_each_day(self, workload):
        """The test days, each followed by all attacks; sessions are told apart by the day."""
        rows = []
        days = collections.OrderedDict()
        for row in self.test[workload]:
            days.setdefault(row["day"], []).append(row)
        for day, lines in days.items():
            rows += lines
            rows += [dict(row, day=day, session=f"{row['session']} on day {day}") for row in self.attacks[workload]]
        return rows

    def describe(self):
        return {
            workload: {
                "baseline": len(self.base[workload]),
                "test": len(self.test[workload]),
                "test_days": len({row["day"] for row in self.test[workload]}),
                "attack": len(self.attacks[workload]),
                "sessions": len({row["session"] for row in self.attacks[workload]}),
            }
            for workload in self.workloads
        }


def in_file(rows):
    file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", prefix="compare-", encoding="utf-8")
    file.writelines(json.dumps(row) + "\n" for row in rows)
    file.flush()
    return file


# Runs a command and writes its processor's seconds and most memory into a file. A process of its own, because a child's
# memory counts from its parent's, and ours is large.
MEASURED = """
import json, os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
json.dump([usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024], open(sys.argv[1], "w"))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


class Program:
    """anomalyctl."""

    def __init__(self, path):
        self.path = os.path.abspath(path)

    def backtest(self, baseline, events, *flags, report=False, online=True):
        """What it prints; with `report`, its report instead. And the processor's seconds and bytes that it took."""
        with in_file(baseline) as base, in_file(events) as scored, tempfile.TemporaryDirectory() as directory:
            command = [self.path, "backtest", "--baseline", base.name, "--events", scored.name, *flags]
            command += ["--online"] * online + (["--report", directory] if report else [])
            # A file, not a pipe: what is printed is larger than a pipe holds.
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                usage = os.path.join(directory, "usage")
                process = subprocess.run([sys.executable, "-c", MEASURED, usage, *command], stdout=out, stderr=err)
                if process.returncode != 0:
                    err.seek(0)
                    raise SystemExit(f"compare: {' '.join(command)} failed: {err.read().decode()}")
                if report:
                    with open(os.path.join(directory, "report.json"), encoding="utf-8") as file:
                        result = json.load(file)
                else:
                    out.seek(0)
                    result = [json.loads(line) for line in out] if {"--json", "--dump-features"} & set(flags) else None
                with open(usage, encoding="utf-8") as file:
                    seconds, most = json.load(file)
        return result, seconds, most
