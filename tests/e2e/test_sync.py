"""Synchronous and quorum modes: acknowledged rows survive each failure. Checks /sync and synchronous_standby_names."""
import contextlib
import json
import signal
import threading
import time

import pytest

import facts
from facts import sync_key, wait_sync_standby
from harness import Writer, processes, wait_for
from harness.cluster import server_version


def names(node):
    """(method and number, names) of the synchronous_standby_names that the server uses."""
    value = node.sql("show synchronous_standby_names")[0][0]
    head, _, inner = value.rpartition("(")
    return head.strip(), sorted(name.strip(' ")') for name in inner.split(",") if name.strip(' ")'))


def wait_sync(cluster, standbys, quorum=0, count=None, timeout=30):
    """Waits until /sync and the parameter name these members, by quorum if a count is given."""
    def settled():
        leader = cluster.leader()
        wanted = sorted(n.name for n in standbys)
        head = f"ANY {count}" if count else str(len(wanted)) if len(wanted) > 1 else ""
        return sync_key(cluster) == (leader.name, wanted or [""], quorum) and \
            names(leader) == (head, wanted) and leader
    return wait_for(f"{[n.name for n in standbys]} as synchronous standbys", settled, timeout)


def test_on_and_off_live(cluster):
    leader = cluster.leader()
    others = cluster.replicas()
    cluster.configure(synchronous_mode=True)
    wait_sync_standby(cluster)
    first = next(n for n in others if n.name in sync_key(cluster)[1])
    second = next(n for n in others if n is not first)
    wait_sync(cluster, [first])
    wait_for("health checks", lambda: first.is_healthy("/sync") and second.is_healthy("/async"), 30)
    assert not second.is_healthy("/sync") and first.is_healthy("/read-only-sync")
    assert first.status()["sync_standby"] is True and "sync_standby" not in second.status()
    assert "Sync Standby" in cluster.ctl("list").stdout

    cluster.configure(synchronous_node_count=2)
    wait_sync(cluster, others)
    cluster.configure(synchronous_node_count=1, synchronous_mode="quorum")
    wait_sync(cluster, others, quorum=1, count=1)
    wait_for("health checks", lambda: all(n.is_healthy("/quorum") for n in others), 30)
    assert "Quorum Standby" in cluster.ctl("list").stdout
    cluster.configure(synchronous_node_count=2)
    wait_sync(cluster, others, quorum=0, count=2)
    cluster.configure(synchronous_node_count=None, synchronous_mode=None)
    wait_for("no synchronous replication",
             lambda: "sync" not in cluster.keys() and names(leader) == ("", []), 30)


def test_the_standby_is_replaced_and_the_strict_mode_waits(cluster):
    leader = cluster.leader()
    cluster.configure(synchronous_mode=True)
    wait_sync_standby(cluster)
    first = next(n for n in cluster.replicas() if n.name in sync_key(cluster)[1])
    second = next(n for n in cluster.replicas() if n is not first)
    first.stop()
    wait_sync(cluster, [second])
    cluster.configure(synchronous_mode_strict=True)
    second.stop()
    facts.wait_log(leader, "No active replication connections from Patroni members and synchronous_mode_strict is requested")
    assert sync_key(cluster) == (leader.name, [second.name], 0) and names(leader) == ("", [second.name])
    notices = []

    def commit():
        with contextlib.closing(leader.connect(timeout=120)) as connection:
            connection.cursor().execute("create table waits_for_a_standby()")
            notices.append(connection.notices)
    committed = threading.Thread(target=commit, daemon=True)
    committed.start()
    wait_for("the commit to wait", lambda: leader.sql("select 1 from pg_stat_activity where wait_event = 'SyncRep'"), 30)
    committed.join(1.5)
    assert committed.is_alive()
    second.start()
    committed.join(90)
    assert notices == [[]], "acknowledged by a standby; after a timeout the server would warn of a commit that is only here"
    first.start()
    cluster.wait_healthy(60)
    wait_sync(cluster, [second])
    cluster.configure(synchronous_mode=None, synchronous_mode_strict=None)


