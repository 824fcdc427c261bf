"""In pause the daemons respect what an operator does by hand and do nothing by themselves. Source: Patroni's page on pause."""
import json
import pathlib
import time

import psycopg2
import pytest

import facts
from harness import timed_out, wait_for


def set_pause(cluster, on):
    leader = wait_for("somebody to tell", lambda: next((n for n in cluster.nodes if n.is_healthy("/liveness")), None), 20)
    status, text = leader.api("/config", "PATCH", {"pause": True if on else None})
    assert status == 200, text
    for node in cluster.nodes:
        if node.running():
            wait_for(f"{node} to know", lambda node=node: node.status().get("pause", False) is on, 20)


@pytest.fixture
def paused(cluster):
    set_pause(cluster, True)
    yield cluster
    for node in cluster.nodes:
        if not node.running():
            node.start()
    set_pause(cluster, False)
    cluster.wait_healthy(90)


def quiet(cluster, loops=3):
    """Waits long enough for a daemon to act, if it did."""
    time.sleep(loops * cluster.dcs["loop_wait"])


def by_hand(node, *action):
    done = node.pg("pg_ctl", "-D", node.data, "-w", "-s", *action)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stop_by_hand_is_respected(paused):
    leader, (first, second) = paused.leader(), paused.replicas()
    by_hand(first, "stop", "-m", "fast")
    by_hand(leader, "stop", "-m", "fast")
    wait_for("the lock to be released", lambda: "leader" not in paused.keys(), 20)
    quiet(paused)
    assert leader.postmaster_pid() is None and first.postmaster_pid() is None, "nobody starts it"
    assert second.sql("select pg_is_in_recovery()") == [(True,)], "nobody is promoted"
    assert "leader" not in paused.keys()
    # The server is started by hand as a primary, and its daemon takes the leader key.
    by_hand(leader, "start", "-l", f"{paused.root}/by_hand.log", "-o", f"-p {leader.pg_port} -c listen_addresses=127.0.0.1"
            f" -c unix_socket_directories={paused.root}")
    facts.wait_key(paused, "leader", leader.name)
    wait_for("/primary", leader.is_primary, 30)


def test_promotion_by_hand_is_respected(paused):
    old, (new, third) = paused.leader(), paused.replicas()
    before = facts.timeline(old)
    by_hand(old, "stop", "-m", "fast")
    wait_for("the lock to be released", lambda: "leader" not in paused.keys(), 20)
    by_hand(new, "promote")
    facts.wait_key(paused, "leader", new.name)
    wait_for(f"{third} to follow {new}", lambda: third.is_streaming_from(new), 30)
    assert facts.timeline(new) == before + 1
    quiet(paused, 2)
    assert old.postmaster_pid() is None


def test_a_second_primary_is_only_warned_of(paused):
    leader, (other, _) = paused.leader(), paused.replicas()
    by_hand(other, "promote")
    facts.wait_log(other, "without lock" if paused.side.is_tamada else "WARNING")
    quiet(paused, 2)
    assert other.sql("select pg_is_in_recovery()") == [(False,)], "nobody demotes it"
    other.sql("create table alone()")
    assert leader.is_primary() and not other.is_primary()
    assert paused.keys()["leader"] == leader.name
    # After the pause it is stopped and rejoins by pg_rewind, not by a copy. The rows that only it had are gone.
    made_by = facts.marker(other)
    set_pause(paused, False)
    assert paused.wait_healthy(90) is leader
    assert facts.marker(other) == made_by
    assert "pg_rewind exit code=0" in other.log()
    assert leader.sql("select to_regclass('alone')") == other.sql("select to_regclass('alone')") == [(None,)]


def test_only_named_and_immediate_switchovers(paused):
    old, (new, _) = paused.leader(), paused.replicas()
    later = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 3600))
    for body, said in (({"leader": old.name}, "Switchover is possible only to a specific candidate in a paused state"),
                       ({"leader": old.name, "candidate": new.name, "scheduled_at": later},
                        "Can't schedule switchover in the paused state")):
        assert old.api("/switchover", "POST", body) == (400, said)
    assert old.api("/restart", "POST", {"schedule": later}) == (500, "Can't schedule restart in the paused state")
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert (status, text) == (200, f'Successfully switched over to "{new.name}"')
    wait_for(f"{old} to follow {new}", lambda: old.is_streaming_from(new), 30)


def test_the_end_of_a_daemon_leaves_its_server(paused):
    leader = paused.leader()
    pid = leader.postmaster_pid()
    leader.stop()
    assert leader.postmaster_pid() == pid
    assert leader.sql("select pg_is_in_recovery()") == [(False,)]
    leader.start()
    facts.wait_key(paused, "leader", leader.name)
    wait_for("/primary", leader.is_primary, 20)
    assert leader.postmaster_pid() == pid


def test_a_crash_is_not_repaired(paused):
    replica = paused.replicas()[0]
    replica.kill_postgres()
    wait_for("the daemon to notice", lambda: replica.status()["state"] in ("stopped", "crashed"), 20)
    quiet(paused, 2)
    assert replica.postmaster_pid() is None
    # A requested restart is not an automatic action.
    status, text = replica.api("/restart", "POST", timeout=60)
    assert status == 200, text
    wait_for("/replica", replica.is_replica, 20)


def test_resume_right_after_all_daemons_restarted(paused):
    """`resume --wait` does not count a member as resumed that has not learned of the pause yet."""
    for node in paused.nodes:
        node.stop()
    for node in paused.nodes:
        node.start()

    def resumed():
        done = paused.ctl("resume", "--wait")
        return "Success: cluster management is resumed" in done.stdout
    wait_for("resume to say success", resumed, 60)
    assert not json.loads(paused.keys()["config"]).get("pause")
    for node in paused.nodes:
        wait_for(f"{node} to manage again", lambda node=node: not node.status().get("pause", False), 20)


def test_a_pause_of_a_former_run_is_not_believed(new_cluster):
    """The daemon dies in pause, the pause ends without it, and it starts again cut off from etcd. The copy of the
    configuration in its data directory still says that the cluster is paused."""
    cluster = new_cluster(cables=True).up()
    old = cluster.leader()
    set_pause(cluster, True)
    copy = pathlib.Path(old.data, "patroni.dynamic.json")
    wait_for("the copy on disk to say so", lambda: json.loads(copy.read_text()).get("pause"), 20)
    old.kill_daemon()
    other = next(n for n in cluster.nodes if n is not old)
    status, text = other.api("/config", "PATCH", {"pause": None})
    assert status == 200, text
    new = cluster.wait_leader(60, other_than=old)
    assert old.sql("select pg_is_in_recovery()") == [(False,)], "nobody watches it"
    cluster.cables.cut(old)
    old.spawn()
    # The daemon has half of retry_timeout, at least 3 s, to take the key, and the same time to stop the server.
    wait_for("the old primary to end", lambda: not takes_writes(old), 30)
    assert not old.is_primary() and new.is_primary()
    cluster.cables.mend()
    cluster.wait_healthy(90)
    assert cluster.leader() is new


def takes_writes(node):
    try:
        return node.sql("select pg_is_in_recovery()") == [(False,)]
    except psycopg2.Error as error:
        if timed_out(error):   # it may take writes and only be slow
            raise
        return False
