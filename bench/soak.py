#!/usr/bin/python3
"""Runs a cluster on an overloaded machine, with an etcd that pauses and changes its leader, and counts the failovers that nothing
but slowness caused. From time to time the primary's node is really lost, and the outage is measured.

    soak.py [--minutes 60] [--losses 6] [--profile fast | --times 20/3/3] [--peer] [--seed 1] [--json build/soak.json]

DAEMON_CMD and CTL_CMD choose the side (default: this tree's release build). --times is ttl/loop_wait/retry_timeout, for a side that
does not know profiles; failsafe_mode is on in both. --peer runs Debian's Patroni with its fastest legal times beside it, under the
same load and with an etcd of its own; the report has it under "peer". It ends with status 1 if this side had a false failover.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

import scenarios
from harness import Cluster, Etcd, Writer, processes, wait_for

TREE = pathlib.Path(__file__).resolve().parent.parent
PEER = {"DAEMON_CMD": "/usr/bin/patroni", "CTL_CMD": "/usr/bin/patronictl"}
PEER_TIMES = "20/3/3"   # the shortest that Patroni 3.0 accepts: ttl >= 20, and loop_wait + 2 * retry_timeout <= ttl
LONG_GAP = 1.0   # the report names times without an acknowledged write that are longer than this, in seconds


class EtcdMembers(Etcd):
    """An etcd cluster of three members on the ports that Cluster leaves free."""

    def __init__(self, root, ports):
        super().__init__(root, ports)
        self.members = {f"e{i}": (ports[10 + 2 * i], ports[11 + 2 * i]) for i in range(3)}
        self.procs = {}

    @property
    def hosts(self):
        return [f"127.0.0.1:{client}" for client, _ in self.members.values()]

    @property
    def url(self):
        return f"http://{self.hosts[0]}"

    def start(self):
        for name in self.members:
            self.start_member(name)
        wait_for("etcd's health", self.healthy, 60)

    def start_member(self, name):
        client, peer = self.members[name]
        together = ",".join(f"{other}=http://127.0.0.1:{port}" for other, (_, port) in self.members.items())
        with open(self.log_file, "a") as log:
            self.procs[name] = processes.spawn(
                ["etcd", "--name", name, "--data-dir", f"{self.root}/{name}.etcd", "--logger", "zap", "--enable-v2=true",
                 "--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
                 "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                 "--initial-cluster", together], log, self.root)
        self.proc = self.procs[name]

    def running(self):
        return all(proc.poll() is None for proc in self.procs.values())

    def signal(self, signum):
        for proc in self.procs.values():
            proc.send_signal(signum)

    def leader(self):
        """(the name of etcd's leader, the hexadecimal ids of the other members)"""
        out = processes.run(["etcdctl", "--endpoints", ",".join(self.hosts), "endpoint", "status", "-w", "json"], self.root,
                            env={"ETCDCTL_API": "3"}, timeout=20).stdout
        ids = {one["Endpoint"]: one["Status"]["header"]["member_id"] for one in json.loads(out)}
        leads = json.loads(out)[0]["Status"]["leader"]
        name = next(name for name, host in zip(self.members, self.hosts) if ids[host] == leads)
        return name, [format(one, "x") for one in ids.values() if one != leads]


# ---- what disturbs etcd

def pause_leader(etcd, chance):
    name, _ = etcd.leader()
    with paused([etcd.procs[name]]):
        time.sleep(chance.uniform(0.5, 3))


def pause_all(etcd, chance):
    with paused(etcd.procs.values()):
        time.sleep(chance.uniform(0.5, 3))


def move_leader(etcd, chance):
    name, others = etcd.leader()
    port = etcd.members[name][0]
    done = processes.run(["etcdctl", "--endpoints", f"127.0.0.1:{port}", "move-leader", chance.choice(others)], etcd.root,
                         env={"ETCDCTL_API": "3"}, timeout=20)
    assert done.returncode == 0, done.stderr


def kill_leader(etcd, chance):
    name, _ = etcd.leader()
    etcd.procs[name].kill()
    etcd.procs[name].wait(10)
    time.sleep(chance.uniform(0.5, 3))
    etcd.start_member(name)


DISTURBANCES = [pause_leader, pause_all, move_leader, kill_leader]


@contextlib.contextmanager
def paused(procs):
    procs = list(procs)
    for proc in procs:
        proc.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for proc in procs:
            proc.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def load(folder):
    """A load of about 8 on the processors, and files that are written and synced all the time."""
    stress = subprocess.Popen(["stress-ng", "--cpu", "8", "--hdd", "2", "--hdd-bytes", "256M", "--hdd-opts", "fsync", "--temp-path",
                               folder, "--quiet"], start_new_session=True)
    try:
        yield
    finally:
        stress.terminate()   # stress-ng ends its workers itself
        stress.wait(60)


# ---- the run

def promotions(c):
    """The number of promotions that the key `history` tells."""
    return len(json.loads(c.keys().get("history") or "[]"))


def excerpt(c, since, until):
    """{node: the lines of its daemon's log between these two times}, for a reader who asks what happened. The times are time.time()."""
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(t)) for t in (since - 5, until + 5))
    return {node.name: [line for line in node.log(whole=True).splitlines() if first <= line[:19] <= last] for node in c.nodes}


