"""The tests that run on every major version of PostgreSQL; docs/versions.md has a column for each. They use only programs that npm's
servers have, so they do without pg_rewind. `make test-versions` runs them on the servers of those versions."""
import json
import os
import time

import psycopg2
import pytest

import facts
from facts import sync_key, wait_sync_standby
from harness import Writer, processes, wait_for
from harness.cluster import HBA, postgres_bin, server_version

pytestmark = pytest.mark.tamada


def has_program(name):
    return os.path.exists(f"{postgres_bin()}/{name}")


def prepare(cluster, **postgresql):
    """Sets the configuration so that a diverged member is copied anew if there is no pg_rewind."""
    dcs = cluster.nodes[0].config["bootstrap"]["dcs"]["postgresql"]
    dcs["parameters"]["wal_level"] = "logical"
    if not has_program("pg_rewind"):
        dcs.update(use_pg_rewind=False, remove_data_directory_on_diverged_timelines=True)
    dcs.update(postgresql)
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"] = cluster.nodes[0].config["bootstrap"]["dcs"]
    return cluster


@pytest.fixture
def cluster(_shared):
    """The cluster of conftest.py, prepared for this version."""
    if _shared.mine:
        _shared.mine[0].heal(timeout=60)
        return _shared.mine[0]
    return prepare(_shared()).up()


def test_bootstrap_and_base_backup(cluster):
    leader, version = cluster.leader(), server_version()
    for node in cluster.nodes:
        assert node.sql("show server_version_num")[0][0].startswith(str(version))
        assert node.status()["server_version"] // 10000 == version
        assert node.sql("show data_checksums") == [("on",)]
        recovers = [name for name in ("recovery.conf", "standby.signal") if os.path.exists(f"{node.data}/{name}")]
        assert recovers == ([] if node is leader else ["standby.signal" if version >= 12 else "recovery.conf"])
        # Each node keeps slots for all other members if PostgreSQL can advance slots.
        others = {n.name for n in cluster.nodes if n is not node} if node is leader or version >= 11 else set()
        wait_for(f"slots on {node}", lambda node=node, others=others: others <= {
            name for name, in node.sql("select slot_name from pg_replication_slots")}, 30)
    assert {row["State"] for row in json.loads(cluster.ctl("list", "-f", "json").stdout)} == {"running", "streaming"}
    assert all(node.status().get("problems", []) == [] for node in cluster.nodes), [node.status() for node in cluster.nodes]


def test_switchover(cluster):
    old, candidate, before = cluster.leader(), cluster.replicas()[0], facts.timeline(cluster.leader())
    kept = facts.marker(old)
    with Writer(cluster) as writer:
        began = time.monotonic()
        done = cluster.ctl("switchover", cluster.scope, "--leader", old.name, "--candidate", candidate.name, "--force")
        assert done.returncode == 0 and "Successfully switched over" in done.stdout, done.stdout + done.stderr
        writer.wait_for_writes(began, port=candidate.pg_port)
    assert cluster.wait_healthy(60) is candidate
    assert facts.timeline(candidate) == before + 1
    assert facts.marker(old) == kept, "it follows as it is"
    for node in cluster.replicas():
        wait_for(f"all rows on {node}", lambda node=node: writer.missing(node) == [], 20)


def test_failover_and_rejoin(cluster):
    """The primary is lost, and comes back with rows that no other member has."""
    old, before = cluster.leader(), facts.timeline(cluster.leader())
    old.sql("create table if not exists t(v text)")
    with Writer(cluster) as writer:
        lost = time.monotonic()
        old.lose()
        new = cluster.wait_leader(other_than=old, timeout=60)
        writer.wait_for_writes(lost + 0.1, port=new.pg_port)
    assert facts.timeline(new) == before + 1
    assert [a for a in writer.missing(new) if a.at < lost - 1 or a.at > lost + 0.1] == []
    with facts.server_alone(old):
        old.sql("insert into t values ('nobody saw this')")
        old.sql("checkpoint")
        kept = facts.marker(old)

    old.start()
    assert cluster.wait_healthy(90) is new
    assert (facts.marker(old) == kept) == has_program("pg_rewind"), "rewound where that can be"
    assert not facts.has_row(old, "t", "nobody saw this")
    new.sql("insert into t values ('everybody sees this')")
    facts.wait_row_everywhere(cluster, "t", "everybody sees this")


