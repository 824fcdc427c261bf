"""Nodes of Debian's Patroni and ours in one cluster, and a migration from one to the other and back, node by node."""
import json
import time

import facts
import pytest
from harness import Side, Writer, wait_for

pytestmark = pytest.mark.tamada
PATRONI = Side("/usr/bin/patroni", "/usr/bin/patronictl")


@pytest.fixture(scope="module")
def mixed(_shared):
    """A cluster in which n0 and n2 run Patroni and n1 our daemon."""
    cluster = _shared()
    for node in (cluster.nodes[0], cluster.nodes[2]):
        node.side = PATRONI
    return cluster.up()


def hand_over(cluster, new):
    old = cluster.leader()
    done = cluster.ctl("switchover", "--leader", old.name, "--candidate", new.name, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(f"{new} as leader", new.is_primary, 60)
    cluster.wait_healthy(90)


def replace(node, side):
    """Stops one service and starts the other on the same data, as the migration guide says."""
    node.stop()
    node.side = side
    node.start()


def test_each_is_elected_after_the_other(mixed):
    patroni, ours, _ = mixed.nodes
    mixed.wait_healthy(90)
    with Writer(mixed) as writer:
        for new in (ours, patroni, ours):
            hand_over(mixed, new)
    assert writer.missing() == []


def names_in_sync(cluster):
    key = json.loads(cluster.keys().get("sync") or "{}")
    return key.get("leader"), [name for name in (key.get("sync_standby") or "").split(",") if name]


@pytest.mark.parametrize("lost", [0, 1], ids=["patroni", "ours"])
def test_each_takes_over_from_the_other_without_loss_in_synchronous_mode(mixed, lost):
    mixed.wait_healthy(90)
    third = mixed.nodes[2]
    victim, heir = mixed.nodes[lost], mixed.nodes[1 - lost]
    if mixed.leader() is not victim:
        hand_over(mixed, victim)
    assert victim.api("/config", "PATCH", {"synchronous_mode": True})[0] == 200
    try:
        third.stop()   # so that only one standby can be named in /sync
        wait_for(f"{heir} as the synchronous standby of {victim}",
                 lambda: names_in_sync(mixed) == (victim.name, [heir.name]), 60)
        with Writer(mixed, table=f"sync_{lost}") as writer:
            writer.wait_for_writes(time.monotonic())
            victim.lose()
            assert mixed.wait_leader(other_than=victim, timeout=mixed.dcs["ttl"] + 60) is heir
            wait_for(f"{heir} to say so in /sync", lambda: names_in_sync(mixed)[0] == heir.name, 60)
            writer.wait_for_writes(time.monotonic())
            assert writer.missing() == []
            # The other daemon understands the key /sync: the old leader becomes its synchronous standby.
            victim.start()
            wait_for(f"{victim} as the synchronous standby of {heir}",
                     lambda: names_in_sync(mixed) == (heir.name, [victim.name]), 90)
            third.start()
            mixed.wait_healthy(90)
            # On request the old leader takes over again.
            hand_over(mixed, victim)
        assert writer.missing() == []
    finally:
        mixed.heal(120)
        mixed.leader().api("/config", "PATCH", {"synchronous_mode": None})


@pytest.mark.parametrize("lost", [0, 1], ids=["patroni", "ours"])
def test_each_takes_over_when_the_other_is_lost(mixed, lost):
    patroni, ours, third = mixed.nodes
    victim, heir = (patroni, ours) if lost == 0 else (ours, patroni)
    mixed.wait_healthy(90)
    if mixed.leader() is not victim:
        hand_over(mixed, victim)
    before = facts.timeline(victim)
    victim.lose()
    new = mixed.wait_leader(other_than=victim, timeout=mixed.dcs["ttl"] + 60)
    assert new in (heir, third)
    victim.start()
    mixed.wait_healthy(120)
    assert facts.timeline(new) > before


def test_the_lists_agree(mixed):
    """tamadactl on a cluster with Patroni's daemons, and patronictl on one with ours."""
    mixed.wait_healthy(90)

    def facts_of(side):   # cluster, member, host, role, state, timeline
        rows = mixed.run_ctl(side, "list", "-f", "tsv").stdout.splitlines()[1:]
        return sorted([*(cells := row.split("\t"))[:4], cells[5]] for row in rows)

    def agreed():
        # Each member writes its key once in loop_wait, so a state or a timeline may change between the two commands.
        ours, theirs = facts_of(mixed.side), facts_of(PATRONI)
        assert ours == theirs
        return ours
    assert [row[1] for row in wait_for("two equal lists", agreed, 30)] == [node.name for node in mixed.nodes]


def test_rolling_move_and_back(new_cluster):
    """Patroni's cluster becomes ours with one switchover and no lost row, and goes back."""
    cluster = new_cluster()
    for node in cluster.nodes:
        node.side = PATRONI
    cluster.up()
    with Writer(cluster) as writer:
        for side in (cluster.side, PATRONI):
            leader = cluster.leader()
            standbys = [node for node in cluster.nodes if node is not leader]
            began = time.monotonic()
            for node in standbys:
                replace(node, side)
                cluster.wait_healthy(90)
            assert cluster.leader() is leader, "moving the standbys moves nobody else"
            assert writer.longest_gap(began, writer.acks[-1].at) < facts.NO_OUTAGE, "nor stops any write"
            hand_over(cluster, standbys[0])
            replace(leader, side)
            cluster.wait_healthy(90)
    assert writer.missing() == []