def quiet_stretch(c, seconds, chance, say):
    """Disturbs etcd for that many seconds. No node is lost meanwhile, so every promotion is a false failover."""
    before, began, done = promotions(c), time.time(), {}
    with Writer(c, period=0.02, table="soaked") as writer:
        first = time.monotonic()
        while time.monotonic() < first + seconds:
            disturb = chance.choice(DISTURBANCES)
            try:
                disturb(c.etcd, chance)
                done[disturb.__name__] = done.get(disturb.__name__, 0) + 1
            except (AssertionError, StopIteration, ValueError, subprocess.TimeoutExpired) as e:   # etcd had no leader to ask or to move
                say(f"    {disturb.__name__} was not possible: {e}")
            time.sleep(chance.uniform(5, 20))
        c.wait_healthy(180)
        times = [a.at for a in writer.acks]
        missing = len(writer.missing())
    offset = time.time() - time.monotonic()
    gaps = [(a + offset, b - a) for a, b in zip(times, times[1:]) if b - a > LONG_GAP]
    false = promotions(c) - before
    found = {"seconds": round(time.time() - began), "disturbances": done, "false_failovers": false, "missing": missing,
             "longest_gap_s": max(b - a for a, b in zip(times, times[1:])),
             "gaps": [{"seconds": round(length, 2), "log": excerpt(c, at, at + length)} for at, length in gaps]}
    say(f"  {found['seconds']} s, {sum(done.values())} disturbances of etcd: {false} false failovers, longest time without a write "
        f"{found['longest_gap_s']:.2f} s, {missing} rows lost")
    return found


def soak(options, say=print):
    chance = random.Random(options.seed)
    dcs = {"profile": options.profile, "ttl": None, "loop_wait": None, "retry_timeout": None}
    if options.times:
        dcs = dict(zip(("ttl", "loop_wait", "retry_timeout"), map(int, options.times.split("/"))))
    dcs = {"maximum_lag_on_failover": 1048576, "failsafe_mode": True, **dcs}
    stretches, losses = [], []
    with Cluster(3, dcs=dcs, prefix="tamada-bench-") as c:
        c.etcd = EtcdMembers(c.root, c.ports)
        for node in c.nodes:
            node.config["etcd3"]["hosts"] = c.etcd.hosts
        c.up()
        stress_folder = pathlib.Path(c.root) / "stress"
        stress_folder.mkdir()
        with contextlib.nullcontext() if options.no_load else load(str(stress_folder)):
            for _ in range(options.losses):
                stretches.append(quiet_stretch(c, options.minutes * 60 / options.losses, chance, say))
                losses.append(scenarios.node_loss(c, after_renewal=None)["outage_s"])
                say(f"  loss of the primary's node: {losses[-1]:.2f} s")
                c.wait_healthy(300)
    return {"dcs": dcs, "seed": options.seed, "stretches": stretches, "node_loss_s": losses,
            "false_failovers": sum(one["false_failovers"] for one in stretches), "missing": sum(one["missing"] for one in stretches)}


@contextlib.contextmanager
def peer(options):
    """Runs the peer's soak at the same time and yields a function that waits for its report."""
    path = pathlib.Path(options.json).with_suffix(".peer.json")
    path.unlink(missing_ok=True)
    proc = subprocess.Popen([sys.executable, __file__, "--minutes", str(options.minutes), "--losses", str(options.losses), "--times",
                             PEER_TIMES, "--no-load", "--seed", str(options.seed), "--json", str(path)],
                            env={**os.environ, **PEER}, start_new_session=True)
    try:
        yield lambda: (proc.wait(1800), json.loads(path.read_text()))[1]
    finally:
        if proc.poll() is None:
            proc.send_signal(signal.SIGINT)   # it ends its cluster itself
            proc.wait(120)


def summary(found):
    return (f"{sum(one['seconds'] for one in found['stretches']) / 60:.0f} minutes: {found['false_failovers']} false failovers, "
            f"{found['missing']} acknowledged rows lost; loss of the primary's node: median {statistics.median(found['node_loss_s']):.2f} s "
            f"({min(found['node_loss_s']):.2f}-{max(found['node_loss_s']):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--losses", type=int, default=6)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--times", help="ttl/loop_wait/retry_timeout in place of a profile")
    parser.add_argument("--peer", action="store_true", help="run Debian's Patroni beside it")
    parser.add_argument("--no-load", action="store_true", help="another process makes the load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", default=str(TREE / "build" / "soak.json"))
    options = parser.parse_args()
    processes.adopt_orphans()
    with peer(options) if options.peer else contextlib.nullcontext() as report:
        found = soak(options)
        if report:
            found["peer"] = report()
    found["tree"] = subprocess.run(["git", "-C", str(TREE), "describe", "--always", "--tags"], capture_output=True, text=True).stdout.strip()
    path = pathlib.Path(options.json)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(summary(found))
    if options.peer:
        print("Patroni: " + summary(found["peer"]))
    return 1 if found["false_failovers"] or found["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())
