#!/usr/bin/python3
"""Measures the outages of one side: rto.py [--only switchover,node_loss] [--reps N] [--ttl 30 --loop-wait 10 --retry-timeout 10] [--json FILE]

DAEMON_CMD and CTL_CMD choose the side (default: this tree's release build). One line per scenario: seconds without an
acknowledged write (median, min, max), acknowledged rows lost.
"""
import argparse
import json
import statistics

import scenarios
from harness import Cluster, Side, processes


def measure(side, names, reps, dcs, say=print):
    """{scenario: [result, ...], "up": {...}}"""
    results = {name: [] for name in names}
    with Cluster(3, dcs=dcs, side=side, prefix="tamada-bench-") as c:
        c.up()
        results["up"] = [{"first_primary_s": c.seconds_to_first, "all_streaming_s": c.seconds_to_all}]
        say(f"  up: first primary {c.seconds_to_first:.2f} s, three nodes {c.seconds_to_all:.2f} s")
        for name in names:
            for _ in range(reps):
                try:
                    c.heal(180)
                    results[name].append(scenarios.SCENARIOS[name](c))
                except (TimeoutError, AssertionError) as e:
                    # A failed scenario is a result that is shown, and the others go on.
                    results[name].append({"failed": f"{type(e).__name__}: {e}"})
            say(f"  {name}: {summary(results[name])}")
    return results


def summary(rows):
    gaps = [r["outage_s"] for r in rows if "outage_s" in r]
    text = f"{statistics.median(gaps):.3f} s (min {min(gaps):.3f}, max {max(gaps):.3f})" if gaps else "-"
    lost = sum(r.get("lost", 0) for r in rows)
    failed = [r["failed"] for r in rows if "failed" in r]
    return text + (f", {lost} rows lost" if lost else "") + (f", FAILED {failed}" if failed else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only")
    parser.add_argument("--reps", type=int, default=1)
    parser.add_argument("--json")
    for key in ("ttl", "loop_wait", "retry_timeout"):
        parser.add_argument("--" + key.replace("_", "-"), type=int, default=scenarios.DCS[key])
    options = parser.parse_args()
    processes.adopt_orphans()
    dcs = {**scenarios.DCS, "ttl": options.ttl, "loop_wait": options.loop_wait, "retry_timeout": options.retry_timeout}
    names = options.only.split(",") if options.only else list(scenarios.SCENARIOS)
    results = measure(Side(), names, options.reps, dcs)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
