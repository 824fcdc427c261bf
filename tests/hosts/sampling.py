"""Which hosts take writes, and when: asked on the hosts themselves, ten times a second, so that a pulled cable hides nothing.

The hosts share the machine's CLOCK_MONOTONIC; a sample says that from its time on, for as long as to the next sample, a
client on that host could have written.
"""
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
# Before the daemon: so it is stopped after it when the host goes down.
UNIT = """
[Unit]
Before=patroni.service
[Service]
ExecStart=/usr/bin/python3 -u /usr/local/lib/sampler.py
StandardOutput=append:/var/log/writable
Restart=always
[Install]
WantedBy=multi-user.target
"""


class Sampler:
    def __init__(self, machines, ks):
        # The hosts' disks are folders here: they can be read while a host is cut off, frozen or down.
        self.disks = {k: machines.state / f"run-{machines.name}" / str(k) / "upper" for k in ks}
        for k, disk in self.disks.items():
            machines.sh(k, f"cat >/usr/local/lib/sampler.py <<'END'\n{SAMPLER}\nEND\n"
                           f"cat >/etc/systemd/system/sampler.service <<'END'\n{UNIT}\nEND\n"
                           "systemctl daemon-reload; systemctl -q enable sampler; systemctl restart sampler")

    def samples(self, k, since, until):
        found = []
        for line in (self.disks[k] / "var/log/writable").read_text().splitlines():
            words = line.split()
            if len(words) == 2 and since <= float(words[0]) <= until:
                found.append((float(words[0]), words[1] == "1"))
        return found

    def writable(self, k, since, until):
        """Intervals in which host k took writes. A sample counts until the next, at most three periods."""
        samples = self.samples(k, since - 1, until)
        ends = [at for at, _ in samples[1:]] + [until]
        return [(at, min(end, at + 3 * PERIOD)) for (at, writable), end in zip(samples, ends) if writable]

    def doubly_writable(self, since, until=None):
        """Seconds in which more than one host took writes."""
        until = until or time.monotonic()
        edges = sorted([(t, step) for k in self.disks for a, b in self.writable(k, since, until) for t, step in ((a, 1), (b, -1))],
                       key=lambda edge: (edge[0], edge[1]))
        total, open_intervals, before = 0.0, 0, since
        for at, step in edges:
            if open_intervals > 1:
                total += at - before
            open_intervals, before = open_intervals + step, at
        return total
