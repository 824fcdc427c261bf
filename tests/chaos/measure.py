"""One run: load, faults, healing, and what the checkers say. The result is a dictionary, which becomes a JSON file."""
import collections
import datetime
import json
import os
import subprocess
import time

import checker
import clients
import cycles
import picture
import plan
from deployment import TLS
from harness import wait_for
from history import OK, Operation
from machines import TREE
from nemesis import Nemesis
from sampling import PERIOD, WRITES, Sampler, double_samples

MODES = {"async": "false", "sync": "true", "quorum": "quorum"}   # -> synchronous_mode
WINDOW_S = 0.5          # availability: the part of such windows with an acknowledged write
RECOVERY_S = 300        # seconds in which the cluster must come back by itself when all is healed
THAWED_S = 1.0          # all processes of a thawed host wake up at once, so its server may answer before it is ended
# What asynchronous replication may lose at a failover, and the anomalies that follow from it.
OF_LOSS = ("lost", "went back", "stale", "incompatible order", "G0", "G1c", "G-single", "G2")


def deploy(site, side):
    """A cluster of that side on fresh hosts, with the same etcd."""
    site.machines.env["HOSTS_DATA"] = "3G"   # a disk of its own for the data, so that it can be full
    site.machines("up", len(site.nodes), timeout=300)
    site.play("create_etcd.yml", server="etcd001")
    if side == "patroni":
        site.start_patroni(TLS)
    else:
        site.play("create_pgha_patroni.yml")
    site.wait_healthy(180)


