#!/usr/bin/python3
"""Random faults on booted hosts under load, with a checker of what the clients saw. docs/chaos.md describes it.

    run.py [--minutes 10] [--seed 1 2 ...] [--mode async|sync|quorum] [--failsafe on|off] [--profile fast|norm] [--side tamada|patroni]
    run.py --faults FILE                              the faults of an earlier run's JSON file, or of a list that was cut down by hand
    run.py --plan --seed 1                            prints the faults, and carries nothing out
    run.py --table build/chaos/*.json [--write FILE]  the table of the results, in FILE in place of the present one

Each run writes a JSON file and a picture (SVG) in build/chaos, and, if it failed, a folder with the history and the logs. Ends with
status 1 if a run failed. KEEP=FOLDER keeps the hosts for the next call, which then finds the cluster that it needs.
"""
import argparse
import os
import pathlib
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "hosts"), str(HERE.parent)]

import measure  # noqa: E402
import picture  # noqa: E402
import plan  # noqa: E402
import results  # noqa: E402
from deployment import PROFILES, Deployment, built_packages  # noqa: E402
from machines import TREE, prepared  # noqa: E402

TIMES = {"fast": "fast", "norm": "seed"}   # -> the names of PROFILES


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--mode", choices=list(measure.MODES), default="sync")
    parser.add_argument("--failsafe", choices=["on", "off"], default="on")
    parser.add_argument("--profile", choices=list(TIMES), default="fast")
    parser.add_argument("--side", choices=["tamada", "patroni"], default="tamada")
    parser.add_argument("--json", type=pathlib.Path, help="for one seed: instead of build/chaos/SIDE-MODE-PROFILE-SEED.json")
    parser.add_argument("--faults", type=pathlib.Path, metavar="JSON")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--table", type=pathlib.Path, nargs="+", metavar="JSON")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    return parser.parse_args()


def run(options, site):
    """The number of failed runs."""
    failed = 0
    for seed in options.seed:
        path = options.json or TREE / "build" / "chaos" / f"{options.side}-{options.mode}-{options.profile}-{seed}.json"
        one = measure.Run(site, seed, options.minutes, options.mode, options.failsafe == "on", options.side,
                          plan.read(options.faults) if options.faults else None, lambda text: print(text, flush=True))
        result = one.measure()
        one.save(path)
        failed += result["verdict"] != "passed"
        print(picture.headline(result), *(f"  {failure}" for failure in result["failures"]), f"  {path}", sep="\n", flush=True)
    return failed


def main():
    options = parsed()
    if options.table:
        return results.tell(options.table, options.write)
    if options.plan:
        for seed in options.seed:
            print(*plan.made(seed, options.minutes * 60, PROFILES[TIMES[options.profile]], options.mode), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.setdefault("HOSTS_TTL", str(int(len(options.seed) * (options.minutes * 60 + 900) + 1200)))
    machines = prepared("cha", "10.213.9", busy_is_fine=True)   # a busy machine is one fault more
    keep = "KEEP" in os.environ
    fresh = not (keep and machines("status"))
    packages = built_packages() if fresh and options.side == "tamada" else "none"
    with tempfile.TemporaryDirectory(prefix="tamada-chaos-") as folder:
        site = Deployment(machines, os.environ.get("KEEP", folder), packages, TIMES[options.profile], options.mode != "async")
        try:
            if fresh:
                measure.deploy(site, options.side)
                fresh = False
            return 1 if run(options, site) else 0
        finally:
            if fresh or not keep:
                machines("down", check=False)


if __name__ == "__main__":
    sys.exit(main())
