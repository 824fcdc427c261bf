"""etcd stops, hangs, restarts, or loses all its data."""
import signal
import time

import pytest

import facts
from harness import Writer, wait_for


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["stopped", "hanging"])
def test_without_etcd_the_primary_ends_before_its_lease(cluster, how):
    """Without failsafe mode, a primary that cannot renew its lease must be read-only before another member can take the key."""
    leader = cluster.leader()
    with Writer(cluster) as writer:
        gone = time.monotonic()
        cluster.etcd.signal(how)
        if how == signal.SIGKILL:
            cluster.etcd.proc.wait(30)
        wait_for("no more writes", lambda: not writer.acked_since(time.monotonic() - 1.5), cluster.dcs["ttl"] + 5)
        # The last renewal was before `gone`, so the lease ends within a ttl of it.
        last = writer.acks[-1].at - gone
        assert last < cluster.dcs["ttl"], f"wrote until {last:.1f} s after etcd was gone"
        assert not leader.is_primary()
        wait_for("a server that is read-only", lambda: leader.sql("select pg_is_in_recovery()") == [(True,)], 30)
        back = time.monotonic()
        if how == signal.SIGSTOP:
            cluster.etcd.signal(signal.SIGCONT)
        else:
            cluster.etcd.start()
        writer.wait_for_writes(back, timeout=60)
    cluster.wait_healthy(60)
    assert writer.missing() == []


def test_short_restart_of_etcd_is_no_outage(cluster):
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    server = leader.postmaster_pid()
    with Writer(cluster) as writer:
        began = time.monotonic()
        cluster.etcd.kill()
        cluster.etcd.start()
        back = time.monotonic()
        wait_for("a lease time of writes", lambda: time.monotonic() > back + cluster.dcs["ttl"] + 1, 60)
        gap = writer.longest_gap(began)
    assert gap < facts.NO_OUTAGE
    assert cluster.wait_healthy(30) is leader
    assert (leader.postmaster_pid(), facts.timeline(leader)) == (server, before)
    assert writer.missing() == []


def test_wiped_keys_are_written_again(cluster):
    leader, before = cluster.leader(), cluster.keys()
    old_timeline = facts.timeline(leader)
    pids = [n.postmaster_pid() for n in cluster.nodes]
    with Writer(cluster) as writer:
        began = time.monotonic()
        assert cluster.etcd.ctl("del", "--prefix", cluster.prefix).returncode == 0

        def restored():
            now = cluster.keys()
            return {k for k in before if k != "history"} <= set(now) and \
                all(now[k] == before[k] for k in ("leader", "initialize", "config"))
        wait_for("all keys again", restored, cluster.dcs["ttl"] + 10)
        back = time.monotonic()
        writer.wait_for_writes(back)
        gap = writer.longest_gap(began)
    assert gap < facts.NO_OUTAGE
    assert cluster.wait_healthy(30) is leader
    assert facts.timeline(leader) == old_timeline
    assert [n.postmaster_pid() for n in cluster.nodes] == pids
    assert writer.missing() == []


def test_rest_answers_while_etcd_hangs(cluster):
    leader = cluster.leader()
    cluster.etcd.signal(signal.SIGSTOP)
    try:
        for path in ("/liveness", "/health", "/patroni"):
            took = []
            for _ in range(3):   # the machine itself may stall once
                began = time.monotonic()
                assert leader.api(path, timeout=10)[0] == 200
                took.append(time.monotonic() - began)
            assert min(took) < 1, f"GET {path} waits for etcd"
    finally:
        cluster.etcd.signal(signal.SIGCONT)
    cluster.wait_healthy(60)
