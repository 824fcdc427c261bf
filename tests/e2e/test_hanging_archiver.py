"""archive_command hangs while the primary shuts down. PostgreSQL would wait for it forever, but the cluster does not."""
import glob
import pathlib
import re
import time

import pytest

from harness import Writer, processes, wait_for


@pytest.fixture(scope="module")
def _archiving(_shared):
    """Three nodes that archive. A file beside a node's data directory makes its archive_command hang."""
    cluster = _shared()
    for node in cluster.nodes:
        # The command ends when the file is removed. If it were killed, the archiver would start again up to a minute later.
        command = f"while test -e {node.data}.hang; do sleep 0.2; done"
        node.config["postgresql"]["parameters"].update({"archive_mode": "on", "archive_command": command})
    return cluster.up()


@pytest.fixture
def archiving(_archiving):
    release(_archiving)
    _archiving.heal(90)
    yield _archiving
    release(_archiving)


def hang(node):
    """Makes the archive_command hang from the next file on, and gives the archiver a file."""
    pathlib.Path(node.data + ".hang").touch()
    node.sql("create table if not exists t (v int)")
    node.sql("select pg_switch_wal()")
    node.sql("insert into t values (1)")   # from here on the position is in the new file
    wait_for("a WAL file to archive", lambda: glob.glob(f"{node.data}/pg_wal/archive_status/*.ready"), 30)
    # Without a signal the archiver looks for files only once a minute.
    wait_for("archive_command to hang", lambda: archiving_now(node), 90)
    [(end,)] = node.sql("select (pg_current_wal_flush_lsn() - '0/0')::bigint")
    for other in node.cluster.replicas():   # the members report their last observation
        wait_for(f"{other} to tell that it has the new file",
                 lambda other=other: other.status()["xlog"]["received_location"] >= end, 30)


def archiving_now(node):
    return [pid for pid in processes.working_in(node.data) if processes.name(pid) == "sh"]


def release(cluster):
    for node in cluster.nodes:
        pathlib.Path(node.data + ".hang").unlink(missing_ok=True)


@pytest.mark.tamada
def test_a_switchover_does_not_wait_for_it(archiving):
    cluster = archiving
    old = cluster.leader()
    with Writer(cluster) as writer:
        hang(old)
        pid = old.postmaster_pid()
        began = time.monotonic()
        status, text = old.api("/switchover", "POST", {"leader": old.name}, timeout=60)
        assert status == 200, text
        new = cluster.wait_leader(30, other_than=old)
        writer.wait_for_writes(began, port=new.pg_port)
    assert old.postmaster_pid() == pid, "its archiver has its time"
    assert re.search(r"switchover: PostgreSQL has shut down, except for archive_command, which still has to archive \d WAL files?; the "
                     r"leader key is free: n\d(, n\d)? ha(s|ve) all WAL", old.log())

    def told():
        lines = cluster.ctl("list").stdout.splitlines()
        return (any(f" {old.name} " in line and "stopping" in line for line in lines)
                and any(line.startswith(f" ! {old.name}: ") and "archive_command, which still has to archive " in line for line in lines))
    wait_for("list to tell", told, 20)
    assert "archive_command, which still has to archive " in cluster.ctl("explain", cluster.scope, old.name).stdout
    release(cluster)
    assert cluster.wait_healthy(60) is new
    assert "pg_rewind" not in old.log(), "it was shut down cleanly"
    assert writer.missing() == []


@pytest.mark.tamada
def test_a_stopped_daemon_hands_over_meanwhile(archiving):
    cluster = archiving
    old = cluster.leader()
    hang(old)
    old.proc.terminate()
    new = cluster.wait_leader(30, other_than=old)
    assert old.running() and old.postmaster_pid()
    release(cluster)
    old.proc.wait(60)
    assert new.is_primary() and old.postmaster_pid() is None


@pytest.mark.tamada
def test_a_restart_of_the_leader_ends_it(archiving):
    cluster = archiving
    leader = cluster.leader()
    hang(leader)
    pid = leader.postmaster_pid()
    leader.api("/restart", "POST", {}, timeout=60)
    wait_for("another postmaster", lambda: leader.postmaster_pid() not in (None, pid), 60)
    assert cluster.wait_healthy(60) is leader
    assert "archive_command, which still has to archive " in leader.log()


@pytest.mark.tamada
def test_nobody_has_all_wal_and_the_leader_goes_on(archiving):
    """The candidate's WAL receiver hangs. The switchover is given up after a time limit."""
    cluster = archiving
    leader, (candidate, other) = cluster.leader(), cluster.replicas()
    hang(leader)
    pid = leader.postmaster_pid()
    frozen = [p for p in processes.working_in(candidate.data) if "walreceiver" in commandline(p)]
    assert frozen
    try:
        for p in frozen:
            processes.send(p, 19)
        other_before = other.postmaster_pid()
        status, text = leader.api("/switchover", "POST", {"leader": leader.name, "candidate": candidate.name}, timeout=60)
        assert status == 503, text
        wait_for("another postmaster", lambda: leader.postmaster_pid() not in (None, pid), 90)
    finally:
        for p in frozen:
            processes.send(p, 18)
    assert cluster.wait_healthy(60) is leader
    assert other.postmaster_pid() == other_before
    assert "no member that may take over has all of its WAL" in leader.log()


def commandline(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
