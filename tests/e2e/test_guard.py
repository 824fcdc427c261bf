"""The guard ends a primary whose daemon makes no progress before another node can become primary.

A writer for each node runs all the time. After a node has acknowledged its first write, a former primary must not
acknowledge any statement that is sent later. GUARD_ROUNDS=20 runs more rounds.
"""
import os
import signal
import threading
import time

import psycopg2
import pytest

from harness import processes, wait_for

pytestmark = pytest.mark.tamada
ROUNDS = int(os.environ.get("GUARD_ROUNDS", "2"))   # rounds of each kind of fault


class NodeWriter:
    """Writes to one node as fast as it answers, in any role."""

    def __init__(self, node):
        self.node, self.acks = node, []   # the times, of time.monotonic(), at which acknowledged statements were sent
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._done.set()
        self._thread.join(15)

    def _connect(self):
        connection = self.node.connect(timeout=2)
        connection.cursor().execute("set log_min_messages = fatal")   # a standby would log each refusal
        return connection

    def _run(self):
        connection = None
        while not self._done.is_set():
            try:
                connection = connection or self._connect()
                sent = time.monotonic()
                connection.cursor().execute("insert into guarded(node) values (%s)", [self.node.name])
                self.acks.append(sent)
            except psycopg2.errors.ReadOnlySqlTransaction:
                self._done.wait(0.02)
            except psycopg2.Error:
                if connection:
                    connection.close()
                connection = None
                self._done.wait(0.02)


@pytest.fixture(scope="module")
def guarded(_shared):
    cluster = _shared(dcs={"ttl": 5, "loop_wait": 1, "retry_timeout": 1})
    cluster.up()
    cluster.leader().sql("create table guarded(id bigserial, node text)")
    return cluster


def freeze_daemon(node):
    node.signal(signal.SIGSTOP)
    return lambda: node.signal(signal.SIGCONT)


def kill_daemon(node):
    node.kill_daemon()
    return node.spawn


def freeze_machine(node):
    """Stops every process of the node. When they continue, the guard runs first, as its priority ensures on a real host."""
    postmaster = node.postmaster_pid()
    guards = [child for child, name in processes.children(node.proc.pid) if name == "tamada-guard"]
    assert len(guards) == 1
    server = [postmaster, *(child for child, _ in processes.children(postmaster))]
    for pid in [node.proc.pid, *server, *guards]:
        processes.send(pid, signal.SIGSTOP)

    def thaw():
        processes.send(guards[0], signal.SIGCONT)
        wait_for("the guard to act", lambda: node.postmaster_pid() is None, 30)
        for pid in [node.proc.pid, *server]:
            processes.send(pid, signal.SIGCONT)
    return thaw


def one_round(cluster, trouble):
    cluster.wait_healthy(90)
    old = cluster.leader()
    writers = [NodeWriter(node) for node in cluster.nodes]
    try:
        mine = next(w for w in writers if w.node is old)
        wait_for("writes on the primary", lambda: len(mine.acks) > 50, 30)
        back = trouble(old)
        new = cluster.wait_leader(other_than=old, timeout=60)
        theirs = next(w for w in writers if w.node is new)
        wait_for(f"writes on {new}", lambda: theirs.acks, 60)
        wait_for("more writes", lambda: len(theirs.acks) > 50, 30)
        seen = len(theirs.acks)
        back()
        wait_for("many more writes", lambda: len(theirs.acks) > seen + 200, 60)
        first = theirs.acks[0]
        late = [sent - first for sent in mine.acks if sent > first]
        assert late == [], f"{old} took {len(late)} writes after {new} had, up to {max(late):.3f} s later"
    finally:
        for writer in writers:
            writer.stop()


@pytest.mark.parametrize("trouble", [freeze_daemon, kill_daemon, freeze_machine])
def test_former_primary_accepts_no_write_once_another_is_primary(guarded, trouble):
    for _ in range(ROUNDS):
        one_round(guarded, trouble)


def test_frozen_daemon_tells_what_happened(guarded):
    guarded.wait_healthy(90)
    old = guarded.leader()
    old.signal(signal.SIGSTOP)
    guarded.wait_leader(other_than=old, timeout=60)
    assert old.postmaster_pid() is None
    assert "guard: the leader lease ended" in old.log(), "the guard's own line, while the daemon is still frozen"
    old.signal(signal.SIGCONT)
    wait_for("the daemon's own account", lambda: "the guard ended PostgreSQL" in old.log(), 30)
    guarded.wait_healthy(90)