def test_crash_of_the_server(cluster):
    leader, before = cluster.leader(), facts.timeline(cluster.leader())
    with Writer(cluster) as writer:
        began = time.monotonic()
        leader.kill_postgres()
        writer.wait_for_writes(began + 0.1, port=leader.pg_port)
    assert cluster.wait_healthy(60) is leader and facts.timeline(leader) == before
    assert writer.missing() == []
    standby = cluster.replicas()[0]
    kept = facts.marker(standby)
    server = standby.postmaster_pid()
    standby.kill_postgres()
    wait_for("another server", lambda: standby.postmaster_pid() not in (None, server), 60)
    cluster.wait_healthy(60)
    assert facts.marker(standby) == kept


def test_restart_of_the_daemon_leaves_the_server(cluster):
    for node in cluster.nodes:
        pid = node.postmaster_pid()
        node.kill_daemon()
        node.start()
        cluster.wait_healthy(60)
        assert node.postmaster_pid() == pid


@pytest.mark.parametrize("mode", [True, "quorum"], ids=["on", "quorum"])
def test_synchronous(cluster, mode):
    cluster.configure(synchronous_mode=mode)
    wait_sync_standby(cluster)
    if mode == "quorum":
        wait_for("both to be named", lambda: len(sync_key(cluster)[1]) == 2, 30)
    leader = cluster.leader()
    with Writer(cluster) as writer:
        named = leader.sql("show synchronous_standby_names")[0][0]
        assert named.startswith("ANY 1 (") == (mode == "quorum") and named != "", named
        leader.lose()
        new = cluster.wait_leader(60, other_than=leader)
        assert new.name in sync_key(cluster)[1] or sync_key(cluster)[0] == new.name
        leader.start()
        cluster.wait_healthy(90)
        writer.wait_for_writes(time.monotonic())
    assert writer.missing() == [], "each row that was acknowledged is there"
    cluster.configure(synchronous_mode=None)
    wait_for("no names", lambda: cluster.leader().sql("show synchronous_standby_names") == [("",)], 30)


def positions(node):
    return dict(node.sql("select slot_name, coalesce(confirmed_flush_lsn, restart_lsn)::text from pg_replication_slots"))


