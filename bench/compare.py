#!/usr/bin/python3
"""Compares Tamada with Debian's Patroni on the same machine with the same YAML. The two alternate in one run.

    compare.py [--reps 3] [--only switchover,...] [--window 30] [--json build/bench.json] [--write docs/benchmarks.md]
    compare.py --again sync_standby_loss --json build/bench.json       measures one row again, which then names its commit
    compare.py --from build/bench.json --write docs/benchmarks.md      writes the table again without measuring

    compare.py --more [--newer 17] [--clusters 50] [--soak build/soak.json] [--reps 3] [--json build/more.json]

--more: measures what takes long apart, and replaces the second part of the document, which begins with the heading MORE. --newer: the
outages with PostgreSQL 17 and the Patroni and etcd of its Debian, in a root of tests/versions. --clusters: as many clusters on one
etcd (scale.py). --soak: the results of `soak.py --peer`.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import by_hand
import footprint
import rto
import scale
import scenarios
from harness import Side, processes
from harness.cluster import server_version

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(TREE / "tests" / "versions"))
import roots  # noqa: E402

MORE = "## Measured apart"   # the heading of the document's second part
SCALE_WINDOW = 60            # seconds
PEER = ("/usr/bin/patroni", "/usr/bin/patronictl")

OUTAGES = [("switchover", "switchover over REST"),
           ("kill_postgres", "`kill -9` of PostgreSQL on the primary"),
           ("stop_daemon", "SIGTERM to the primary's daemon"),
           ("node_loss", "loss of the primary's node (daemon and PostgreSQL at once)"),
           ("kill_daemon", "`kill -9` of the primary's daemon, started again after 1 s"),
           ("etcd_wiped", "all keys deleted from etcd"),
           ("etcd_restart", "etcd killed and started again"),
           ("sync_switchover", "switchover over REST in synchronous mode"),
           ("sync_standby_loss", "loss of the synchronous standby, on which writes wait")]


# The shortest outages by hand (by_hand.py), which show what PostgreSQL itself needs for the same role change.
FLOORS = {"switchover": "switchover", "sync_switchover": "switchover", "stop_daemon": "switchover", "kill_postgres": "kill_postgres"}


def sides():
    return {"patroni": Side(*PEER), "tamada": Side()}


def output(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout.strip()
    except OSError:
        return ""


def machine():
    with open("/proc/cpuinfo") as f:
        text = f.read()
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1))
    model = re.search(r"model name\s*:\s*(.*)", text)
    return {"cpu": model.group(1) if model else platform.machine(), "cores": text.count("processor\t"),
            "memory_gib": round(memory / 1024 / 1024),
            "kernel": ".".join(platform.release().split(".")[:2]),
            "patroni": output("dpkg-query", "-W", "-f", "${Version}", "patroni"),
            "postgresql": output("dpkg-query", "-W", "-f", "${Version}", f"postgresql-{server_version()}"),
            "etcd": output("dpkg-query", "-W", "-f", "${Version}", "etcd-server"),
            "tamada": os.environ.get("TAMADA_COMMIT") or output("git", "-C", str(TREE), "describe", "--always", "--tags")}


def run(options):
    names = options.only.split(",") if options.only else [name for name, _ in OUTAGES]
    found = {"machine": machine(), "date": datetime.date.today().isoformat(), "reps": options.reps,
             "dcs": scenarios.DCS, "outages": {}, "footprint": {}}
    for rep in range(options.reps):
        for name, side in sides().items():
            print(f"{name}, round {rep + 1} of {options.reps}", flush=True)
            for key, rows in rto.measure(side, names, 1, scenarios.DCS).items():
                found["outages"].setdefault(name, {}).setdefault(key, []).extend(rows)
            save(found, options.json)
        for key, rows in by_hand.measure(1, scenarios.DCS).items():
            found["outages"].setdefault("by hand", {}).setdefault(key, []).extend(rows)
        save(found, options.json)
    if options.window:
        for name, side in sides().items():
            print(f"{name}, footprint", flush=True)
            found["footprint"][name] = footprint.measure(side, options.window, scenarios.DCS)
            save(found, options.json)
    return found


def run_more(options):
    found = {"machine": machine(), "date": datetime.date.today().isoformat()}
    if options.newer:
        found["newer"] = run_in_root(options.newer, options)
        save(found, options.json)
    for name, side in sides().items() if options.clusters else ():
        print(f"{name}, {options.clusters} clusters", flush=True)
        found.setdefault("scale", {})[name] = scale.measure(side, options.clusters, SCALE_WINDOW, scenarios.DCS)
        save(found, options.json)
    if options.soak:
        found["soak"] = json.loads(pathlib.Path(options.soak).read_text())
        save(found, options.json)
    return found


def run_in_root(major, options):
    """The same measurements with PostgreSQL `major`, and with Patroni and etcd of the Debian release that has this PostgreSQL."""
    version = next(one for one in roots.VERSIONS if str(one.major) == major)
    programs = [TREE / "build" / "release" / "bin" / name for name in ("tamada", "tamadactl", "tamada-guard")]
    with roots.opened(version) as inside, tempfile.NamedTemporaryFile(dir=TREE / "build", suffix=".json") as results:
        inside.lend(*programs)
        words = inside.command("/usr/bin/python3", "bench/compare.py", "--reps", options.reps, "--window", 0, "--json", results.name,
                               "--write", "", *(["--only", options.only] if options.only else []),
                               DAEMON_CMD="/mnt/daemon/tamada", CTL_CMD="/mnt/daemon/tamadactl", TAMADA_COMMIT=machine()["tamada"])
        subprocess.run([str(word) for word in words], cwd=TREE, check=True)
        return json.loads(results.read())


def measure_again(names, options):
    """Replaces these rows of an earlier run, after a change that concerns nothing else."""
    found = json.loads(pathlib.Path(options.json).read_text())
    for name in names.split(","):
        rows = {side: [] for side in sides()}
        for rep in range(options.reps):
            for side, what in sides().items():
                print(f"{side}, round {rep + 1} of {options.reps}", flush=True)
                rows[side] += rto.measure(what, [name], 1, scenarios.DCS)[name]
        for side, results in rows.items():
            found["outages"][side][name] = results
        found.setdefault("again", {})[name] = machine()["tamada"]
    return found


def save(found, path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


# ---- the table

def values(found, side, scenario, field):
    return [r[field] for r in found["outages"].get(side, {}).get(scenario, []) if field in r]


def ratio(theirs, ours, more_is_better=False):
    if not theirs or not ours:
        return "-"
    times = ours / theirs if more_is_better else theirs / ours
    return f"{times:.0f}x" if times >= 9.5 else f"{times:.1f}x"


def seconds_row(found, title, scenario, field):
    cells, medians = [], []
    for side in ("patroni", "tamada"):
        seen = values(found, side, scenario, field)
        medians.append(statistics.median(seen) if seen else None)
        text = spread(seen)
        failed = len(found["outages"].get(side, {}).get(scenario, [])) - len(seen)
        lost = sum(values(found, side, scenario, "lost"))
        cells.append(text + (f", {failed} failed" if failed else "") + (f", {lost} rows lost" if lost else ""))
    return f"| {title} | {cells[0]} | {cells[1]} | {ratio(*medians)} |"


def spread(seen):
    return f"{statistics.median(seen):.2f}" + (f" ({min(seen):.2f}-{max(seen):.2f})" if len(seen) > 1 else "") if seen else "-"


def outage_row(found, title, scenario):
    if scenario in found.get("again", {}):
        title += f" (Tamada {found['again'][scenario]})"
    by_hand_seconds = values(found, "by hand", FLOORS.get(scenario, ""), "outage_s")
    return seconds_row(found, title, scenario, "outage_s") + f" {spread(by_hand_seconds)} |"


def phases_text(found):
    """The phases of the switchovers as the old leaders have seen them."""
    rows = values(found, "tamada", "switchover", "phases_ms")
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row))
    told = ", ".join(f"{name} {statistics.median([row[name] for row in rows if name in row]):.0f} ms" for name in names)
    return [f"Phases of Tamada's switchover, medians, as the old leader sees them (`GET /tamada/handover`): {told}. The outage begins",
            "with \"stop\".", ""]


def footprint_rows(found):
    theirs, ours = found["footprint"].get("patroni"), found["footprint"].get("tamada")
    if not theirs or not ours:
        return []

    def row(title, read, unit="", more=False, digits=1):
        a, b = read(theirs), read(ours)
        return f"| {title} | {a:,.{digits}f}{unit} | {b:,.{digits}f}{unit} | {ratio(a, b, more)} |"
    return [
        row("memory of the leader's daemon (RSS)", lambda f: f["leader"]["rss_mb"], " MB"),
        row("memory of a replica's daemon (RSS)", lambda f: f["replica"]["rss_mb"], " MB"),
        row("idle CPU, leader's daemon", lambda f: f["leader"]["idle_cpu_pct"], " %", digits=2),
        row("threads", lambda f: f["leader"]["threads"], digits=0),
        row("health checks per second, kept connections", lambda f: f["checks_keepalive"]["per_s"], more=True, digits=0),
        f"| - their 99th percentile | {theirs['checks_keepalive']['p99']} | {ours['checks_keepalive']['p99']} | |",
        row("health checks per second, a connection each", lambda f: f["checks_close"]["per_s"], more=True, digits=0),
        row("writes to etcd per minute, idle", lambda f: f["etcd_writes_per_min"]),
    ]


def scale_rows(found):
    theirs, ours = found["scale"].get("patroni"), found["scale"].get("tamada")

    def row(title, key, unit="", digits=1):
        return f"| {title} | {theirs[key]:,.{digits}f}{unit} | {ours[key]:,.{digits}f}{unit} | {ratio(theirs[key], ours[key])} |"
    return [
        row("CPU of etcd, of one core", "etcd_cpu_pct", " %"),
        row("CPU of all daemons, of one core", "daemons_cpu_pct", " %"),
        row("writes to etcd per second", "etcd_writes_per_s", digits=2),
        row("another client's watch of etcd: median", "watch_ms_median", " ms", 2),
        row("- 99th percentile", "watch_ms_p99", " ms", 2),
        row("memory of all daemons (PSS)", "daemons_pss_mb", " MB", 0),
    ]


def soak_row(title, soak):
    dcs, stretches = soak["dcs"], soak["stretches"]
    times = "profile fast (4/1/1)" if dcs.get("profile") == "fast" else "{ttl}/{loop_wait}/{retry_timeout}".format(**dcs)
    return (f"| {title}, {times} | {soak['false_failovers']} | {max(one['longest_gap_s'] for one in stretches):.2f} | "
            f"{soak['missing']} | {spread(soak['node_loss_s'])} |")


def soak_rows(soak):
    minutes = sum(one["seconds"] for one in soak["stretches"]) / 60
    done = sum(sum(one["disturbances"].values()) for one in soak["stretches"])
    return [f"### {minutes:.0f} minutes on an overloaded machine", "",
            "Both sides at the same time, each with three nodes and three members of etcd, under a load of 8 on 2 cores and storms of fsync.",
            f"Tamada's etcd was disturbed {done} times (its leader or all of it paused for 0.5-3 s, its leader moved or killed), Patroni's as",
            f"often. A false failover is a promotion while no node was lost. Failsafe mode is on. {len(soak['node_loss_s'])} times the primary's",
            f"node was lost. Tamada {soak['tree']}; Patroni has the shortest times that it accepts.", "",
            "| | false failovers | longest time without a write meanwhile (s) | rows lost | loss of the primary's node (s) |", "|---|---|---|---|---|",
            soak_row("Patroni", soak["peer"]), soak_row("Tamada", soak), ""]


OUTAGES_HEAD = "| | Patroni | Tamada | ratio | by hand |\n|---|---|---|---|---|"


def outage_rows(found):
    return [outage_row(found, title, name) for name, title in OUTAGES if name in found["outages"].get("tamada", {})]


def newer_rows(found):
    newer = found.get("newer")
    if not newer:
        return []
    m = newer["machine"]
    return [f"### Outages with Patroni {m['patroni']}", "",
            f"The same with PostgreSQL {m['postgresql']} and etcd {m['etcd']} on the same machine, {rounds(newer)}.", "",
            OUTAGES_HEAD, *outage_rows(newer),
            seconds_row(newer, "three nodes, both replicas streaming, from nothing", "up", "all_streaming_s") + " - |", ""]


def rounds(found):
    return f"{found['reps']} round" + ("s" if found["reps"] > 1 else "")


def table(found):
    m, d = found["machine"], found["dcs"]
    head = "| | Patroni | Tamada | ratio |\n|---|---|---|---|"
    lines = [
        "# Tamada beside Patroni", "",
        "Written by `make bench` (bench/compare.py), not by hand. Both sides run in one go and take turns, with the same YAML",
        f"(ttl {d['ttl']}, loop_wait {d['loop_wait']}, retry_timeout {d['retry_timeout']}), three nodes and one etcd on loopback.", "",
        f"Machine: {m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, Linux {m['kernel']}. Patroni {m['patroni']}, PostgreSQL",
        f"{m['postgresql']}, etcd {m['etcd']} (Debian's packages), Tamada {m['tamada']}. {found['date']}, {rounds(found)}.", "",
        "## Outages", "",
        "Seconds: the longest time without an acknowledged write, for a client that inserts a row every 5 ms and connects again after",
        "an error. Median (min-max). Ratio: how many times shorter. By hand: `pg_ctl stop -m fast` on the primary and `pg_ctl promote` on",
        "a standby, or `pg_ctl start` after the kill, on the same servers without any daemon: what PostgreSQL itself needs.", "",
        OUTAGES_HEAD, *outage_rows(found), "",
        *phases_text(found),
        "On both sides etcd keeps the key of a lost node until its lease ends, so ttl bounds the loss of a node. The node is lost",
        f"{scenarios.LOSS_AFTER_RENEWAL} s after its daemon has renewed the lease: {d['ttl'] - scenarios.LOSS_AFTER_RENEWAL} s of the outage are the rest of the lease.", "",
        "## From nothing to a cluster", "", head,
        seconds_row(found, "first primary, from an empty folder (s)", "up", "first_primary_s"),
        seconds_row(found, "three nodes, both replicas streaming (s)", "up", "all_streaming_s"), ""]
    rows = footprint_rows(found)
    if rows:
        lines += ["## Footprint of a daemon", "", head, *rows, ""]
    return "\n".join(lines)


def more(found):
    """The second part of the document."""
    m = found["machine"]
    lines = [MORE, "",
             f"Written by `make bench ARGS=--more` on the same kind of machine ({m['cpu']}, {m['cores']} cores). Tamada {m['tamada']}, {found['date']}.", ""]
    lines += newer_rows(found)
    if found.get("scale"):
        lines += [f"### {found['scale']['tamada']['clusters']} clusters on one etcd", "",
                  f"Each is a leader alone, because it is the leader that writes to etcd. Idle, {SCALE_WINDOW} s.", "",
                  "| | Patroni | Tamada | ratio |\n|---|---|---|---|", *scale_rows(found), ""]
    if found.get("soak"):
        lines += soak_rows(found["soak"])
    return "\n".join(lines)


def write(path, first=None, second=None):
    """Replaces one part of the document, and keeps the other."""
    path = pathlib.Path(path)
    old_first, _, old_second = (path.read_text() if path.exists() else "").partition(MORE)
    second = second or (MORE + old_second if old_second else "")
    path.write_text((first or old_first).rstrip("\n") + "\n" + ("\n" + second if second else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--window", type=int, default=30, help="seconds of idling for the footprint; 0: none")
    parser.add_argument("--more", action="store_true", help="measure the second part of the document")
    parser.add_argument("--clusters", type=int, default=50, help="clusters on one etcd; 0: none")
    parser.add_argument("--soak", help="results of soak.py --peer")
    parser.add_argument("--newer", default="17", help="a major version of PostgreSQL; empty: none")
    parser.add_argument("--json")
    parser.add_argument("--again", help="rows of --json, separated by commas")
    parser.add_argument("--from", dest="source", help="results of an earlier run")
    parser.add_argument("--write", default=str(TREE / "docs" / "benchmarks.md"))
    options = parser.parse_args()
    processes.adopt_orphans()
    options.json = options.json or str(TREE / "build" / ("more.json" if options.more else "bench.json"))
    if options.source:
        found = json.loads(pathlib.Path(options.source).read_text())
    elif options.more:
        found = run_more(options)
    elif options.again:
        found = measure_again(options.again, options)
        save(found, options.json)
    else:
        found = run(options)
    text = more(found) if options.more else table(found)
    if options.write:
        write(options.write, **{"second" if options.more else "first": text})
    print("\n" + text)


if __name__ == "__main__":
    main()
