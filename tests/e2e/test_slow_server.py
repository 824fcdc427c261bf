"""A server does not answer its daemon in time. It is ended only if it could be a second primary."""
import pathlib
import signal

import pytest

from harness import processes, wait_for


def freeze(node):
    """Stops every process of the node's server. Returns a function that continues them."""
    pids = processes.working_in(node.data)
    for pid in pids:
        processes.send(pid, signal.SIGSTOP)

    def thaw():
        for pid in pids:
            processes.send(pid, signal.SIGCONT)
    return thaw


@pytest.mark.tamada
def test_a_fresh_daemon_leaves_a_standby_that_does_not_answer_alone(cluster):
    """A new daemon on a busy machine knows only the files on disk."""
    replica = cluster.replicas()[0]
    pid = replica.postmaster_pid()
    replica.kill_daemon()
    thaw = freeze(replica)
    try:
        replica.spawn()
        wait_for("the daemon to see that", lambda: replica.log().count("PostgreSQL does not answer") > 2, 60)
    finally:
        thaw()
    cluster.wait_healthy(60)
    assert replica.postmaster_pid() == pid
    assert "demoting self" not in replica.log()


@pytest.mark.tamada
def test_a_fresh_daemon_ends_a_former_primary_that_does_not_answer(new_cluster):
    """A file standby.signal does not make a running primary a standby."""
    cluster = new_cluster(2)
    for node in cluster.nodes:
        node.config["watchdog"] = {"mode": "off", "guard": False}
    cluster.up()
    old = cluster.leader()
    old.kill_daemon()
    thaw = freeze(old)
    try:
        cluster.wait_leader(60, other_than=old)
        pathlib.Path(old.data, "standby.signal").touch()
        pid = old.postmaster_pid()
        old.spawn()
        wait_for("the old primary's end", lambda: old.postmaster_pid() != pid, 60)
        assert "demoting self because I do not have the lock" in old.log()
    finally:
        thaw()
    cluster.wait_healthy(90)


def delayed(new_cluster):
    """A leader, a standby that may take over, and one that may not; what any of them sends can be delayed."""
    cluster = new_cluster(cables=True)
    cluster.nodes[2].config["tags"]["nofailover"] = True
    return cluster.up()


@pytest.mark.tamada
def test_a_slow_standby_follows_the_new_leader(new_cluster):
    """An answer counts even if it is processed with a delay."""
    cluster = delayed(new_cluster)
    first, second, slow = cluster.nodes
    # From timeline 2 on, a standby asks the new leader for its timeline before it follows it.
    # The request is refused while the candidate does not answer in time, which happens on a busy machine.
    wait_for("the switchover", lambda: first.api("/switchover", "POST", {"leader": first.name, "candidate": second.name}, timeout=60)[0] == 200
             or second.is_primary(), 60)
    cluster.wait_healthy(60)
    # While the standby does not stream, each observation asks for its timeline over a connection.
    cluster.cables.delays[slow.name] = 0.4
    second.lose()
    cluster.wait_leader(60, other_than=second)
    wait_for(f"{slow} to stream from {first}", lambda: slow.is_streaming_from(first), 40)


@pytest.mark.tamada
def test_a_leader_that_answers_slowly_is_followed(new_cluster):
    """Its server accepts connections, and needs longer for a login than the first question waits."""
    cluster = delayed(new_cluster)
    first, second, standby = cluster.nodes
    cluster.cables.delays[second.name] = 2.5
    first.lose()
    cluster.wait_leader(60, other_than=first)
    wait_for(f"{standby} to stream from {second}", lambda: standby.is_streaming_from(second), 60)
    assert f"following nobody until {second.name} answers" in standby.log()   # the first question got no answer