def test_permanent_slots(cluster):
    """From PostgreSQL 11 on every member has the slots and advances them. Before, PostgreSQL cannot advance slots, so only the
    leader has them, and only physical ones."""
    leader = cluster.leader()
    leader.configure({"slots": {"log": {"type": "logical", "database": "postgres", "plugin": "pgoutput"}, "phys": {"type": "physical"}}})
    follow = server_version() >= 11
    kept = {"log", "phys"} if follow else {"phys"}
    for node in cluster.nodes if follow else [leader]:
        wait_for(f"slots on {node}", lambda node=node: kept <= set(positions(node)), 30)
    if follow:
        leader.sql("select pg_replication_slot_advance('phys', pg_current_wal_lsn())")
        leader.sql("select pg_replication_slot_advance('log', pg_current_wal_lsn())")
        for node in cluster.replicas():
            wait_for(f"{node}'s slots to follow", lambda node=node: all(positions(node)[name] == positions(leader)[name]
                     for name in ("log", "phys")), 30)
            facts.wait_log(node, "Logical slot log is safe to be used after a failover", 60)
    old = leader
    done = cluster.ctl("switchover", cluster.scope, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    leader = cluster.wait_leader(60, other_than=old)
    cluster.wait_healthy(60)
    wait_for("slots on the new leader", lambda: kept <= set(positions(leader)), 30)
    leader.configure({"slots": None})
    for node in cluster.nodes:
        wait_for(f"no such slots on {node}", lambda node=node: not {"log", "phys"} & set(positions(node)), 60)


def test_parameters(cluster):
    """Which parameters a reload changes, which wait for a restart, and which this version has under another name or not at all."""
    leader, version = cluster.leader(), server_version()
    pids = {node: node.postmaster_pid() for node in cluster.nodes}
    cluster.configure(postgresql={"parameters": {"work_mem": "5MB", "max_connections": 60, "wal_keep_size": "160MB",
                                                 "io_workers": 2, "old_snapshot_threshold": -1}})
    name, value = ("wal_keep_size", "160MB") if version >= 13 else ("wal_keep_segments", "10")
    for node in cluster.nodes:
        wait_for(f"work_mem on {node}", lambda node=node: node.sql("show work_mem") == [("5MB",)], 20)
        assert node.sql(f"show {name}") == [(value,)]
        wait_for(f"{node} to wait for a restart", lambda node=node: node.status().get("pending_restart"), 20)
        assert list(node.status()["pending_restart_reason"]) == ["max_connections"]
    assert {node: node.postmaster_pid() for node in cluster.nodes} == pids
    for unknown in [*(["io_workers"] if version < 18 else []), *(["old_snapshot_threshold"] if version >= 17 else [])]:
        assert unknown in leader.log(), "told that it is left out"
        assert leader.sql(f"select count(*) from pg_settings where name = '{unknown}'") == [(0,)]
    for node in (leader, *cluster.replicas()):
        assert node.api("/restart", "POST", {"restart_pending": True}, timeout=60) == (200, "restarted successfully")
    cluster.wait_healthy(60)
    assert all(node.sql("show max_connections") == [("60",)] for node in cluster.nodes)
    cluster.configure(postgresql={"parameters": {"io_workers": None, "old_snapshot_threshold": None}})


def test_settings_of_recovery(cluster):
    """The settings take effect on the standbys. Before PostgreSQL 14 they wait for a restart, before 12 they are in recovery.conf."""
    standby, version = cluster.replicas()[0], server_version()
    cluster.configure(postgresql={"recovery_conf": {"restore_command": "cp /nowhere/%f %p"}})
    if version < 14:
        wait_for("the need of a restart", lambda: standby.status().get("pending_restart"), 20)
        assert standby.api("/restart", "POST", {}, timeout=60)[0] == 200
    if version >= 12:
        wait_for("it in force", lambda: standby.sql("show restore_command") == [("cp /nowhere/%f %p",)], 20)
    else:
        with open(f"{standby.data}/recovery.conf") as f:
            assert "cp /nowhere/%f %p" in f.read()
    cluster.wait_healthy(60)
    cluster.configure(postgresql={"recovery_conf": None})


def test_pause_and_reinitialize(cluster):
    standby = cluster.replicas()[0]
    assert cluster.ctl("pause", "--wait").returncode == 0
    assert cluster.ctl("resume", "--wait").returncode == 0
    before = facts.marker(standby)
    assert standby.api("/reinitialize", "POST", {"force": True})[0] == 200
    wait_for("a fresh copy", lambda: standby.is_replica() and facts.marker(standby) != before, 60)
    cluster.wait_healthy(60)


def hand_made(cluster):
    """A primary that somebody has made by hand, with the users that the configuration names."""
    node = cluster.nodes[0]

    def run(*argv):
        done = processes.run([f"{postgres_bin()}/{argv[0]}", *argv[1:]], cluster.root, 60)
        assert done.returncode == 0, done.stdout + done.stderr
    run("initdb", "-D", node.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync" if server_version() > 10 else "-N")
    with open(f"{node.data}/postgresql.conf", "a") as f:
        f.write(f"listen_addresses = '127.0.0.1'\nport = {node.pg_port}\nunix_socket_directories = '{cluster.root}'\n"
                "max_connections = 60\nwal_log_hints = on\nwal_level = logical\n")
    with open(f"{node.data}/pg_hba.conf", "w") as f:
        f.write("\n".join(HBA) + "\n")
    run("pg_ctl", "-D", node.data, "-w", "-l", f"{cluster.root}/hand.log", "start")
    conn = psycopg2.connect(host=cluster.root, port=node.pg_port, user="postgres", dbname="postgres")
    conn.autocommit = True
    conn.cursor().execute("alter user postgres password 'su'; create user replicator with replication password 'rep'; "
                          "create user rewind_user superuser password 'rew'; create table by_hand(v text)")
    conn.close()


def test_adoption_of_a_running_server(new_cluster):
    cluster = prepare(new_cluster(n=2))
    hand_made(cluster)
    first, second = cluster.nodes
    pid = first.postmaster_pid()
    cluster.etcd.start()
    first.start()
    wait_for("it to lead", first.is_primary, 60)
    second.start()
    cluster.wait_healthy(60)
    assert first.postmaster_pid() == pid, "no restart"
    assert second.sql("select count(*) from by_hand") == [(0,)]
    wait_for("the need of a restart", lambda: "max_connections" in first.status().get("pending_restart_reason", {}), 20)
