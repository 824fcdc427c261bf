#!/usr/bin/python3
"""Footprint of one side's daemon: memory, threads, idle CPU, health checks per second, writes to etcd.

footprint.py [--window 60] [--json FILE]. DAEMON_CMD and CTL_CMD choose the side (default: this tree's release build).
"""
import argparse
import json
import os
import re
import subprocess
import time

import scenarios
from harness import Cluster, Side, processes


def memory_mb(pids, field):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1))
    return round(total / 1024, 1)


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def checks(node, *arguments):
    """Requests GET /primary over 32 connections."""
    text = subprocess.run(["wrk", "-t1", "-c32", "-d8s", "--latency", *arguments, f"http://127.0.0.1:{node.api_port}/primary"],
                          capture_output=True, text=True, check=True).stdout
    return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "p99": re.search(r"99%\s+(\S+)", text).group(1)}


def etcd_revision(c):
    return json.loads(c.etcd.ctl("endpoint", "status", "-w", "json").stdout)[0]["Status"]["header"]["revision"]


def measure(side, window, dcs, say=print):
    with Cluster(3, dcs=dcs, side=side, prefix="tamada-bench-") as c:
        c.up()
        leader, replica = c.leader(), c.replicas()[0]
        time.sleep(5)   # work after the start does not count as idle load
        daemons = {"leader": processes.tree(leader.proc.pid), "replica": processes.tree(replica.proc.pid)}
        before = {role: cpu_s(pids) for role, pids in daemons.items()}
        revision, began = etcd_revision(c), time.monotonic()
        time.sleep(window)
        seconds = time.monotonic() - began
        result = {role: {"rss_mb": memory_mb(pids, "Rss"), "pss_mb": memory_mb(pids, "Pss"),
                         "threads": sum(len(os.listdir(f"/proc/{p}/task")) for p in pids),
                         "idle_cpu_pct": round(100 * (cpu_s(pids) - before[role]) / seconds, 2)} for role, pids in daemons.items()}
        result["etcd_writes_per_min"] = round((etcd_revision(c) - revision) * 60 / seconds, 1)
        result["checks_keepalive"] = checks(leader)
        result["checks_close"] = checks(leader, "-H", "Connection: close")
        result["rss_mb_after_load"] = memory_mb(processes.tree(leader.proc.pid), "Rss")
    say("  " + json.dumps(result))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--json")
    options = parser.parse_args()
    processes.adopt_orphans()
    result = measure(Side(), options.window, scenarios.DCS)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
