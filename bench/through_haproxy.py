#!/usr/bin/python3
"""Measures what clients behind HAProxy notice of a role change, for several ways in which HAProxy can check the nodes. Each way has
its own HAProxy in front of the same cluster. A directly connected client is measured as well.

    through_haproxy.py [--reps 5] [--only switchover,stop_daemon,kill_postgres]

One line for each outage and way: the longest time without an acknowledged write (median, min, max), in seconds.
"""
import argparse
import contextlib
import statistics
import sys
import time

import scenarios
from harness import Cluster, Writer, processes

CONFIG = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 4s
    timeout check 2s
    timeout client 24h
    timeout server 24h
listen primary
    bind 127.0.0.1:{port}
    option httpchk OPTIONS /primary
    http-check expect status 200
{way}
{servers}
"""
FAST = "{retries}    default-server inter 1s fastinter 100ms downinter 100ms fall 2 rise 1 {more}on-marked-down shutdown-sessions"
# The name of each way, and the lines of the configuration in which it differs.
WAYS = {
    "Patroni's example": "    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions",
    "each second": "    default-server inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions",
    "100 ms where down or in doubt": FAST.format(retries="", more=""),
    "the same without retries": FAST.format(retries="    retries 0\n", more=""),
    "the same, a refused connection hastens the check": FAST.format(retries="    retries 0\n", more="observe layer4 error-limit 1 on-error fastinter "),
    "the same, a refused connection marks down": FAST.format(retries="    retries 0\n", more="observe layer4 error-limit 1 on-error mark-down "),
}


@contextlib.contextmanager
def proxies(cluster, ports):
    servers = "\n".join(f"    server {n} 127.0.0.1:{n.pg_port} maxconn 100 check port {n.api_port}" for n in cluster.nodes)
    running = []
    try:
        for port, (name, way) in zip(ports, WAYS.items()):
            path = f"{cluster.root}/haproxy-{port}.cfg"
            with open(path, "w") as f:
                f.write(CONFIG.format(port=port, way=way, servers=servers))
            with open(f"{cluster.root}/haproxy-{port}.log", "a") as log:
                running.append(processes.spawn(["haproxy", "-db", "-f", path], log, cluster.root))
        yield
    finally:
        for proc in running:
            proc.kill()
            proc.wait(10)


def measure(cluster, ports, name):
    """{way: seconds}"""
    ways = {"directly": None, **dict(zip(WAYS, ports))}
    with contextlib.ExitStack() as stack:
        writers = {way: stack.enter_context(Writer(cluster, period=0.01, table=f"written_{i}",
                                                   endpoints=port and [("127.0.0.1", port)]))
                   for i, (way, port) in enumerate(ways.items())}
        began = time.monotonic()
        scenarios.SCENARIOS[name](cluster)
        for writer in writers.values():
            writer.wait_for_writes(time.monotonic(), 50, 60)
        return {way: writer.longest_gap(began) for way, writer in writers.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", default="switchover,stop_daemon,kill_postgres")
    options = parser.parse_args()
    processes.adopt_orphans()
    with Cluster(3, dcs=scenarios.DCS, prefix="tamada-bench-") as cluster:
        cluster.up()
        ports = [cluster.ports[14 + i] for i in range(len(WAYS))]
        with proxies(cluster, ports):
            for name in options.only.split(","):
                found = []
                for _ in range(options.reps):
                    cluster.heal(120)
                    found.append(measure(cluster, ports, name))
                for way in found[0]:
                    gaps = [one[way] for one in found]
                    print(f"{name}, {way}: {statistics.median(gaps):.3f} (min {min(gaps):.3f}, max {max(gaps):.3f})", flush=True)


if __name__ == "__main__":
    sys.exit(main())
