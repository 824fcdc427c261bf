"""A server whose processes live but which accepts no client: it is reported, and another member takes over."""
import signal
import time

import pytest

import facts
from harness import processes, wait_for

pytestmark = pytest.mark.tamada

SILENT = "PostgreSQL answers no new connection, its postmaster may hang"


def problems(node):
    return [one["text"] for one in node.status().get("problems", []) if one["kind"] == "connections"]


def stop_processes(node, backends):
    pid = node.postmaster_pid()
    stopped = [pid, *(child for child, _ in processes.children(pid))] if backends else [pid]
    for one in stopped:
        processes.send(one, signal.SIGSTOP)
    return stopped


def go_on(stopped):
    for one in stopped:
        processes.send(one, signal.SIGCONT)


@pytest.mark.parametrize("backends", [False, True], ids=["postmaster", "postmaster and backends"])
def test_another_takes_over(cluster, backends):
    old = cluster.leader()
    server = old.postmaster_pid()
    stopped = stop_processes(old, backends)
    try:
        wait_for("/primary to say so", lambda: old.api("/primary")[0] == 503, 20)
        assert processes.alive(server), "it was to be told before the server is ended"
        assert problems(old) == [SILENT]
        assert old.api("/health")[0] == 503
        wait_for("the list to say so", lambda: f" ! {old}: {SILENT}" in cluster.ctl("list").stdout, 30)
        new = cluster.wait_leader(timeout=60, other_than=old)
        assert not processes.alive(server), "two primaries"
        assert "ending PostgreSQL so that another member takes over: PostgreSQL has answered no new connection for" in old.log()
    finally:
        go_on(stopped)
    assert cluster.wait_healthy(90) is new
    assert problems(old) == []


def test_without_another_it_is_started_again(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.up().nodes
    server = node.postmaster_pid()
    stopped = stop_processes(node, backends=True)
    try:
        wait_for("the server to be ended", lambda: not processes.alive(server), 60)
    finally:
        go_on(stopped)
    wait_for("the server", lambda: node.sql("select 1") == [(1,)], 60)
    wait_for("the primary", node.is_primary, 60)


def test_only_told(cluster):
    cluster.configure(primary_unresponsive="warn")
    leader = cluster.leader()
    server = leader.postmaster_pid()
    stopped = stop_processes(leader, backends=False)
    try:
        wait_for("the problem", lambda: problems(leader) == [SILENT], 20)
        until = time.monotonic() + 2 * cluster.dcs["ttl"]
        while time.monotonic() < until:
            assert processes.alive(server)
            time.sleep(0.5)
        assert cluster.keys()["leader"] == leader.name
    finally:
        go_on(stopped)
        wait_for("the primary", leader.is_primary, 30)
        cluster.configure(primary_unresponsive=None)


def test_a_server_with_all_connections_taken_is_no_failure(cluster):
    leader = cluster.leader()
    server = leader.postmaster_pid()
    with facts.all_connections_taken(leader) as refused:
        # A connection of the daemon that ended after the refusal would leave room for its next one.
        (text,) = wait_for("the problem", lambda: refused() and problems(leader), 30)
        assert "too many clients" in text
        until = time.monotonic() + 2 * cluster.dcs["ttl"]
        while time.monotonic() < until:
            assert leader.is_primary() and leader.postmaster_pid() == server
            time.sleep(0.5)
    wait_for("it is over", lambda: problems(leader) == [], 20)


def test_a_standby_is_told_and_left_alone(cluster):
    """The WAL receiver of a standby whose postmaster hangs may go on. Its acknowledgements count, so its server is not ended."""
    standby = cluster.replicas()[0]
    server = standby.postmaster_pid()
    stopped = stop_processes(standby, backends=False)
    try:
        wait_for("/replica to say so", lambda: standby.api("/replica")[0] == 503, 20)
        assert problems(standby) == [SILENT]
        wait_for("the list to say so", lambda: f" ! {standby}: {SILENT}" in cluster.ctl("list").stdout, 30)
        until = time.monotonic() + 2 * cluster.dcs["ttl"]
        while time.monotonic() < until:
            assert processes.alive(server) and standby.api("/replica")[0] == 503
            time.sleep(0.5)
        assert standby.is_streaming_from(cluster.leader())
    finally:
        go_on(stopped)
    wait_for("/replica", standby.is_replica, 30)
    assert standby.postmaster_pid() == server and problems(standby) == []
