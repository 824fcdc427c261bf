"""Terminal output: lines that stay above a block that is redrawn in place. Without a terminal only plain lines are printed."""
import os
import shutil
import sys
import time

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Screen:
    def __init__(self, out=sys.stdout):
        self.out = out
        self.live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colours = self.live and "NO_COLOR" not in os.environ
        self.unicode = (out.encoding or "").lower().replace("-", "") == "utf8"
        self.began = time.monotonic()
        self._drawn = 0
        self._last = None

    def style(self, text, *names):
        if not self.colours or not names:
            return text
        return f"\x1b[{';'.join(STYLES[n] for n in names)}m{text}\x1b[0m"

    def _erase(self):
        if self._drawn:
            self.out.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def say(self, text="", *styles):
        """Prints a line that stays, after the time since the start."""
        stamp = f"{time.monotonic() - self.began:6.1f} s  "
        self.line(self.style(stamp, "dim") + self.style(text, *styles) if text else "")

    def line(self, text=""):
        self._erase()
        self.out.write(text + "\n")
        self.out.flush()

    def bye(self):
        try:
            self.line()
            self.line("stopping: ends all processes and removes the folder")
        except OSError:
            pass   # the terminal was closed

    def draw(self, lines):
        """Replaces the block that was drawn last. Without a terminal nothing is printed."""
        if not self.live:
            return
        width, height = shutil.get_terminal_size()
        self._erase()
        lines = [_cut(line, width - 1) for line in lines[:height - 2]]
        self.out.write("".join(line + "\n" for line in lines))
        self.out.flush()
        self._drawn = len(lines)

    def keep(self, lines):
        """Prints the block as lines that stay. Without a terminal it is printed only if it differs from the last one."""
        if not self.live and lines == self._last:
            return
        self._last = lines
        for line in lines:
            self.line(line)


def _cut(text, width):
    """Cuts the text to width visible characters. Styles take no room."""
    out, seen, i = [], 0, 0
    while i < len(text):
        if text[i] == "\x1b":
            end = text.index("m", i) + 1
            out.append(text[i:end])
            i = end
            continue
        if seen < width:
            out.append(text[i])
            seen += 1
        i += 1
    return "".join(out)


def strip(acks, until, width, unicode, step=0.25):
    """The writes per `step` seconds as a strip of bars. A time without writes is a gap."""
    counts = [0] * width
    for at in acks:
        i = width - 1 - int((until - at) / step)
        if 0 <= i < width:
            counts[i] += 1
    top = max(max(counts), 1)
    bars = " ▁▂▃▄▅▆▇█" if unicode else " .:-=+*##"
    return "".join(bars[0 if n == 0 else max(1, round(n / top * (len(bars) - 1)))] for n in counts)
