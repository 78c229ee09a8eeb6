"""Alert groups a day against sessions found, for ours and the best of the rivals, as one SVG."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 56, 250, 16, 48
FROM, TO = 0.03, 30
COLOURS = ("#2f6fb5", "#c2410c", "#3f8f4f", "#8250df", "#b08800", "#57606a", "#d6409f", "#0f766e")


def x(groups):
    share = math.log(max(FROM, min(TO, groups)) / FROM) / math.log(TO / FROM)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def y(found):
    return HEIGHT - BOTTOM - found * (HEIGHT - TOP - BOTTOM)


def steps(curve):
    """What is found at a cost is found at every higher one."""
    points, last = [], (x(FROM), y(0))
    for groups, found in curve:
        at = x(groups), y(found)
        points += [(at[0], last[1]), at]
        last = at
    points.append((x(TO), last[1]))
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in points)


def svg(results):
    everyone = {name: results["ours"][name] for name in ("falco-anomaly", "the article's scorer") if name in results["ours"]}
    best = sorted(results["rivals"].items(), key=lambda item: -item[1]["all"]["session_recall@1/day"])[: len(COLOURS) - 2]
    everyone |= dict(best)
    title = "Alert groups per workload and day against sessions of attacks found"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<title id="title">{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for found in (0, 0.2, 0.4, 0.6, 0.8, 1):
        out.append(f'<path d="M{LEFT} {y(found):.1f}H{WIDTH - RIGHT}" stroke="#d1d9e0"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(found) + 4:.1f}" text-anchor="end" fill="#59636e">{found:g}</text>')
    for groups in (0.1, 0.2, 1, 3, 10):
        out.append(f'<path d="M{x(groups):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#d1d9e0"/>')
        out.append(f'<text x="{x(groups):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#59636e">{groups:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle" fill="#1c2128">alert groups per workload and day</text>')
    out.append(f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle" fill="#1c2128">sessions found</text>')
    for number, ((name, figures), colour) in enumerate(zip(everyone.items(), COLOURS)):
        width = 3 if number == 0 else 1.5
        out.append(f'<polyline points="{steps(figures["all"]["budget_curve"])}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        top = TOP + 10 + 20 * number
        out.append(f'<path d="M{WIDTH - RIGHT + 14} {top}h20" stroke="{colour}" stroke-width="3"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 40}" y="{top + 4}" fill="#1c2128">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])