def test_in_pause_nothing_is_ended(guarded):
    guarded.wait_healthy(90)
    leader = guarded.leader()
    pid = leader.postmaster_pid()
    assert guarded.ctl("pause", "--wait").returncode == 0
    leader.signal(signal.SIGSTOP)
    try:
        wait_for("the leader's key to go", lambda: "leader" not in guarded.keys(), 60)
        time.sleep(2)   # the bound would have passed by now
        assert leader.postmaster_pid() == pid
    finally:
        leader.signal(signal.SIGCONT)
        guarded.ctl("resume", "--wait")


def test_switched_off_the_server_goes_on(new_cluster):
    cluster = new_cluster(1, dcs={"ttl": 5, "loop_wait": 1, "retry_timeout": 1})
    for node in cluster.nodes:
        node.config["watchdog"] = {"mode": "off", "guard": False}
    cluster.up()
    leader = cluster.leader()
    pid = leader.postmaster_pid()
    leader.signal(signal.SIGSTOP)
    try:
        wait_for("the leader's key to go", lambda: "leader" not in cluster.keys(), 60)
        assert leader.postmaster_pid() == pid
    finally:
        leader.signal(signal.SIGCONT)


def guard_of(node):
    return next((pid for pid, name in processes.children(node.proc.pid) if name == "tamada-guard"), None)


def guard_problems(node):
    return [one["text"] for one in node.status().get("problems", []) if one["kind"] == "guard"]


@pytest.fixture(scope="module")
def slow_heartbeat(_shared):
    """A cluster with a heartbeat each 10 s, so that a reaction within seconds cannot come from the next heartbeat."""
    return _shared(1, dcs={"ttl": 30, "loop_wait": 10, "retry_timeout": 10}).up().nodes[0]


def test_a_guard_that_is_killed_comes_back_at_once(slow_heartbeat):
    node = slow_heartbeat
    wait_for("a heartbeat", lambda: "no action. I am" in node.log(), 30)
    wait_for("a guard that has run for a while", lambda: processes.age(guard_of(node)) > 6, 30)
    killed, seen = guard_of(node), len(node.log())
    began = time.monotonic()
    processes.send(killed, signal.SIGKILL)
    wait_for("another guard", lambda: guard_of(node) not in (None, killed), 30, step=0.02)
    first = time.monotonic() - began
    wait_for("it to say so", lambda: "guard started" in node.log()[seen:], 30)
    assert "no guard: it has ended unexpectedly" in node.log()[seen:]
    assert first < 3, f"unguarded for {first:.1f} s"
    # A guard that ends soon is started again only after 5 s, and until then it is reported as missing.
    killed, seen = guard_of(node), len(node.log())
    began, ran = time.monotonic(), processes.age(guard_of(node))
    processes.send(killed, signal.SIGKILL)
    told = []

    def comes_back():
        told.extend(guard_problems(node))
        return guard_of(node) not in (None, killed)
    wait_for("another guard", comes_back, 30, step=0.02)
    assert 4.5 - ran < time.monotonic() - began < 9
    assert "no guard: it has ended unexpectedly" in node.log()[seen:]
    # On a very slow machine the pause may have ended before the kill, and then there is nothing to check.
    assert ran > 4 or told[0].startswith("no guard: it has ended unexpectedly")
    wait_for("the problem to end", lambda: not guard_problems(node), 30)


def test_a_guard_that_does_not_run_is_told(slow_heartbeat):
    node = slow_heartbeat
    stopped = wait_for("a guard", lambda: guard_of(node), 30)
    processes.send(stopped, signal.SIGSTOP)
    try:
        wait_for("the problem", lambda: any(f"the guard (pid {stopped}) does not run" in one for one in guard_problems(node)), 30)
    finally:
        processes.send(stopped, signal.SIGCONT)
    wait_for("the problem to end", lambda: not guard_problems(node), 30)


def test_daemon_and_guard_killed_together_is_told_by_the_next_daemon(slow_heartbeat):
    node = slow_heartbeat
    server, guard = node.postmaster_pid(), wait_for("a guard", lambda: guard_of(node), 30)
    node.signal(signal.SIGSTOP)   # the daemon must not start another guard in between
    processes.send(guard, signal.SIGKILL)
    node.kill_daemon()
    node.spawn()
    wait_for("the primary", node.is_primary, 60)
    assert node.postmaster_pid() == server
    assert f"the guard (pid {guard}) of this daemon's former run has been killed" in node.log()
    wait_for("a guard", lambda: guard_of(node), 30)
