"""Restarts on request, at once, at a given time and under conditions; pending restarts and their reasons; parameters that must be equal on all
members."""
import datetime
import json
import os

import facts
from harness import wait_for


def started(node):
    return node.status()["postmaster_start_time"]


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


def patch(node, parameters):
    """Changes the parameters by force, because a name that the server does not know is refused otherwise."""
    status, text = node.api("/config?force=true", "PATCH", {"postgresql": {"parameters": parameters}})
    assert status == 200, text


def wait_pending(node, expected, timeout=15):
    wait_for(f"{expected} pending on {node}", lambda: node.status().get("pending_restart_reason", {}) == expected, timeout)


def restart(node, **conditions):
    return node.api("/restart", "POST", conditions, timeout=60)


def test_at_a_time_and_on_conditions(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    before, before_leader = started(replica), started(leader)

    assert restart(replica, schedule=in_seconds(3600), role="replica", timeout="1min")[0] == 202
    assert restart(replica, schedule=in_seconds(3600)) == (409, "Another restart is already scheduled")
    facts.wait_key(cluster, f"members/{replica.name}")
    member = json.loads(cluster.keys()[f"members/{replica.name}"])
    assert member["scheduled_restart"]["role"] == "replica" and member["scheduled_restart"]["timeout"] == 60
    assert "postmaster_start_time" not in replica.status()["scheduled_restart"]

    # The scheduled restart survives the daemon.
    if cluster.side.is_tamada:
        replica.kill_daemon()
        replica.start()
        wait_for("the schedule of before", lambda: replica.status().get("scheduled_restart"), 15)
    assert replica.api("/restart", "DELETE")[0] == 200
    assert replica.api("/restart", "DELETE")[0] == 404

    # If a condition does not hold at the scheduled time, the restart is dropped; if it holds, the restart happens.
    assert restart(leader, schedule=in_seconds(1.5), role="replica")[0] == 202
    assert restart(replica, schedule=in_seconds(1.5), role="replica")[0] == 202
    wait_for("the restart", lambda: started(replica) != before, 20)
    wait_for("the refused one to be dropped", lambda: "scheduled_restart" not in leader.status(), 20)
    assert started(leader) == before_leader and "scheduled_restart" not in replica.status()
    assert cluster.wait_healthy(30) is leader


def test_pending_and_why(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    patch(leader, {"superuser_reserved_connections": 4, "shared_buffers": "48MB", "no_such_parameter": 1})
    # No local file sets shared_buffers, so the change takes effect. The invalid parameter is left out.
    expected = {"shared_buffers": {"old_value": "32MB", "new_value": "48MB"},
                "superuser_reserved_connections": {"old_value": "3", "new_value": "4"}}
    for node in (leader, replica):
        wait_pending(node, expected)
    assert json.loads(cluster.keys()[f"members/{replica.name}"])["pending_restart_reason"] == expected
    assert "Removing invalid parameter `no_such_parameter`" in leader.log()
    assert restart(leader, restart_pending=True, postgres_version="10.0")[0] == 503
    assert restart(leader, restart_pending=True) == (200, "restarted successfully")
    wait_pending(leader, {})
    assert restart(leader, restart_pending=True) == (503, "restart conditions are not satisfied")
    assert leader.sql("show shared_buffers") == [("48MB",)]
    assert cluster.leader() is leader, "a restart is no failover"
    patch(leader, {"superuser_reserved_connections": None, "shared_buffers": "32MB", "no_such_parameter": None})
    for node in cluster.nodes:
        assert restart(node)[0] == 200
    wait_pending(leader, {})
    cluster.wait_healthy(30)


def test_fewer_connections_on_the_primary_first(cluster):
    """A standby keeps the primary's old value until it has seen the primary's restart."""
    leader, replica = cluster.leader(), cluster.replicas()[0]
    patch(leader, {"max_connections": 40})
    reason = {"max_connections": {"old_value": "50", "new_value": "40"}}
    for node in cluster.nodes:
        wait_pending(node, reason)
    assert restart(replica) == (200, "restarted successfully")
    assert replica.sql("show max_connections") == [("50",)]
    wait_pending(replica, reason)
    assert restart(leader) == (200, "restarted successfully")
    assert leader.sql("show max_connections") == [("40",)]

    def standby_has_seen_it():
        return replica.controldata()["max_connections setting"] == "40"
    leader.sql("checkpoint")
    wait_for("the primary's value in the standby's control file", standby_has_seen_it, 20)
    for node in cluster.replicas():
        assert restart(node)[0] == 200
        assert node.sql("show max_connections") == [("40",)]
        wait_pending(node, {})
    cluster.wait_healthy(30)


def test_scripts_around_it(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    log = f"{cluster.root}/callbacks of {replica.name}"
    script = f"{cluster.root}/callback.sh"
    with open(script, "w") as f:
        f.write("#!/bin/sh\nfile=$1\nshift\necho \"$@\" >> \"$file\"\n")
    os.chmod(script, 0o755)
    replica.config["postgresql"]["callbacks"] = {
        name: f"{script} '{log}'" for name in ("on_start", "on_stop", "on_restart", "on_reload", "on_role_change")}
    replica.config["postgresql"]["before_stop"] = f"{script} '{log}' before_stop"

    def calls():
        with open(log) as f:
            return f.read().split("\n")[:-1]
    replica.stop()
    replica.start()
    cluster.wait_healthy(60)
    wait_for("on_start", lambda: calls() == ["on_start replica demo"], 30)
    assert restart(replica)[0] == 200
    wait_for("on_restart", lambda: calls()[1:] == ["before_stop", "on_restart replica demo"], 30)
    patch(leader, {"work_mem": "5MB"})
    wait_for("on_reload", lambda: calls()[3:] == ["on_reload replica demo"], 30)
    replica.stop()
    wait_for(f"on_stop after {calls()}", lambda: calls()[4:] == ["before_stop", "on_stop replica demo"], 30)
