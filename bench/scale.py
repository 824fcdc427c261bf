#!/usr/bin/python3
"""Many clusters on one etcd: what their daemons cost it, and how fast it still tells a change.

    scale.py [--clusters 50] [--window 60] [--json FILE]

Each cluster is a leader alone (one daemon, one PostgreSQL), because it is the leader that writes to etcd. DAEMON_CMD and CTL_CMD
choose the side (default: this tree's release build).
"""
import argparse
import base64
import contextlib
import json
import statistics
import threading
import time
import urllib.request

import footprint
import scenarios
from harness import Cluster, Etcd, Side, processes, wait_for

PUT_EVERY = 0.25   # seconds between two changes of the key that is watched


class SharedEtcd(Etcd):
    """The etcd of the first cluster, used by another one, which neither starts nor ends it."""

    def __init__(self, etcd):
        super().__init__(etcd.root, (etcd.port, etcd.peer_port))

    def start(self):
        pass


def post(etcd, path, body, timeout=10):
    return urllib.request.urlopen(urllib.request.Request(f"{etcd.url}{path}", json.dumps(body).encode()), timeout=timeout)


class Watch:
    """Another client of etcd, which changes a key and measures how long its watch takes to tell it."""

    def __init__(self, etcd):
        self.etcd, self.key = etcd, base64.b64encode(b"/watched").decode()
        self.sent, self.latencies = {}, []
        self.stream = post(etcd, "/v3/watch", {"create_request": {"key": self.key}}, timeout=60)
        self.stream.readline()   # the watch is created
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.stream:
            arrived = time.monotonic()
            for event in json.loads(line)["result"].get("events", []):
                number = int(base64.b64decode(event["kv"]["value"]))
                self.latencies.append(arrived - self.sent[number])
                if number < 0:
                    return

    def run(self, seconds):
        ends, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            number += 1
            self._put(number)
            time.sleep(PUT_EVERY)
        self._put(-1)
        self.reader.join(30)
        assert len(self.latencies) == number + 1, f"{len(self.latencies)} of {number + 1} changes were told"
        return number + 1

    def _put(self, number):
        self.sent[number] = time.monotonic()
        post(self.etcd, "/v3/kv/put", {"key": self.key, "value": base64.b64encode(str(number).encode()).decode()}).close()


def measure(side, clusters, window, dcs, say=print):
    with contextlib.ExitStack() as stack:
        started = []
        for i in range(clusters):
            c = stack.enter_context(Cluster(1, dcs=dcs, scope=f"scale{i}", side=side, prefix="tamada-bench-"))
            if started:
                c.etcd = SharedEtcd(started[0].etcd)
                c.nodes[0].config["etcd3"]["hosts"] = f"127.0.0.1:{c.etcd.port}"
            started.append(c.up())
        wait_for("all leaders", lambda: all(c.nodes[0].is_primary() for c in started), 120)
        etcd = started[0].etcd
        time.sleep(dcs["loop_wait"])   # work after the start does not count
        daemons = [pid for c in started for pid in processes.tree(c.nodes[0].proc.pid)]
        watch = Watch(etcd)
        revision, began = footprint.etcd_revision(started[0]), time.monotonic()
        etcd_cpu, daemon_cpu = footprint.cpu_s([etcd.proc.pid]), footprint.cpu_s(daemons)
        own_writes = watch.run(window)
        seconds = time.monotonic() - began
        result = {"clusters": clusters, "etcd_cpu_pct": round(100 * (footprint.cpu_s([etcd.proc.pid]) - etcd_cpu) / seconds, 2),
                  "daemons_cpu_pct": round(100 * (footprint.cpu_s(daemons) - daemon_cpu) / seconds, 2),
                  "etcd_writes_per_s": round((footprint.etcd_revision(started[0]) - revision - own_writes) / seconds, 2),
                  "watch_ms_median": round(1000 * statistics.median(watch.latencies), 2),
                  "watch_ms_p99": round(1000 * statistics.quantiles(watch.latencies, n=100)[98], 2),
                  "daemons_pss_mb": footprint.memory_mb(daemons, "Pss")}
    say("  " + json.dumps(result))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--json")
    options = parser.parse_args()
    processes.adopt_orphans()
    result = measure(Side(), options.clusters, options.window, scenarios.DCS)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
