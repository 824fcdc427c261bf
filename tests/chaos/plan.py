"""Makes the faults of a run from a seed: what happens when, to whom, and for how long. The plan knows nothing of the cluster, so that two
sides get the same. It names roles (leader, standby, other: the second standby) where the role matters; who has it is found out
when the fault begins."""
import json
import random
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    at: float                # seconds after the begin of the run
    kind: str
    target: str              # leader, standby, other, or host1 to host3
    duration: float          # seconds
    values: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    weight: int
    what: str
    alone: bool = False      # together with others it makes two primaries that no daemon can prevent, so only mild kinds join it
    mild: bool = False
    brief: bool = False      # it needs no duration


KINDS = {
    # cables; etcd's members are on the same hosts, and clients reach all hosts except an unplugged one
    "split": Kind(4, "the target and the other hosts do not hear each other"),
    "unplug": Kind(3, "the target's cable is pulled: clients do not reach it either"),
    "mute": Kind(3, "the others do not hear the target"),
    "deaf": Kind(3, "the target does not hear the others"),
    "bridge": Kind(3, "the two hosts beside the target do not hear each other"),
    "ring": Kind(2, "each host hears one of the others only, in a ring"),
    "apart": Kind(1, "no host hears another"),
    "loss": Kind(3, "some packets from and to the target are lost"),
    "slow": Kind(2, "the target receives little per second"),
    # processes
    "kill_daemon": Kind(4, "kill -9 of the daemon", brief=True),
    "kill_postgres": Kind(4, "kill -9 of the postmaster", mild=True, brief=True),
    "kill_etcd": Kind(2, "kill -9 of the member of etcd; it starts at the fault's end", mild=True),
    "kill_guard": Kind(2, "kill -9 of the guard", alone=True, brief=True),
    "stop_daemon": Kind(4, "SIGSTOP of the daemon"),
    "stop_postgres": Kind(3, "SIGSTOP of all processes of PostgreSQL"),
    "stop_etcd": Kind(2, "SIGSTOP of the member of etcd", mild=True),
    "stop_guard": Kind(1, "SIGSTOP of the guard", alone=True),
    "etcd_away": Kind(2, "the member of etcd is stopped in order", mild=True),
    # hosts
    "freeze": Kind(3, "the host stands still as a whole"),
    "power": Kind(3, "the host loses its power; it starts at the fault's end"),
    "reset": Kind(2, "the host loses its power and starts at once", brief=True),
    "reboot": Kind(2, "systemctl reboot", brief=True),
    "disk_full": Kind(3, "the target's file system of PostgreSQL's data is full"),
    # an operator
    "switchover": Kind(4, "an operator's switchover to a standby that may take over", mild=True, brief=True),
    "failover": Kind(2, "an operator's failover to a standby that may take over", brief=True),
    "restart": Kind(2, "an operator's restart of PostgreSQL", mild=True, brief=True),
    "reinit": Kind(1, "an operator's fresh copy of a standby", brief=True),
    "edit": Kind(3, "an operator changes the dynamic configuration, and back", mild=True),
    "pause": Kind(2, "an operator's pause, and resume", alone=True, mild=True),
}
STANDBYS_ONLY = ("reinit",)


def drawn(rng, kinds):
    return rng.choices(list(kinds), [KINDS[kind].weight for kind in kinds])[0]


def companions(chosen):
    """The kinds that may happen together with those."""
    if any(KINDS[kind].alone for kind in chosen):
        return [kind for kind, its in KINDS.items() if its.mild and not its.alone]
    if all(KINDS[kind].mild for kind in chosen):
        return list(KINDS)
    return [kind for kind, its in KINDS.items() if not its.alone]


def duration(rng, ttl):
    """Either a moment, within which no lease ends, or long enough for a failover."""
    return rng.uniform(0.5, 3) if rng.random() < 0.35 else rng.uniform(0.8, 2.5) * ttl


def values(rng, kind, times, mode):
    if kind == "loss":
        return {"percent": rng.choice([10, 30, 60])}
    if kind == "slow":
        return {"rate": rng.choice(["100kbit", "500kbit"])}
    if kind == "edit":
        return rng.choice(edits(times, mode))
    return {}


def edits(times, mode):
    """Legal changes that do not weaken what the run promises."""
    ttl = times["ttl"]
    changes = [{"ttl": 2 * ttl}, {"ttl": ttl + 1}, {"loop_wait": times["loop_wait"] + 1, "ttl": ttl + 2}, {"maximum_lag_on_failover": 4194304},
               {"postgresql.parameters.work_mem": "8MB"}]
    if mode != "async":
        changes += [{"synchronous_node_count": 2}, {"synchronous_mode": "quorum" if mode == "sync" else "true"}]
    return changes


def made(seed, seconds, times, mode):
    """The plan: episodes of one to three faults, with time between them in which the cluster becomes healthy, or not quite."""
    rng = random.Random(f"{seed} {mode}")
    faults, at, ttl = [], rng.uniform(3, 6), times["ttl"]
    while True:
        chosen = []
        for _ in range(rng.choices([1, 2, 3], [5, 4, 2])[0]):
            chosen.append(drawn(rng, companions(chosen)))
        episode = []
        for kind in chosen:
            targets = ["standby", "other"] if kind in STANDBYS_ONLY else ["leader", "standby", "other", "host1", "host2", "host3"]
            target = rng.choices(targets, [10, 4, 2, 1, 1, 1][:len(targets)])[0]
            lasts = 0 if KINDS[kind].brief else duration(rng, ttl)
            episode.append(Fault(round(at + rng.uniform(0, 4), 2), kind, target, round(lasts, 2), values(rng, kind, times, mode)))
        at = max(fault.at + fault.duration for fault in episode) + (rng.uniform(0, 4) if rng.random() < 0.35 else rng.uniform(8, 16) + ttl / 2)
        if max(fault.at + fault.duration for fault in episode) > seconds - 2:
            return sorted(faults, key=lambda fault: fault.at)
        faults += episode


def read(path):
    """The faults of the JSON file of a run, or of a list that was made from it by hand."""
    told = json.loads(path.read_text())
    return [Fault(each["at"], each["kind"], each["target"], each["duration"], each.get("values", {}))
            for each in (told["faults"] if isinstance(told, dict) else told)]
