"""The leader's server, its daemon, or both are killed."""
import signal
import time

import facts
from harness import Writer, processes, wait_for


def assert_timeline_kept(leader, before):
    """Our daemon restarts a crashed primary as a primary. Patroni starts it as a standby and promotes it again."""
    assert facts.timeline(leader) in ([before] if leader.cluster.side.is_tamada else [before, before + 1])


def test_postgres_killed_is_restarted_in_place(cluster):
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    pid = leader.postmaster_pid()
    with Writer(cluster) as writer:
        began = time.monotonic()
        leader.kill_postgres()
        writer.wait_for_writes(began + 0.1, port=leader.pg_port)
    assert leader.postmaster_pid() not in (None, pid)
    assert cluster.wait_healthy(60) is leader
    assert_timeline_kept(leader, before)
    assert writer.missing() == []


def test_postmaster_alone_killed(cluster):
    """The postmaster's children notice its death and end a moment later. The next start has to wait for them."""
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    pid = leader.postmaster_pid()
    with Writer(cluster) as writer:
        began = time.monotonic()
        processes.send(pid, signal.SIGKILL)
        writer.wait_for_writes(began + 0.1, port=leader.pg_port)
    assert cluster.wait_healthy(60) is leader
    assert_timeline_kept(leader, before)
    assert writer.missing() == []


def test_backend_killed(cluster):
    """PostgreSQL restarts by itself after a backend was killed. The daemon must not interfere."""
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    pid = leader.postmaster_pid()
    with Writer(cluster) as writer:
        backend = leader.sql("select pid from pg_stat_activity where application_name = 'writer'")[0][0]
        began = time.monotonic()
        processes.send(backend, signal.SIGKILL)
        writer.wait_for_writes(began + 0.1, port=leader.pg_port)
    assert cluster.wait_healthy(60) is leader
    assert (leader.postmaster_pid(), facts.timeline(leader)) == (pid, before)
    assert writer.missing() == []


def test_daemon_killed_and_restarted_is_no_outage(cluster):
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    pid = leader.postmaster_pid()
    with Writer(cluster) as writer:
        began = time.monotonic()
        leader.kill_daemon()
        assert leader.postmaster_pid() == pid
        leader.start()
        wait_for("the daemon's answer", leader.is_primary, 30)
        # This is longer than the lease's ttl, so the lease has been renewed.
        back = time.monotonic()
        wait_for("a lease time of writes", lambda: time.monotonic() > back + cluster.dcs["ttl"] + 1, 60)
    assert cluster.wait_healthy(30) is leader
    assert (leader.postmaster_pid(), facts.timeline(leader)) == (pid, before)
    assert writer.longest_gap(began, writer.acks[-1].at) < facts.NO_OUTAGE
    assert writer.missing() == []


def test_daemon_stopped_hands_over(cluster):
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    with Writer(cluster) as writer:
        began = time.monotonic()
        leader.stop()
        assert leader.proc.returncode == 0
        stopped = time.monotonic()
        assert leader.postmaster_pid() is None
        new = cluster.wait_leader(other_than=leader)
        writer.wait_for_writes(stopped, port=new.pg_port)
        outage = writer.longest_gap(began)
    assert outage < cluster.dcs["ttl"] - 1, "the lease was handed over, not waited for"
    facts.wait_key_gone(cluster, f"members/{leader.name}")
    assert facts.timeline(new) == before + 1
    assert leader.controldata()["Database cluster state"] == "shut down"
    assert writer.missing() == []
    leader.start()
    assert cluster.wait_healthy(60) is new
    wait_for("all rows on it", lambda: writer.missing(leader) == [], 20)


def test_node_lost_fails_over_and_rejoins_by_rewind(cluster):
    old, before = cluster.leader(), facts.timeline(cluster.leader())
    old.sql("create table if not exists t(v text)")
    with Writer(cluster) as writer:
        lost = time.monotonic()
        old.lose()
        new = cluster.wait_leader(other_than=old, timeout=cluster.dcs["ttl"] + 30)
        writer.wait_for_writes(lost + 0.1, port=new.pg_port)
    assert facts.timeline(new) == before + 1
    # Replication is asynchronous, so only rows that were acknowledged just before the loss may be missing.
    assert [a for a in writer.missing(new) if a.at < lost - 1 or a.at > lost + 0.1] == []

    # The old server is started alone as a primary, invisible to the cluster, and takes rows that no other node receives.
    with facts.server_alone(old):
        old.sql("insert into t values ('nobody saw this')")
        old.sql("checkpoint")
        kept = facts.marker(old)

    old.start()
    assert cluster.wait_healthy(90) is new
    assert facts.marker(old) == kept, "rejoined by a fresh copy, not by pg_rewind"
    assert not facts.has_row(old, "t", "nobody saw this")
    new.sql("insert into t values ('everybody sees this')")
    facts.wait_row_everywhere(cluster, "t", "everybody sees this")
    facts.wait_history(cluster, new)


def test_node_lost_and_back_at_once(cluster):
    """The daemon is started again before its lease has ended, so there is no failover."""
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    with Writer(cluster) as writer:
        lost = time.monotonic()
        leader.lose()
        leader.start()
        writer.wait_for_writes(lost + 0.1)
    cluster.wait_healthy(60)
    assert writer.missing() == [] or cluster.leader() is not leader
    if cluster.leader() is leader:
        assert_timeline_kept(leader, before)