class Run:
    def __init__(self, site, seed, minutes=10, mode="sync", failsafe=True, side="tamada", faults=None, say=print):
        """faults: instead of those of the seed."""
        self.site, self.seed, self.seconds, self.mode, self.side, self.say = site, seed, minutes * 60, mode, side, say
        site.synchronous = mode != "async"
        base = {"synchronous_mode": MODES[mode], "failsafe_mode": str(failsafe).lower(), **site.times}
        self.sampler = Sampler(site.machines, [node.k for node in site.nodes], WRITES)
        faults = faults or plan.made(seed, self.seconds, site.times, mode)
        self.nemesis = Nemesis(site, self.sampler, faults, side, base, say)
        self.failures, self.anomalies = [], []
        self.result = {"side": side, "seed": seed, "mode": mode, "failsafe": failsafe, "times": site.times, "minutes": minutes,
                       "date": datetime.datetime.now().isoformat(timespec="seconds"), "cores": os.cpu_count(), "version": version(side, site)}

    def measure(self):
        self.nemesis.set(self.nemesis.base)
        self.site.wait_healthy()
        clients.prepare(self.site.leader())
        self.load = clients.Load([node.address for node in self.site.nodes], self.seed)
        self.load.start()
        wait_for("acknowledged writes", lambda: len(self.load.acknowledged_writes()) > 50, 60)
        self.began = time.monotonic()
        self.say(f"{self.side}, seed {self.seed}, {self.mode}, {len(self.nemesis.plan)} faults in {self.seconds:.0f} s")
        self.nemesis.carry_out(self.began)
        time.sleep(max(0, self.began + self.seconds - time.monotonic()))
        self.healed = time.monotonic()
        self._recover()
        self.load.stop()
        self.ended = time.monotonic()
        self._compare()
        self._judge()
        return self.result

    def _recover(self):
        try:
            self.nemesis.heal()
            self.site.wait_healthy(RECOVERY_S)
        except (TimeoutError, RuntimeError) as error:
            self.failures.append(f"not healthy by itself: {error}")
        self.result["recovered_s"] = round(time.monotonic() - self.healed, 1)

    def _compare(self):
        """Compares what the clients know with what is there, on the primary and on the standbys."""
        try:
            leader = self.site.wait_leader(60)
            final = clients.final_state(leader.address)
        except Exception as error:
            self.failures.append(f"nothing to compare with: {error}")
            return
        history = self.load.history
        self.anomalies += checker.broken(history.operations)
        self.anomalies += checker.inserts(history.of("insert"), final["set"])
        self.anomalies += checker.bank([*history.of("balances"), final_balances(final)], clients.ACCOUNTS * clients.BALANCE)
        self.anomalies += checker.counter(history.of("increment", "look"), final["counter"])
        for level in clients.LEVELS:
            self.anomalies += cycles.lists(history.of(level), final["lists"][level], level)
        end = leader.sql("select pg_current_wal_insert_lsn()")[0][0]
        for node in self.site.nodes:
            if node is leader:
                continue
            try:
                wait_for(f"{node.name}'s replay", lambda: node.sql(f"select pg_last_wal_replay_lsn() >= '{end}'")[0][0], 60)
                if clients.final_state(node.address) != final:
                    self.failures.append(f"{node.name} has other rows than the primary {leader.name}")
            except Exception as error:
                self.failures.append(f"{node.name} cannot be compared: {error}")

    def _double(self):
        """(seconds of two primaries, those right after a host was thawed)"""
        instants = double_samples([self.sampler.samples(k, self.began, self.ended) for k in self.sampler.disks])
        excused = [[at for at in each if any(thawed - 1 <= at <= thawed + THAWED_S for thawed in self.nemesis.thawed)] for each in instants]
        self.doubles = sorted({round(at - self.began, 1) for each in instants for at in each})
        return PERIOD * max(map(len, instants)), PERIOD * max(map(len, excused))

    def _judge(self):
        double, excused = self._double()
        writes = [(at - self.began, took) for at, took in self.load.acknowledged_writes() if at >= self.began]
        times = [at for at, _ in writes if at <= self.seconds]
        windows = {int(at / WINDOW_S) for at in times}
        counts = collections.Counter(each["kind"] for each in self.anomalies)
        self.failures += failures(self.mode, counts, double - excused)
        outcomes = collections.Counter(f"{o.kind}: {o.outcome}" for o in self.load.history.operations)
        self.result.update(
            verdict="failed" if self.failures else "passed", failures=self.failures, faults=self.nemesis.records,
            availability_pct=round(100 * len(windows) / (self.seconds / WINDOW_S), 2), window_s=WINDOW_S,
            longest_outage_s=round(max(b - a for a, b in zip([0, *times], [*times, self.seconds])), 2), acknowledged=len(writes), lost=counts["lost"],
            double_s=round(double, 1), double_excused_s=round(excused, 1), anomalies=dict(counts),
            examples=[each for kind in counts for each in [one for one in self.anomalies if one["kind"] == kind][:5]],
            operations=dict(sorted(outcomes.items())), load=os.getloadavg()[2], picture=self._picture(writes))

    def _picture(self, writes):
        """What the picture shows: [begin, end, state] of each node, and [time, slowest write] of each window."""
        roles = {}
        for node in self.site.nodes:
            roles[node.name] = spans([(a - self.began, b - self.began, state) for a, b, state in
                                      self.sampler.answers(node.k, self.began, self.ended)])
        slowest = {}
        for at, took in writes:
            window = int(at / WINDOW_S)
            slowest[window] = max(slowest.get(window, 0), took)
        return {"end": round(self.ended - self.began, 1), "roles": roles, "doubles": self.doubles,
                "slowest_ms": [[window * WINDOW_S, round(took * 1000)] for window, took in sorted(slowest.items())]}

    def save(self, path):
        """Writes the result, its picture, and what a failed run leaves to be looked into."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.result, indent=1) + "\n")
        path.with_suffix(".svg").write_text(picture.svg(self.result))
        if self.failures:
            self.keep(path.with_suffix(""))

    def keep(self, folder):
        """Writes what is needed to look into a failed run: the history, the samples and the journals, all with the same clock."""
        folder.mkdir(parents=True, exist_ok=True)
        self.load.history.write(folder / "history.jsonl")
        (folder / "began").write_text(f"{self.began}\n")
        for node in self.site.nodes:
            (folder / f"{node.name}.samples").write_bytes((self.sampler.disks[node.k] / "var/log/writable").read_bytes())
            log = self.site.machines.exec(node.k, "journalctl", "-u", "patroni", "-u", "etcd", "--no-pager", "-o", "short-monotonic", check=False)
            (folder / f"{node.name}.log").write_text(log)
        log = self.site.machines.exec(self.site.nodes[0].k, "patronictl", "-c", "/etc/patroni/config.yml", "history", check=False)
        (folder / "history.txt").write_text(log)


def failures(mode, counts, double_s):
    """What makes a run fail: {kind of anomaly: number}, and the seconds of two primaries that nothing excuses."""
    found = [f"{number} times: {kind}" for kind, number in counts.items() if mode != "async" or kind not in OF_LOSS]
    return found + ([f"two primaries that took writes for {double_s:.1f} s"] if double_s > 0 else [])


def final_balances(final):
    return Operation(0, "balances", final["balances"], outcome=OK, host="the primary in the end")


def spans(answers, silence=1.0):
    """Joins consecutive samples with the same answer: [begin, end, state]. Longer silence is a span of its own: it is left out."""
    joined = []
    for asked, answered, state in answers:
        if joined and joined[-1][2] == state and asked - joined[-1][1] <= silence:
            joined[-1][1] = round(answered, 2)
        else:
            joined.append([round(asked, 2), round(answered, 2), state])
    return joined


def version(side, site):
    if side == "patroni":
        return site.leader().get("/patroni")["patroni"]["version"]
    done = subprocess.run(["git", "-C", str(TREE), "describe", "--always", "--tags"], capture_output=True, text=True)
    return done.stdout.strip()
