"""Replicas are lost, return, are made again, and follow the leader."""
import os
import shutil
import signal
import time

import pytest

import facts
from harness import Writer, processes, wait_for


def test_loss_and_return(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    kept = facts.marker(replica)
    with Writer(cluster) as writer:
        began = time.monotonic()
        replica.lose()
        wait_for("the leader to miss it", lambda: not replica.is_streaming_from(leader), 20)
        writer.wait_for_writes(time.monotonic())
        replica.start()
        assert cluster.wait_healthy(60) is leader
        gap = writer.longest_gap(began)
    assert gap < facts.NO_OUTAGE, "a replica's loss is no outage"
    wait_for("all rows on it", lambda: writer.missing(replica) == [], 30)
    assert facts.marker(replica) == kept, "made anew, although nothing was wrong with its data"


def test_postgres_killed_on_a_replica(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    replica.kill_postgres()
    assert cluster.wait_healthy(60) is leader


def test_daemon_stopped_and_started(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    replica.stop()
    assert replica.proc.returncode == 0 and replica.postmaster_pid() is None
    facts.wait_key_gone(cluster, f"members/{replica.name}")
    replica.start()
    assert cluster.wait_healthy(60) is leader


def test_empty_data_directory_is_filled_again(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    replica.stop()
    shutil.rmtree(replica.data)
    replica.start()
    assert cluster.wait_healthy(90) is leader
    assert replica.system_identifier() == leader.system_identifier()


@pytest.mark.tamada   # Patroni takes an incomplete copy for a data directory
def test_daemon_killed_during_the_copy(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    replica.stop()
    shutil.rmtree(replica.data)
    replica.config["postgresql"]["basebackup"] = [{"max-rate": "4M"}, {"checkpoint": "fast"}]
    replica.start()

    def copying():
        return [p for p in processes.working_in(cluster.root) if processes.name(p) == "pg_basebackup"]
    wait_for("pg_basebackup at work", lambda: copying() and any(
        os.path.exists(f"{path}/base/1") for path in (replica.data, *_beside(replica))), 30)
    replica.kill_daemon()
    assert replica.postmaster_pid() is None

    del replica.config["postgresql"]["basebackup"]
    replica.start()
    assert cluster.wait_healthy(90) is leader
    assert facts.fingerprint(replica.data)["PG_VERSION"]


@pytest.mark.tamada   # Patroni deletes the old data first
def test_fresh_copy_on_request_removes_the_old_one_at_last(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    space = f"{cluster.root}/space of {replica.name}"
    replica.stop()
    # WAL is on a separate disk, and the copy needs that place again.
    os.rename(f"{replica.data}/pg_wal", space)
    os.symlink(space, f"{replica.data}/pg_wal")
    replica.config["postgresql"]["basebackup"] = [{"waldir": space}, {"checkpoint": "fast"}]
    replica.start()
    cluster.wait_healthy(60)
    before = os.stat(f"{replica.data}/PG_VERSION").st_ino
    assert replica.api("/reinitialize", "POST", {})[0] == 200
    wait_for("a fresh copy", lambda: os.stat(f"{replica.data}/PG_VERSION").st_ino != before, 60)
    assert cluster.wait_healthy(90) is leader
    assert os.path.realpath(f"{replica.data}/pg_wal") == os.path.realpath(space)

    def set_aside():
        return [name for name in os.listdir(cluster.root) if name.startswith((f"{replica.name}_", f"space of {replica.name}_"))]
    wait_for("the old one to go", lambda: set_aside() == [] and not os.path.exists(f"{replica.data}.superseded"), 30)
    assert "it has been replaced" in replica.log()


def _beside(node):
    folder, name = os.path.split(node.data)
    return [os.path.join(folder, other) for other in os.listdir(folder) if other.startswith(name + "_") or other.startswith(name + ".")]


def test_frozen_replica_holds_nobody_up(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    with Writer(cluster) as writer:
        began = time.monotonic()
        replica.signal(signal.SIGSTOP)
        # The replica's member key ends with its lease.
        wait_for("its key to end", lambda: f"members/{replica.name}" not in cluster.keys(), cluster.dcs["ttl"] + 10)
        gap = writer.longest_gap(began)
        replica.signal(signal.SIGCONT)
        facts.wait_key(cluster, f"members/{replica.name}")
    assert gap < facts.NO_OUTAGE
    assert cluster.wait_healthy(60) is leader
    assert writer.missing() == []


def test_standby_beyond_the_fork_comes_back(new_cluster):
    """A standby that received more WAL than the new leader has WAL outside the new history, and can never stream with it."""
    cluster = new_cluster()
    ahead = cluster.nodes[2]
    ahead.config["tags"]["nofailover"] = True
    leader = cluster.up().leader()
    behind = next(n for n in cluster.nodes if n not in (leader, ahead))
    leader.sql("create table t (v text)")
    for standby in behind, ahead:
        wait_for(f"the table on {standby}", lambda s=standby: s.sql("select count(*) from t") == [(0,)], 20)
    behind.signal(signal.SIGSTOP)   # otherwise its daemon would undo the setting that is made by hand
    behind.sql("alter system set primary_conninfo = 'host=127.0.0.1 port=1'")
    behind.sql("select pg_reload_conf()")
    # A missing WAL receiver proves nothing, because it may return to the old upstream.
    wait_for(f"{behind} to receive nothing", lambda: 'port 1 failed' in behind.log(), 20)
    leader.sql("insert into t values ('of the old history')")
    wait_for("the row", lambda: facts.has_row(ahead, "t", "of the old history"), 20)
    leader.lose()
    behind.sql("alter system reset primary_conninfo")
    behind.sql("select pg_reload_conf()")
    behind.signal(signal.SIGCONT)
    assert cluster.wait_leader(60, other_than=leader) is behind
    facts.wait_writable(behind)
    behind.sql("insert into t values ('of the new history')")
    cluster.wait_healthy(90, nodes=[behind, ahead])
    wait_for("the new row", lambda: facts.has_row(ahead, "t", "of the new history"), 20)
    assert not facts.has_row(ahead, "t", "of the old history")
