"""The results as Markdown, made from results.json alone; and what they were to be."""

OURS = "falco-anomaly"
SHIPPED = "falco-anomaly, the prior that ships"
ARTICLE = "the article's scorer"

# What the figures were to reach on the development recordings: set of workloads, figure, bound, and whether the figure
# is a cost, which has to stay at or below it.
TARGETS = [
    ("four", "ap", 0.97, False),
    ("four", "session_recall@1/day", 0.99, False),
    ("four", "session_recall@0.2/day", 0.90, False),
    ("four", "event_recall@0.001", 0.60, False),
    ("four", "event_recall@0.01", 0.97, False),
    ("four", "groups/day>=0.85", 1.1, True),
    ("four", "session_recall>=0.85", 0.98, False),
    ("four", "groups/day>=threshold", 1.0, True),
    ("four", "session_recall>=threshold", 0.98, False),
    ("three", "ap", 0.95, False),
    ("three", "session_recall@1/day", 0.95, False),
    ("three", "session_recall@0.2/day", 0.75, False),
    ("three", "event_recall@0.001", 0.40, False),
    ("three", "event_recall@0.01", 0.80, False),
    ("three", "groups/day>=0.85", 3.0, True),
    ("three", "session_recall>=0.85", 0.98, False),
    ("three", "groups/day>=threshold", 1.2, True),
    ("three", "session_recall>=threshold", 0.97, False),
]
END_OF_DAY = {"four": 0.98, "three": 0.90}
EXACT = {"web": 0.95, "pg": 0.95, "redis": 0.95}
FIFTH, STEADY = 0.85, 0.5


def targets(results):
    """Each target with what was measured."""
    rows = []

    def add(what, figure, bound, is_cost=False):
        met = figure <= bound if is_cost else figure >= bound
        rows.append({"what": what, "target": bound, "cost": is_cost, "measured": figure, "met": met})

    ours = results["ours"][OURS]
    for of_set, figure, bound, is_cost in TARGETS:
        if of_set in ours:
            add(f"{of_set}: {figure}", ours[of_set][figure], bound, is_cost)
    for of_set, bound in END_OF_DAY.items():
        if of_set in results["end_of_day"]:
            recall = results["end_of_day"][of_set]["session_recall>=threshold"]
            add(f"{of_set}: session_recall>=threshold at the end of a test day", recall, bound)
    for of_set, repeated in results["repeated"].items():
        add(f"{of_set}: recall at the fifth occurrence of a repeated attack", repeated["recall"][4], FIFTH)
        add(f"{of_set}: false groups/day>=threshold on steady days", repeated["steady_groups/day>=threshold"], STEADY, True)
        for workload in sorted(EXACT.keys() & repeated["exact"].keys()):
            add(f"exact hits, {workload}", repeated["exact"][workload], EXACT[workload])
    return rows


def number(value):
    return f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def rivals(results):
    columns = "AUC | AP | events at .1 % | at 1 % | sessions at .2 a day | at 1 | at 3 | at its own threshold | us | bytes"
    keys = ("auc", "ap", "event_recall@0.001", "event_recall@0.01", "session_recall@0.2/day", "session_recall@1/day", "session_recall@3/day")
    lines = [f"| scorer | {columns} |", "|---" * 11 + "|"]
    everyone = [*results["ours"].items(), *sorted(results["rivals"].items(), key=lambda item: -item[1]["all"]["ap"])]
    for name, figures in everyone:
        cells = [number(figures["all"][key]) for key in keys]
        own = figures["all"].get("session_recall>=threshold")
        cells.append(f"{number(own)} at {number(figures['all']['groups/day>=threshold'])}" if own is not None else "-")
        cells += [f"{figures['cost']['microseconds']:,.0f}", f"{figures['cost']['bytes']:,}"]
        mark = "**" if name == OURS else ""
        lines.append(f"| {mark}{name}{mark} | {' | '.join(cells)} |")
    return "\n".join(lines)


def target_lines(results):
    lines = ["| target | to reach | measured | |", "|---|---|---|---|"]
    for row in results["targets"]:
        sign = "at most" if row["cost"] else "at least"
        gap = abs(row["measured"] - row["target"])
        lines.append(f"| {row['what']} | {sign} {row['target']} | {row['measured']} | {'met' if row['met'] else f'missed by {gap:.3f}'} |")
    return "\n".join(lines)


def best_rivals(results):
    """Ours, the article's, and the five rivals that rank best, in few columns."""
    keys = ("ap", "event_recall@0.01", "session_recall@0.2/day", "session_recall@1/day")
    names = [OURS, SHIPPED, ARTICLE]
    named = [(name, results["ours"][name]) for name in names if name in results["ours"]]
    named += sorted(results["rivals"].items(), key=lambda item: -item[1]["all"]["ap"])[:5]
    lines = ["| scorer | AP | events at 1 % | sessions at .2 a day | at 1 | us |", "|---" * 6 + "|"]
    for name, figures in named:
        cells = [number(figures["all"][key]) for key in keys] + [f"{figures['cost']['microseconds']:,.0f}"]
        mark = "**" if name == OURS else ""
        lines.append(f"| {mark}{name}{mark} | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(results):
    """What the README says."""
    made, four, three = results["made"], results["ours"][SHIPPED]["four"], results["ours"][SHIPPED]["three"]
    percent = lambda share: f"{share * 100:.1f} %"
    sessions = sum(w["sessions"] for w in made["recordings"].values())
    met = sum(row["met"] for row in results["targets"])
    return (
        f"{len(made['recordings'])} workloads, {sessions} attacks, identical splits (`{made['command']}`, {made['date']}): average"
        " precision, attack events found at 1 % false positives, attacks found at so many alert groups per workload and day.\n\n"
        f"{best_rivals(results)}\n\n"
        f"As it ships, at each execution's own threshold, worst of three hash keys: {percent(four['session_recall>=threshold'])} of the"
        f" attacks at {four['groups/day>=threshold']:.2f} alert groups a day on the workloads that features were chosen on (web,"
        f" database, administration, Python CI), {percent(three['session_recall>=threshold'])} at {three['groups/day>=threshold']:.2f} on"
        f" the others (Redis, apt, Rust CI). Of {len(results['targets'])} targets that were set beforehand, {met} are met by the prior"
        " that never saw the workload at hand.\n"
    )


def markdown(results):
    made = results["made"]
    parts = [
        "# Comparison\n",
        f"Made by `{made['command']}` on {made['date']}, commit {made['commit']}, on {made['machine']}.",
        f"Splits: {made['splits']}. Of ours, the worst of hash keys {', '.join(map(str, made['hash_keys']))}, figure by figure, the prior",
        "fitted without the workload at hand. Microseconds: the processor's per scored event, for ours with reading JSON;",
        "rivals in Python. Bytes: what has to be kept, per learned execution.\n",
        "## All workloads together\n",
        rivals(results) + "\n",
    ]
    parts += [f"- {name}: {figures['source']}" for name, figures in results["rivals"].items()]
    parts += [f"- skipped: {name}: {reason}" for name, reason in results["skipped"].items()]
    parts += [
        "\n![alert groups a day against sessions found](results.svg)\n",
        "## Targets\n",
        target_lines(results) + "\n",
        "## The same attack on five days in a row\n",
        "Found at each execution's own threshold:\n",
    ]
    parts += [
        f"- {of_set}: {', '.join(number(r) for r in repeated['recall'])}" for of_set, repeated in results["repeated"].items()
    ]
    return "\n".join(parts) + "\n"
