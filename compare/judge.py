"""What scores are worth, by the definitions of anomalyctl backtest.

An alert group is one distinct (parent, name, uid) of a workload and day; a session is found if one of its first 20
executions is above the threshold. One threshold serves all workloads, as one rule does. A missing score counts as 0.
"""

import collections

FIRST = 20
RATES = (0.001, 0.01)
BUDGETS = (0.2, 1, 3)


def curve_areas(benign, attack):
    """Area under the ROC curve, ties half; and average precision."""
    scores = sorted([(s, 0) for s in benign] + [(s, 1) for s in attack], key=lambda pair: -pair[0])
    hits = misses = 0
    area = precision = 0.0
    at = 0
    while at < len(scores):
        end = at
        here = [0, 0]
        while end < len(scores) and scores[end][0] == scores[at][0]:
            here[scores[end][1]] += 1
            end += 1
        area += here[0] * (hits + here[1] / 2)
        hits += here[1]
        misses += here[0]
        precision += here[1] * (hits / (hits + misses))
        at = end
    return area / max(1, len(benign) * len(attack)), precision / max(1, len(attack))


def sessions_of(rows, value):
    """The first executions of every session, as what `value` makes of them."""
    sessions = collections.defaultdict(list)
    for row in rows:
        if row["label"] == "attack":
            session = sessions[row["workload"], row.get("session")]
            if len(session) < FIRST:
                session.append(value(row))
    return sessions


def group(row):
    return row["workload"], row.get("day"), row["parent"], row["name"], row["uid"]


def share(part, whole):
    return part / max(1, whole)


def judge(rows, own_threshold=False, fixed=0.85):
    """All figures of scored executions. `rows` have workload, day, parent, name, uid, label, session and score."""
    score = lambda row: float(row["score"]) if row.get("score") is not None else 0.0
    benign = [score(row) for row in rows if row["label"] == "benign"]
    attack = [score(row) for row in rows if row["label"] == "attack"]
    auc, precision = curve_areas(benign, attack)
    out = {"benign": len(benign), "attack": len(attack), "missing": sum(row.get("score") is None for row in rows)}
    out["auc"], out["ap"] = round(auc, 4), round(precision, 4)
    falling = sorted(benign, reverse=True)
    for rate in RATES:
        above = falling[int(rate * len(falling))]
        out[f"event_recall@{rate}"] = round(share(sum(s > above for s in attack), len(attack)), 4)
    groups = {}
    for row in rows:
        if row["label"] == "benign":
            groups[group(row)] = max(groups.get(group(row), 0), score(row))
    days = len({key[:2] for key in groups})
    sessions = sessions_of(rows, score).values()
    falling = sorted(groups.values(), reverse=True)
    for budget in BUDGETS:
        room = int(budget * days)
        above = falling[room] if room < len(falling) else -1
        out[f"session_recall@{budget}/day"] = round(share(sum(max(s) > above for s in sessions), len(sessions)), 4)
    out[f"groups/day>={fixed}"] = round(share(sum(s >= fixed for s in falling), days), 3)
    out[f"session_recall>={fixed}"] = round(share(sum(max(s) >= fixed for s in sessions), len(sessions)), 4)
    if own_threshold:
        reaches = lambda row: score(row) >= float(row["threshold"])
        loud = {group(row) for row in rows if row["label"] == "benign" and reaches(row)}
        found = sessions_of(rows, reaches).values()
        out["groups/day>=threshold"] = round(share(len(loud), days), 3)
        out["session_recall>=threshold"] = round(share(sum(map(any, found)), len(found)), 4)
    out["budget_curve"] = budget_curve(falling, sorted((max(s) for s in sessions), reverse=True), days)
    return out


def budget_curve(groups, sessions, days, points=60):
    """Alert groups a day against sessions found, for falling thresholds."""
    curve = []
    for threshold in sorted({*groups, *sessions}, reverse=True):
        cost = share(sum(s >= threshold for s in groups), days)
        found = share(sum(s >= threshold for s in sessions), len(sessions))
        if not curve or (round(cost, 3), round(found, 3)) != tuple(curve[-1]):
            curve.append([round(cost, 3), round(found, 3)])
        if cost > 30 or len(curve) >= 20 * points:
            break
    step = max(1, len(curve) // points)
    return curve[::step] + curve[-1:]
