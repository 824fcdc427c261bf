"""Planned changes of the leader over REST and from the command line. No acknowledged row may be missing."""
import json
import time

import pytest

import facts
from harness import Writer, wait_for


def switched(cluster, ask, candidate=None):
    """Runs ask(old) while a client writes and checks the rules for every switchover. Returns the new leader."""
    old, before = cluster.leader(), facts.timeline(cluster.leader())
    with Writer(cluster) as writer:
        began = time.monotonic()
        ask(old)
        new = cluster.wait_leader(other_than=old)
        writer.wait_for_writes(began, port=new.pg_port)
    assert candidate in (None, new)
    assert cluster.wait_healthy(60) is new
    # The old leader was shut down cleanly, so it follows without a rewind or a copy.
    assert facts.timeline(new) == before + 1
    for node in cluster.nodes:
        wait_for(f"{node} on the new timeline", lambda node=node: facts.timeline(node) == before + 1, 20)
    assert writer.missing() == []
    for node in cluster.replicas():
        wait_for(f"all rows on {node}", lambda node=node: writer.missing(node) == [], 20)
    assert facts.wait_history(cluster, new)[-1][0] == before
    assert facts.no_request_left(cluster)
    return new


def test_rest_without_a_candidate(cluster):
    def ask(old):
        status, text = old.api("/switchover", "POST", {"leader": old.name}, timeout=60)
        assert status == 200, text
        assert text.startswith("Successfully switched over to ")
    switched(cluster, ask)


def test_rest_with_a_candidate(cluster):
    candidate = cluster.replicas()[-1]

    def ask(old):
        status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": candidate.name}, timeout=60)
        assert (status, text) == (200, f'Successfully switched over to "{candidate.name}"')
    switched(cluster, ask, candidate)


def test_rest_asked_of_a_replica(cluster):
    replica = cluster.replicas()[0]

    def ask(old):
        status, text = replica.api("/switchover", "POST", {"leader": old.name, "candidate": replica.name}, timeout=60)
        assert status == 200, text
    switched(cluster, ask, replica)


def test_ctl_without_a_candidate(cluster):
    def ask(old):
        done = cluster.ctl("switchover", cluster.scope, "--leader", old.name, "--force")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Successfully switched over" in done.stdout
    switched(cluster, ask)


def test_ctl_with_a_candidate(cluster):
    candidate = cluster.replicas()[0]

    def ask(old):
        done = cluster.ctl("switchover", cluster.scope, "--leader", old.name, "--candidate", candidate.name, "--force")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f'Successfully switched over to "{candidate.name}"' in done.stdout
    switched(cluster, ask, candidate)


@pytest.mark.parametrize("body, status", [
    ({}, 400),
    ({"leader": "nobody"}, 412),
    ({"leader": "LEADER", "candidate": "nobody"}, 412),
    pytest.param({"leader": "LEADER", "candidate": "LEADER"}, 400, marks=pytest.mark.tamada),   # Patroni 3.0 answers 503
])
def test_refused(cluster, body, status):
    leader = cluster.leader()
    body = {k: leader.name if v == "LEADER" else v for k, v in body.items()}
    answer, text = leader.api("/switchover", "POST", body, timeout=30)
    assert answer == status, text
    assert cluster.leader() is leader and facts.no_request_left(cluster)


def test_repeated_to_and_fro(cluster):
    """Two switchovers in a row, back to the first node. Nothing that the first leaves behind prevents the second."""
    first, candidate = cluster.leader(), cluster.replicas()[0]
    for old, new in ((first, candidate), (candidate, first)):
        status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
        assert status == 200, text
        assert cluster.wait_healthy(60) is new


@pytest.mark.tamada
@pytest.mark.parametrize("kind", ["switchover", "failover"])
def test_a_schedule_long_past_is_dropped(cluster, kind):
    """A client wrote the request to etcd too late, or with a wrong clock, and nobody waits for the result any more."""
    leader, target = cluster.leader(), cluster.replicas()[0]
    before = leader.postmaster_pid(), facts.timeline(leader)
    request = {"leader": leader.name} if kind == "switchover" else {}
    request |= {"member": target.name, "scheduled_at": "2020-01-01T00:00:00+00:00"}
    cluster.etcd.ctl("put", f"{cluster.prefix}failover", json.dumps(request))
    wait_for("the request to go", lambda: cluster.keys().get("failover") in (None, "", "{}"), 30)
    wait_for("a word of it", lambda: "Found a stale" in leader.log(), 30)
    assert cluster.leader() is leader
    assert (leader.postmaster_pid(), facts.timeline(leader)) == before


@pytest.mark.tamada
def test_a_failover_goes_to_a_standby_that_is_far_behind(new_cluster):
    """When no other member is left, the operator's word counts more than maximum_lag_on_failover."""
    cluster = new_cluster(2).up()
    old, behind = cluster.nodes
    behind.stop()
    old.sql("create table more as select generate_series(1, 100000)")
    written = int(old.sql("select pg_current_wal_lsn() - '0/0'")[0][0])
    wait_for("the leader's position", lambda: int(json.loads(cluster.keys()["status"])["optime"]) >= written, 30)
    old.lose()
    behind.start()
    facts.wait_log(behind, "My wal position exceeds maximum replication lag", 60)
    assert not behind.is_primary()
    cluster.ctl("failover", "--candidate", behind.name, "--force", node=behind)
    wait_for("the promotion", behind.is_primary, 60)
