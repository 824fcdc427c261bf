#!/usr/bin/python3
"""Checks that role changes have not become slower. Role changes by Tamada and role changes by hand alternate in one run.

    check.py [--reps 5]

If Tamada's median exceeds the median by hand by more than the scenario's bound, the script prints the phases of the last role
changes and ends with status 1.
"""
import argparse
import json
import statistics
import sys

import by_hand
import scenarios
from harness import Cluster, processes

# The measurement by hand that each scenario is compared with, and the allowed difference in seconds: one and a half of the
# target, and a margin for a busy machine. Crash recovery alone takes 0.2 s to 3 s on the same machine, by hand as well.
BOUNDS = {"switchover": ("switchover", 0.25), "stop_daemon": ("switchover", 0.25), "kill_postgres": ("kill_postgres", 1.5)}


def phases(cluster):
    """The phases of the last change of the leader as each running member has seen it."""
    lines = []
    for node in (node for node in cluster.nodes if node.is_healthy("/liveness")):   # a member that was stopped may not answer yet
        told = json.loads(node.api("/tamada/handover")[1])
        if told:
            lines.append(f"    {node} saw a {told['kind']} from {told['from']} to {told['to']}: " +
                         ", ".join(f"{phase['phase']} {phase['ms']:.0f} ms" for phase in told["phases"]))
    return lines


def measure(reps, name, cluster, hands):
    """(ours, by hand, phases): the seconds without an acknowledged write for each repetition by Tamada and by hand, and the phases
    of Tamada's last role change."""
    ours, theirs = [], []
    for _ in range(reps):
        cluster.heal(120)
        ours.append(scenarios.SCENARIOS[name](cluster)["outage_s"])
        seen = phases(cluster)
        theirs.append(getattr(hands, BOUNDS[name][0])())
    return ours, theirs, seen


def above(ours, theirs):
    return statistics.median(ours) - statistics.median(theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    options = parser.parse_args()
    processes.adopt_orphans()
    slow = 0
    with Cluster(3, dcs=scenarios.DCS, prefix="tamada-bench-") as cluster, by_hand.servers(scenarios.DCS) as hands:
        cluster.up()
        for name, (floor, bound) in BOUNDS.items():
            ours, theirs, seen = measure(options.reps, name, cluster, hands)
            if above(ours, theirs) > bound:   # another program may have slowed the machine, so the scenario is repeated
                again = measure(options.reps, name, cluster, hands)
                ours, theirs, seen = ours + again[0], theirs + again[1], again[2]
            failed = above(ours, theirs) > bound
            slow += failed
            print(f"speed_{name}: {'FAILED' if failed else 'passed'}: {statistics.median(ours):.3f} s, by hand "
                  f"{statistics.median(theirs):.3f} s ({floor}), at most {bound:.2f} s more", flush=True)
            print("\n".join(["    ours    " + " ".join(f"{s:.3f}" for s in ours),
                             "    by hand " + " ".join(f"{s:.3f}" for s in theirs), *(seen if failed else [])]), flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
