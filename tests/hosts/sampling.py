"""Measures which hosts take writes. Each host asks its own server ten times a second, so that a pulled cable does not matter.

The hosts share the machine's CLOCK_MONOTONIC. Only proven times count, even if a busy machine takes its samples late. A host took
writes from the answer to one sample to the question of a later one if all samples in between say so. Two hosts took writes if a
sample of one is within such a time of the other.
"""
from machines import STATE

PERIOD = 0.1
# Two questions whether a server takes writes. The second one commits a transaction of its own, which waits for no standby.
READS = "select not pg_is_in_recovery()"
WRITES = "select case when pg_is_in_recovery() then false else pg_current_xact_id() is not null end"
PAUSE = 1.0   # seconds; a host that was silent for longer, perhaps because it was frozen, proves nothing about that time
SAMPLER = """
import time, psycopg2
conn = None
while True:
    began, writable = time.monotonic(), "-"
    try:
        if conn is None:
            conn = psycopg2.connect("host=/var/run/postgresql user=postgres password=superpassword dbname=postgres connect_timeout=1",
                                    options="-c statement_timeout=1000 -c synchronous_commit=local")
            conn.autocommit = True
            cursor = conn.cursor()
        cursor.execute("QUERY")
        writable = int(cursor.fetchone()[0])
    except Exception:
        conn = None
    print(began, time.monotonic(), writable, flush=True)
    time.sleep(PERIOD)
"""
# The unit starts before the daemon, so that it is stopped after the daemon when the host shuts down.
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
    def __init__(self, machines, ks, query=READS):
        program = SAMPLER.replace("QUERY", query).replace("PERIOD", str(PERIOD))
        # The disks of the hosts are folders of this machine, so they can be read while a host is cut off, frozen or down.
        self.disks = {k: STATE / f"run-{machines.name}" / str(k) / "upper" for k in ks}
        for k, disk in self.disks.items():
            machines.sh(k, f"cat >/usr/local/lib/sampler.py <<'END'\n{program}\nEND\n"
                           f"cat >/etc/systemd/system/sampler.service <<'END'\n{UNIT}\nEND\n"
                           "systemctl daemon-reload; systemctl -q enable sampler; systemctl restart sampler")

    def answers(self, k, since, until):
        """One answer for each sample: (asked, answered, "1": it took writes; "0": a standby; "-": no answer)."""
        found = []
        for line in (self.disks[k] / "var/log/writable").read_text().splitlines():
            words = line.split()
            if len(words) == 3 and since <= float(words[0]) <= until:
                found.append((float(words[0]), float(words[1]), words[2]))
        return found

    def samples(self, k, since, until):
        """One sample: (asked, answered, whether it took writes)."""
        return [(asked, answered, answer == "1") for asked, answered, answer in self.answers(k, since, until)]

    def doubly_writable(self, since, until):
        """Seconds in which more than one host took writes."""
        return doubly_writable([self.samples(k, since, until) for k in self.disks])


def proven(samples):
    """The times [from, to] in which a host certainly took writes."""
    times, last = [], None
    for asked, answered, writable in samples:
        if writable and last is not None and answered - last <= PAUSE:
            times[-1][1] = asked
        elif writable:
            times.append([answered, answered])
        last = asked if writable else None
    return times


def double_samples(hosts):
    """For each host the instants at which it took writes while another host did, too."""
    found = []
    for k, samples in enumerate(hosts):
        others = [time for j, other in enumerate(hosts) if j != k for time in proven(other)]
        found.append([asked for asked, answered, writable in samples if writable and any(begin <= asked and answered <= end for begin, end in others)])
    return found


def doubly_writable(hosts):
    return PERIOD * max(len(instants) for instants in double_samples(hosts))
