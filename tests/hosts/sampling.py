"""Which hosts take writes, and when: asked on the hosts themselves, ten times a second, so that a pulled cable hides nothing.

The hosts share the machine's CLOCK_MONOTONIC; a sample says that from its time on, for as long as to the next sample, a
client on that host could have written.
"""
import threading
import time

PERIOD = 0.1
SAMPLER = f"""
import time, psycopg2
conn = None
while True:
    began, writable = time.monotonic(), 0
    try:
        if conn is None:
            conn = psycopg2.connect("host=/var/run/postgresql user=postgres password=superpassword dbname=postgres connect_timeout=1 options='-c statement_timeout=1000'")
            conn.autocommit = True
            cursor = conn.cursor()
        cursor.execute("select not pg_is_in_recovery()")
        writable = int(cursor.fetchone()[0])
    except Exception:
        conn = None
    print(began, writable, flush=True)
    time.sleep({PERIOD})
"""


class Sampler:
    def __init__(self, machines, ks):
        self.machines, self.samples, self._done = machines, {k: [] for k in ks}, threading.Event()
        self._running = {}
        self._threads = [threading.Thread(target=self._follow, args=(k,), daemon=True) for k in ks]
        for thread in self._threads:
            thread.start()

    def _follow(self, k):
        while not self._done.wait(0.3):
            self._running[k] = process = self.machines.popen(k, "python3", "-uc", SAMPLER)
            for line in process.stdout:   # ends with the host
                try:
                    at, writable = line.split()
                    self.samples[k].append((float(at), writable == "1"))
                except ValueError:
                    break
            process.kill()
            process.wait()

    def stop(self):
        self._done.set()
        for process in list(self._running.values()):
            process.kill()
        for thread in self._threads:
            thread.join(5)

    def writable(self, k, since, until):
        """Intervals in which host k took writes. A sample counts until the next, at most three periods."""
        samples = [s for s in list(self.samples[k]) if since - 1 <= s[0] <= until]
        ends = [s[0] for s in samples[1:]] + [until]
        return [(at, min(end, at + 3 * PERIOD)) for (at, writable), end in zip(samples, ends) if writable]

    def doubly_writable(self, since, until=None):
        """Seconds in which more than one host took writes."""
        until = until or time.monotonic()
        edges = sorted([(t, step) for k in self.samples for a, b in self.writable(k, since, until) for t, step in ((a, 1), (b, -1))],
                       key=lambda edge: (edge[0], edge[1]))
        total, open_intervals, before = 0.0, 0, since
        for at, step in edges:
            if open_intervals > 1:
                total += at - before
            open_intervals, before = open_intervals + step, at
        return total
