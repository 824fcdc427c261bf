"""Draws a run: the roles of the nodes, the faults, and the slowest acknowledged write of each half second, over one axis of time."""
import html
import math

WIDTH, LEFT, ROW = 1500, 110, 14
STATES = {"1": ("#2563a8", "takes writes"), "0": ("#a9c7e8", "standby"), "-": ("#dddddd", "no answer")}
FAULT, REFUSED, DOUBLE, WRITE = "#c26a00", "#d9cbb8", "#d40000", "#2f7d32"
SLOWEST_MS = 10000   # the top of the logarithmic axis; its bottom is 1 ms


class Drawing:
    def __init__(self, end):
        self.scale, self.parts = (WIDTH - LEFT - 10) / end, []

    def x(self, seconds):
        return LEFT + seconds * self.scale

    def bar(self, begin, end, y, height, colour, told):
        self.parts.append(f'<rect x="{self.x(begin):.1f}" y="{y}" width="{max(1.0, (end - begin) * self.scale):.1f}" height="{height}" fill="{colour}">'
                          f"<title>{html.escape(told)}</title></rect>")

    def text(self, x, y, words, anchor="start", size=11):
        self.parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}">{html.escape(words)}</text>')

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}" stroke="#cccccc" stroke-width="0.5"/>')


def lanes(faults):
    """[(fault, lane)]: the first lane in which the fault and its name have room."""
    free, placed = [], []
    for fault in faults:
        begin, end = fault.get("began", fault["at"]), fault["ended"]
        lane = next((i for i, until in enumerate(free) if until <= begin), len(free))
        free[lane:lane + 1] = [max(end, begin) + 22]
        placed.append((fault, lane))
    return placed


def svg(result):
    picture = result["picture"]
    drawing = Drawing(picture["end"])
    y = 34
    for name, spans in picture["roles"].items():
        drawing.text(LEFT - 6, y + 11, name, "end")
        for begin, end, state in spans:
            drawing.bar(begin, end, y, ROW, STATES[state][0], f"{name}: {STATES[state][1]}, {begin:.1f} to {end:.1f} s")
        y += ROW + 4
    for at in picture["doubles"]:
        drawing.bar(at, at + 0.1, 34, y - 34, DOUBLE, f"two primaries at {at:.1f} s")
    y += 6
    placed = lanes(sorted(result["faults"], key=lambda fault: fault.get("began", fault["at"])))
    drawing.text(LEFT - 6, y + 11, "faults", "end")
    for fault, lane in placed:
        begin, end, at = fault.get("began", fault["at"]), fault["ended"], y + lane * (ROW + 2)
        where = f" {fault['host']}" if "host" in fault else ""
        drawing.bar(begin, end, at, ROW, FAULT if fault["outcome"] == "done" else REFUSED,
                    f"{fault['kind']}{where} ({fault['target']}), {begin:.1f} to {end:.1f} s: {fault['outcome']}")
        drawing.text(drawing.x(begin) + 2, at + 11, fault["kind"] + where, size=9)
    y += (max([lane for _, lane in placed], default=0) + 1) * (ROW + 2) + 10
    height = 120
    drawing.text(LEFT - 6, y + height + 14, "slowest write", "end")
    for ms in (1, 10, 100, 1000, SLOWEST_MS):
        level = y + height - height * math.log10(ms) / math.log10(SLOWEST_MS)
        drawing.line(LEFT, level, WIDTH - 10, level)
        drawing.text(LEFT - 6, level + 4, f"{ms} ms" if ms < 1000 else f"{ms // 1000} s", "end", 9)
    for at, ms in picture["slowest_ms"]:
        tall = height * math.log10(min(max(ms, 1.2), SLOWEST_MS)) / math.log10(SLOWEST_MS)
        drawing.bar(at, at + result["window_s"], round(y + height - tall, 1), round(tall, 1), WRITE, f"{at:.1f} s: {ms} ms")
    y += height
    step = next(step for step in (5, 10, 30, 60, 120, 300) if picture["end"] / step <= 25)
    for second in range(0, int(picture["end"]) + 1, step):
        drawing.line(drawing.x(second), 30, drawing.x(second), y)
        drawing.text(drawing.x(second), y + 14, f"{second} s", "middle", 9)
    drawing.text(10, 18, headline(result), size=13)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 24}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(drawing.parts) + "\n</svg>\n")


def headline(result):
    times = result["times"]
    return (f"{result['side']}, seed {result['seed']}, {result['mode']}, ttl {times['ttl']}: {result['verdict']}; writes in {result['availability_pct']} % of the "
            f"windows, longest outage {result['longest_outage_s']} s, {result['lost']} lost, two primaries {result['double_s']} s")
