"""tamadactl on a cluster of Debian's Patroni, and patronictl on ours: both do the same and show the same.

Columns and their order differ between versions of Patroni, so the values are compared. The cluster may change between
two commands, so both are repeated until they agree.
"""
import json

import pytest
import yaml

import facts
from harness import Side, wait_for

pytestmark = pytest.mark.tamada
PATRONI = Side("/usr/bin/patroni", "/usr/bin/patronictl")


@pytest.fixture(scope="module", params=["ours_on_theirs", "theirs_on_ours"])
def pair(request, _shared):
    """(cluster, the command of the other side, the cluster's own side)"""
    cluster = _shared(n=2)
    ours = cluster.side
    daemon, command = (PATRONI, ours) if request.param == "ours_on_theirs" else (ours, PATRONI)
    for node in cluster.nodes:
        node.side = daemon
    return cluster.up(), command, daemon


def run(pair, *args, timeout=90):
    cluster, command, _ = pair
    done = cluster.run_ctl(command, *args, timeout=timeout)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


def agree(pair, ask, timeout=30):
    """The output of both commands as soon as they agree."""
    cluster, command, own = pair

    def both():
        a, b = (ask(lambda *args, side=side: cluster.run_ctl(side, *args).stdout) for side in (command, own))
        assert a == b
        return [a]
    return wait_for("two equal answers", both, timeout)[0]


def config_key(cluster):
    return json.loads(cluster.keys()["config"])


def test_list(pair):
    def members(ctl):
        rows = json.loads(ctl("list", "-f", "json"))
        assert all(row["State"] in ("running", "streaming") for row in rows)
        return sorted((row["Cluster"], row["Member"], row["Host"], row["Role"], row["TL"]) for row in rows)
    assert [row[1:4:2] for row in agree(pair, members)] == [("n0", "Leader"), ("n1", "Replica")]


def test_configuration(pair):
    cluster = pair[0]
    run(pair, "edit-config", "demo", "-s", "maximum_lag_on_failover=2097152", "-p", "work_mem=6MB", "--force")
    for node in cluster.nodes:
        wait_for(f"the change on {node}", lambda node=node: node.sql("show work_mem") == [("6MB",)], 30)
    shown = agree(pair, lambda ctl: yaml.safe_load(ctl("show-config")))
    assert shown == config_key(cluster)
    assert shown["maximum_lag_on_failover"] == 2097152


def test_pause_and_resume(pair):
    cluster = pair[0]
    run(pair, "pause", "--wait")
    assert config_key(cluster)["pause"] is True
    assert "Maintenance mode: on" in run(pair, "list")
    run(pair, "resume", "--wait")
    assert not config_key(cluster).get("pause")
    assert "Maintenance mode" not in run(pair, "list")


def test_switchover_and_history(pair):
    cluster = pair[0]
    cluster.wait_healthy(60)
    old, new = cluster.leader(), cluster.replicas()[0]
    out = run(pair, "switchover", "demo", "--leader", old.name, "--candidate", new.name, "--force")
    assert "Successfully" in out
    wait_for(f"{new} as leader", new.is_primary, 30)
    cluster.wait_healthy(90)
    facts.wait_history(cluster, new)
    lines = agree(pair, lambda ctl: [(line["TL"], line["LSN"], line["New Leader"])
                                     for line in json.loads(ctl("history", "-f", "json"))])
    assert lines[-1][2] == new.name


def test_restart_and_reinit(pair):
    cluster = pair[0]
    cluster.wait_healthy(60)
    replica = cluster.replicas()[0]
    since = replica.status()["postmaster_start_time"]
    run(pair, "restart", "demo", replica.name, "--force")
    wait_for("a restarted server", lambda: replica.status()["postmaster_start_time"] > since, 60)
    cluster.wait_healthy(60)
    made = facts.marker(replica)
    run(pair, "reinit", "demo", replica.name, "--force", "--wait", timeout=120)
    cluster.wait_healthy(90)
    assert facts.marker(replica) != made, "the data directory is a new copy"
