#!/usr/bin/env python3
"""Draws what `shoal bench broadcast -o json` found: one page without any other file.

  for n in 2 4 11 31; do shoal bench broadcast -n $n -o json >broadcast-$n.json; done
  benches/draw.py broadcast-*.json >broadcast.html

Left: the distribution of each file, latency against the share of writes that took no longer. Right: how p50 and p99 grow
with the number of peers. Shoal is a full line, the floor of the same run a dashed one. Both from the start of a write until
all peers hold it durably.
"""
import html, json, math, sys

WIDTH, HEIGHT, EDGE = 560, 420, 56
COLOURS = ["#0b6e99", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#4d7c0f", "#0f766e", "#a16207"]


def scale(values, size, logarithmic):
    """From a value to pixels, and the values that get a mark."""
    low, high = min(values), max(values)
    if logarithmic:
        low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
        if low == high:
            high = low * 10
        at = lambda v: size * math.log(v / low) / math.log(high / low)
        marks = [10 ** e for e in range(round(math.log10(low)), round(math.log10(high)) + 1)]
        return at, marks
    span = (high - low) or 1
    return (lambda v: size * (v - low) / span), sorted(set(values))


def shown(us):
    return f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} µs"


class Chart:
    def __init__(self, title, xs, ys, x_title, x_log, x_shown):
        self.parts = [f'<text x="{EDGE}" y="20" class="title">{html.escape(title)}</text>']
        inner_w, inner_h = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
        to_x, x_marks = scale(xs, inner_w, x_log)
        to_y, y_marks = scale(ys, inner_h, True)
        self.x = lambda v: EDGE + to_x(v)
        self.y = lambda v: HEIGHT - EDGE - to_y(v)
        for m in y_marks:
            self.parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{self.y(m):.1f}" y2="{self.y(m):.1f}" class="grid"/>'
                              f'<text x="{EDGE - 6}" y="{self.y(m) + 4:.1f}" text-anchor="end">{shown(m)}</text>')
        for m in x_marks:
            self.parts.append(f'<text x="{self.x(m):.1f}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{x_shown(m)}</text>')
        self.parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{html.escape(x_title)}</text>')

    def line(self, points, colour, dashed, name):
        at = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2"{dash}><title>{html.escape(name)}</title></polyline>')
        for x, y in points if len(points) < 20 else []:
            self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"><title>{html.escape(name)}: {shown(y)}</title></circle>')

    def svg(self):
        return f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(self.parts)}</svg>'


def tail(share):
    """How far behind the last: 0.99 is 2, 0.999 is 3."""
    return 1 / max(1 - share, 1e-5)


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    reports = []
    for name in sys.argv[1:]:
        with open(name) as file:
            report = json.load(file)
        if report.get("what") != "broadcast":
            sys.exit(f"{name}: is of bench {report.get('what')}; make it with: shoal bench broadcast -o json")
        reports.append(report)
    reports.sort(key=lambda r: r["settings"]["peers"])
    colours = {id(r): COLOURS[i % len(COLOURS)] for i, r in enumerate(reports)}

    def points(report, part):
        return [(tail(share), us) for share, us in report[part]["distribution"] if us > 0]
    every = [p for r in reports for part in ("floor", "results") for p in points(r, part)]
    spread = Chart("From the start of a write until all peers hold it", [x for x, _ in every], [y for _, y in every],
                   "share of the writes that took no longer", True, lambda m: f"{100 - 100 / m:g} %")
    for r in reports:
        for part in ("results", "floor"):
            who = "Shoal" if part == "results" else "floor"
            spread.line(points(r, part), colours[id(r)], part == "floor", f"{who}, {r['settings']['peers']} peers")
    grown = [(name, part, [(r["settings"]["peers"], r[part]["whole_" + name]) for r in reports])
             for name in ("p50", "p99") for part in ("results", "floor")]
    growth = Chart("Growth with peers", [x for _, _, line in grown for x, _ in line],
                   [y for _, _, line in grown for _, y in line], "peers", False, lambda m: f"{m:g}")
    for name, part, line in grown:
        who = "Shoal" if part == "results" else "floor"
        growth.line(line, COLOURS[0 if name == "p50" else 1], part == "floor", f"{who} {name}")

    rows = "".join(
        f'<tr><td style="color:{colours[id(r)]}">■ {r["settings"]["peers"]}</td>'
        + "".join(f"<td>{shown(r[part]['whole_' + name])}</td>" for name in ("p50", "p99") for part in ("results", "floor"))
        + f'<td>{r["ratios"]["whole_p50"]}</td><td>{r["ratios"]["whole_p99"]}</td></tr>' for r in reports)
    machine = reports[0]["machine"]
    print(f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>shoal bench broadcast</title>
<style>body{{font:14px system-ui,sans-serif;margin:24px}}svg{{background:#fafafa;margin:0 12px 12px 0}}text{{font-size:11px;fill:#444}}
.title{{font-size:14px;font-weight:600}}.grid{{stroke:#ddd}}td,th{{padding:3px 12px;text-align:right}}</style>
<h1>shoal bench broadcast</h1><p>{html.escape(machine["cpu"])}, {machine["cpus"]} cpus, {html.escape(machine["kernel"])}, {html.escape(machine["disk"])}.
Full lines: Shoal. Dashed: the floor of the same run. Right: p50 blue, p99 orange.</p>
{spread.svg()}{growth.svg()}
<table><tr><th>peers</th><th>p50</th><th>floor</th><th>p99</th><th>floor</th><th>ratio p50</th><th>p99</th></tr>{rows}</table></html>""")


main()
