"""Failures of every kind, one after the other. In synchronous mode no acknowledged row is lost.

STORM=50 runs that many failures instead of a few; SEED repeats one order of them.
"""
import os
import random
import signal
import time

import facts
import pytest

from harness import Writer


@pytest.fixture(scope="module")
def cabled(_shared):
    """Three nodes that can be cut off from each other and from etcd."""
    return _shared(cables=True).up()


def break_something(cluster, rng):
    """Causes one failure; heal() repairs it."""
    leader = cluster.leader()
    standby = rng.choice(cluster.replicas())
    kinds = {
        "the leader is lost": leader.lose,
        "a standby is lost": standby.lose,
        "the leader is cut off": lambda: cluster.cables.cut(leader),
        "a standby is cut off": lambda: cluster.cables.cut(standby),
        "all are cut off from each other": lambda: cluster.cables.cut(*cluster.nodes),
        "postgres of the leader crashes": leader.kill_postgres,
        "postgres of a standby crashes": standby.kill_postgres,
        "the leader's daemon is killed": leader.kill_daemon,
        "the leader is stopped": leader.stop,
        "a standby is stopped": standby.stop,
        "the leader's daemon freezes": lambda: leader.signal(signal.SIGSTOP),
        "etcd is killed": cluster.etcd.kill,
        "etcd hangs": lambda: cluster.etcd.signal(signal.SIGSTOP),
        "a switchover": lambda: leader.api("/switchover", "POST", {"leader": leader.name}, timeout=60),
        "the leader and a standby are lost": lambda: (leader.lose(), standby.lose()),
    }
    kind = rng.choice(sorted(kinds))
    print(f"{kind} (leader {leader}, standby {standby})", flush=True)
    kinds[kind]()


@pytest.mark.parametrize("mode", ["on", "quorum"])
def test_no_acknowledged_row_is_lost(cabled, mode):
    failures = int(os.environ.get("STORM", "3"))
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1, 10**6)
    print(f"SEED={seed}")
    rng = random.Random(f"{seed}{mode}")
    cabled.heal()
    # Two primaries in a row may give their timelines the same number, and pg_rewind cannot repair such a divergence.
    cabled.configure(synchronous_mode=True if mode == "on" else mode,
                     postgresql={"remove_data_directory_on_diverged_timelines": True})
    facts.wait_sync_standby(cabled)
    with Writer(cabled, table=f"storm_{mode}") as writer:
        for _ in range(failures):
            break_something(cabled, rng)
            time.sleep(rng.uniform(0, cabled.dcs["ttl"] + 4))
            cabled.heal(120)
            assert writer.missing() == []
            writer.wait_for_writes(time.monotonic(), timeout=60)
    assert writer.missing() == []
    cabled.configure(synchronous_mode=None)


def test_who_is_cut_off_is_left_by_all(cabled):
    """The other members go on. The old leader becomes read-only before they do, and returns as a standby."""
    cabled.heal()
    old = cabled.leader()
    with Writer(cabled, table="cut_off") as writer:
        cabled.cables.cut(old)
        new = cabled.wait_leader(60, other_than=old)
        assert not old.is_primary() and not old.is_streaming_from(new)
        writer.wait_for_writes(time.monotonic(), port=new.pg_port)
        cabled.cables.mend()
        cabled.wait_healthy(90)