@pytest.mark.tamada
def test_a_standby_that_flushes_nothing_is_replaced(cluster):
    """As when the cable of its host is pulled: its connection stays for wal_sender_timeout, 60 s, and its daemon's key for the ttl."""
    cluster.configure(synchronous_mode=True)
    wait_sync_standby(cluster)
    first = next(n for n in cluster.replicas() if n.name in sync_key(cluster)[1])
    second = next(n for n in cluster.replicas() if n is not first)
    receiver = first.sql("select pid from pg_stat_wal_receiver")[0][0]
    with Writer(cluster) as writer:
        writer.wait_for_writes(time.monotonic())
        began = time.monotonic()
        processes.send(receiver, signal.SIGSTOP)
        try:
            writer.wait_for_writes(began + 1, timeout=40)
            wait_for("its name to go", lambda: sync_key(cluster)[1] == [second.name], 30)
        finally:
            processes.send(receiver, signal.SIGCONT)
        gap = writer.longest_gap(began)
    assert gap < 20, f"commits waited for {gap:.1f} s"
    print(f"commits waited for {gap:.2f} s")
    cluster.wait_healthy(60)
    assert writer.missing() == []


@pytest.mark.tamada
def test_commits_that_wait_learn_of_the_new_standby(cluster):
    """PostgreSQL releases waiting commits only when a message of a standby arrives. While all commits wait, a standby sends
    nothing for wal_receiver_status_interval, 10 s, so the daemon writes a little WAL."""
    cluster.configure(synchronous_mode=True)
    wait_sync_standby(cluster)
    leader = cluster.leader()
    first = next(n for n in cluster.replicas() if n.name in sync_key(cluster)[1])
    second = next(n for n in cluster.replicas() if n is not first)
    before = leader.sql("select pg_current_wal_flush_lsn()")[0][0]
    first.stop()
    wait_sync(cluster, [second])
    seen = leader.pg("pg_waldump", "--path", f"{leader.data}/pg_wal", "--rmgr", "LogicalMessage", "--start", before)
    assert ('prefix "tamada"' if server_version() >= 14 else "transactional message size") in seen.stdout, seen
    first.start()
    cluster.wait_healthy(60)
    cluster.configure(synchronous_mode=None)


def test_only_the_synchronous_standby_is_promoted(cluster):
    cluster.configure(synchronous_mode=True)
    wait_sync_standby(cluster)
    leader = cluster.leader()
    synchronous = next(n for n in cluster.replicas() if n.name in sync_key(cluster)[1])
    other = next(n for n in cluster.replicas() if n is not synchronous)
    status, text = leader.api("/switchover", "POST", {"leader": leader.name, "candidate": other.name})
    assert (status, text) == (412, "candidate name does not match with sync_standby")
    with Writer(cluster) as writer:
        # The asynchronous standby could be the first to take the key, because the other one is stopped.
        synchronous.signal(signal.SIGSTOP)
        leader.lose()
        time.sleep(cluster.dcs["ttl"] + 3)
        assert not other.is_primary()
        synchronous.signal(signal.SIGCONT)
        assert cluster.wait_leader(30, other_than=leader) is synchronous
        writer.wait_for_writes(time.monotonic())
        leader.start()
        cluster.wait_healthy(90)
    assert writer.missing() == []
    cluster.configure(synchronous_mode=None)


def test_of_two_timelines_of_one_number_the_one_with_the_commits_leads(new_cluster):
    """Alternating outages in asynchronous mode give two histories the timeline number 2. Later commits are on one of them."""
    cluster = new_cluster(n=2).up()
    first = cluster.leader()
    second = cluster.replicas()[0]
    first.sql("create table t (v text)")
    wait_for("the table", lambda: second.sql("select count(*) from t") == [(0,)], 20)
    first.lose()
    cluster.wait_leader(60, other_than=first)
    facts.wait_writable(second)
    second.sql("insert into t select repeat('x', 1000) from generate_series(1, 300)")  # so that this WAL position is beyond the other one's
    wait_for("the position to be published", lambda: json.loads(cluster.keys()["status"])["optime"] >=
             second.status()["xlog"]["location"], 20)
    second.lose()

    first.start()
    cluster.wait_leader(90, other_than=second)
    facts.wait_writable(first)
    wait_for("the second timeline 2", lambda: facts.timeline(first) == 2, 30)
    cluster.configure(synchronous_mode="quorum")
    wait_for("/sync of the leader alone", lambda: sync_key(cluster) == (first.name, [""], 0), 30)
    first.sql("insert into t values ('acknowledged')")
    first.lose()

    second.start()
    wait_for(f"{second} as a standby", second.is_replica, 60)
    wait_for("its turn in the race", lambda: "not named in /sync" in second.log() or "votes" in second.log(), 60)
    first.start()
    assert cluster.wait_leader(90) is first
    facts.wait_writable(first)
    assert facts.has_row(first, "t", "acknowledged")
    wait_for("/sync with the new timeline", lambda: json.loads(cluster.keys()["sync"])["timeline"] == facts.timeline(first), 30)
