"""An archive that holds a timeline which parted from a member's own history."""
import os

import pytest

from harness import wait_for


@pytest.fixture
def archiving(new_cluster):
    """Three nodes with one archive, from which standbys restore."""
    cluster = new_cluster(3, dcs={"synchronous_mode": True})
    archive = f"{cluster.root}/archive"
    for node in cluster.nodes:
        node.config["postgresql"]["parameters"].update({
            "archive_mode": "on", "archive_command": f"mkdir -p {archive} && test ! -f {archive}/%f && cp %p {archive}/%f"})
        node.config["postgresql"]["recovery_conf"] = {"restore_command": f"cp {archive}/%f %p"}
    return cluster.up()


def in_archive(cluster, timeline):
    return os.path.exists(f"{cluster.root}/archive/{timeline:08X}.history")


def writable(nodes):
    """The node whose promotion has ended."""
    return next((node for node in nodes if node.is_primary() and node.sql("select pg_is_in_recovery()") == [(False,)]), None)


def test_a_former_primary_answers_without_a_leader(archiving):
    """The former primary's last checkpoint is newer than the fork of the archive's newest timeline, so it does not start with
    recovery_target_timeline = latest. After the loss of all keys the other members wait for its answer, as synchronous mode asks."""
    cluster = archiving
    old = cluster.leader()
    others = [node for node in cluster.nodes if node is not old]
    wait_for("the synchronous standby", lambda: any(node.name in cluster.keys().get("sync", "") for node in others), 30)
    old.lose()
    successor = wait_for("the successor", lambda: writable(others), 2 * cluster.dcs["ttl"] + 30)
    successor.sql("create table after_the_fork (id int)")
    wait_for("the new timeline in the archive", lambda: in_archive(cluster, 2), 90)
    # An operator starts the former primary by hand, and it writes a checkpoint on its own timeline.
    started = old.pg("pg_ctl", "-D", old.data, "-w", "-l", f"{cluster.root}/by-hand.log", "start")
    assert started.returncode == 0, started.stdout + started.stderr
    old.sql("select pg_switch_wal()")
    old.sql("checkpoint")
    old.kill_postgres()
    for node in others:
        node.lose()
    assert cluster.etcd.ctl("del", "--prefix", cluster.prefix).returncode == 0

    for node in cluster.nodes:
        node.start()
    leader = wait_for("a primary", lambda: writable(cluster.nodes), 3 * cluster.dcs["ttl"] + 60)
    assert leader is not old
    assert leader.sql("select count(*) from after_the_fork") == [(0,)]
    log = old.log()
    assert "is not a child of this server's history" in log, log
    assert "so only timeline 1 is replayed" in log, log
    wait_for("the former primary to stream", lambda: old.is_streaming_from(leader), 120)
    assert old.sql("show recovery_target_timeline") == [("latest",)]
