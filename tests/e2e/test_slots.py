"""Replication slots: permanent slots survive a failover, slots of lost members are kept, and other programs' slots are treated by
the rules."""
import json
import signal

import facts
import psycopg2
import pytest
from harness import processes, wait_for
from harness.cluster import server_version

LOGICAL = {"type": "logical", "database": "postgres", "plugin": "test_decoding"}


def slots(node):
    rows = node.sql("select slot_name, coalesce(confirmed_flush_lsn, restart_lsn)::text from pg_replication_slots")
    return dict(rows)


def wait_slots(node, *names, timeout=30):
    wait_for(f"slots {names} on {node}", lambda: set(names) <= set(slots(node)), timeout)


def wait_no_slot(node, name, timeout=30):
    wait_for(f"slot {name} gone from {node}", lambda: name not in slots(node), timeout)


def changes(node, slot):
    return [row[0] for row in node.sql(f"select data from pg_logical_slot_get_changes('{slot}', null, null)")]


def test_slots_through_a_failover(new_cluster):
    cluster = new_cluster()
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"]["wal_level"] = "logical"
    cluster.up()
    leader = cluster.leader()

    # ---- permanent slots are created on the leader and copied to the standbys
    leader.configure({"slots": {"log": LOGICAL, "phys": {"type": "physical"}}})
    for node in cluster.nodes:
        wait_slots(node, "log", "phys", *(other.name for other in cluster.nodes if other is not node))
    cluster.wait_healthy()
    for node in cluster.replicas():
        assert node.sql("show hot_standby_feedback") == [("on",)]

    # ---- the copies advance with the leader's slots
    leader.sql("create table seen (v text)")
    leader.sql("insert into seen values ('before')")
    assert any("before" in line for line in changes(leader, "log"))
    leader.sql("select pg_replication_slot_advance('phys', pg_current_wal_lsn())")
    for node in cluster.replicas():
        wait_for(f"{node}'s slots to follow", lambda n=node: slots(n)["log"] == slots(leader)["log"]
                 and slots(n)["phys"] == slots(leader)["phys"], 30)
    status = json.loads(cluster.keys()["status"])
    assert set(status["slots"]) == {"log", "phys", "n0", "n1", "n2"}
    assert status["retain_slots"] == ["n0", "n1", "n2"]

    for node in cluster.replicas():
        facts.wait_log(node, "Logical slot log is safe to be used after a failover", 60)

    # ---- changes that had not been read before the failover are read after it
    leader.sql("insert into seen values ('after')")
    wait_for("the row on the others", lambda: all(n.sql("select count(*) from seen") == [(2,)] for n in cluster.replicas()), 20)
    lost = leader
    lost.lose()
    leader = cluster.wait_leader(60, other_than=lost)
    facts.wait_writable(leader)
    wait_for("a new status", lambda: leader.name in json.loads(cluster.keys()["status"])["slots"], 20)
    data = changes(leader, "log")
    assert any("after" in line for line in data) and not any("before" in line for line in data)
    for node in cluster.nodes:
        if node is not lost:
            assert lost.name in slots(node), "the slot of a member that is away is kept"
    assert lost.name in json.loads(cluster.keys()["status"])["retain_slots"]
    lost.start()
    cluster.wait_healthy()
    wait_slots(lost, "log", "phys")

    # ---- slots of members and foreign slots
    leader.configure({"ignore_slots": [{"name": "kept", "type": "physical"}]})
    for name in ("kept", "stray"):
        leader.sql(f"select pg_create_physical_replication_slot('{name}', true)")
    leader.configure({"slots": {"log": None}})
    for node in cluster.nodes:
        wait_no_slot(node, "log")
    assert {"kept", "stray"} <= set(slots(leader)), "made by somebody since the start: left alone for now"
    cluster.ctl("switchover", cluster.scope, "--force")
    former, leader = leader, cluster.wait_leader(60, other_than=leader)
    cluster.wait_healthy()
    wait_no_slot(former, "stray")
    assert {"kept", "phys"} <= set(slots(former))
    assert "unknown" in former.log()


def synced(node):
    """{failover slot: whether it is a copy that PostgreSQL made, and permanent}. A copy is temporary until the slot's reader has come far
    enough."""
    return dict(node.sql("select slot_name, synced and not temporary from pg_replication_slots where failover"))


@pytest.mark.skipif(server_version() < 17, reason="PostgreSQL has failover slots from 17 on")
def test_failover_slots_of_postgresql_itself(new_cluster):
    """PostgreSQL's slotsync worker copies the slots to the standbys, by the database's name in primary_conninfo. The daemon leaves
    them to it, except those of a former primary, which would be in the way of its copies."""
    cluster = new_cluster()
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"] |= {
            "wal_level": "logical", "sync_replication_slots": "on", "hot_standby_feedback": "on"}
    cluster.up()
    leader = cluster.leader()
    leader.sql("create table seen (v text)")
    leader.sql("select pg_create_logical_replication_slot('native', 'test_decoding', false, false, true)")

    def read_and_copied():
        leader.sql("insert into seen values ('before')")
        changes(leader, "native")
        return all(synced(node) == {"native": True} for node in cluster.replicas())
    for times in (1, 2):
        wait_for("copies on the standbys", read_and_copied, 120, step=0.5)
        leader.sql(f"insert into seen values ('unread {times}')")
        former = leader
        done = cluster.ctl("switchover", cluster.scope, "--force")
        assert done.returncode == 0, done.stdout + done.stderr
        leader = cluster.wait_leader(60, other_than=former)
        cluster.wait_healthy(60)
        assert any(f"unread {times}" in line for line in changes(leader, "native")), "what nobody had read is read on the new primary"
    wait_for("copies on the standbys", read_and_copied, 120, step=0.5)


@pytest.mark.skipif(server_version() < 17, reason="PostgreSQL has failover slots from 17 on")
def test_readers_of_failover_slots_are_never_ahead_of_the_synchronous_standby(new_cluster):
    """Else a reader would have seen what is lost with the primary. synchronized_standby_slots follows the synchronous standbys."""
    cluster = new_cluster(2, dcs={"synchronous_mode": True})
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"] |= {
            "wal_level": "logical", "sync_replication_slots": "on", "hot_standby_feedback": "on"}
    cluster.up()
    leader, (standby,) = cluster.leader(), cluster.replicas()

    def waits_for(node, other):
        wait_for("the standby's slot", lambda: node.sql("show synchronized_standby_slots") == [(other.name,)], 30)
    waits_for(leader, standby)
    leader.sql("create table seen (v text)")
    leader.sql("select pg_create_logical_replication_slot('native', 'test_decoding', false, false, true)")
    receiver = standby.sql("select pid from pg_stat_wal_receiver")[0][0]
    processes.send(receiver, signal.SIGSTOP)
    try:
        leader.sql("set synchronous_commit = local; insert into seen values ('on the primary only')")
        with pytest.raises(psycopg2.errors.QueryCanceled):
            leader.sql("set statement_timeout = '2s'; select * from pg_logical_slot_get_changes('native', null, null)")
    finally:
        processes.send(receiver, signal.SIGCONT)
    assert any("on the primary only" in line for line in changes(leader, "native"))

    facts.wait_sync_standby(cluster)
    done = cluster.ctl("switchover", cluster.scope, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    cluster.wait_healthy(60)
    waits_for(standby, leader)
    cluster.configure(synchronous_mode=None)
    wait_for("nobody to wait for", lambda: standby.sql("show synchronized_standby_slots") == [("",)], 30)
