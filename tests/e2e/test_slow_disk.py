"""A disk on which each flush takes long or never ends."""
import re
import time

import pytest

from harness import wait_for
from harness.slowdisk import SlowDisk

pytestmark = pytest.mark.tamada


def disk_problems(node):
    return [one["text"] for one in node.status().get("problems", []) if one["kind"] == "disk"]


def write_seconds(node):
    return float(re.search(r"^tamada_disk_write_seconds\S* (\S+)$", node.api("/metrics")[1], re.M)[1])


@pytest.fixture(scope="module")
def slow(_shared):
    """Three nodes on disks that the tests can slow down."""
    cluster = _shared()
    cluster.disks = {node.name: SlowDisk(node) for node in cluster.nodes}
    return cluster.up()


@pytest.fixture
def cluster(slow):
    slow.wait_healthy(90)
    yield slow
    for disk in slow.disks.values():
        disk.is_well()


def test_a_slow_one_is_told_and_costs_no_lease(cluster):
    leader = cluster.leader()
    server = leader.postmaster_pid()
    cluster.disks[leader.name].takes(1.5)
    (text,) = wait_for("the problem", lambda: disk_problems(leader), 40)
    assert "a small write into the data directory takes more than 1 s" == text
    assert 1.4 < write_seconds(leader) < 10
    wait_for("the list to tell", lambda: f" ! {leader}: {text}" in cluster.ctl("list").stdout, 20)
    until = time.monotonic() + 2 * cluster.dcs["ttl"]
    while time.monotonic() < until:
        assert leader.is_primary() and leader.postmaster_pid() == server
        time.sleep(0.2)
    cluster.disks[leader.name].is_well()
    wait_for("the problem to end", lambda: not disk_problems(leader), 40)


def test_a_stuck_one_is_told_and_costs_no_lease(cluster):
    """Commits wait, but connections are answered and reads from memory go on."""
    leader = cluster.leader()
    server = leader.postmaster_pid()
    cluster.disks[leader.name].is_stuck()
    wait_for("the problem", lambda: disk_problems(leader) == ["a small write beside the data does not end"], 40)
    until = time.monotonic() + 2 * cluster.dcs["ttl"]
    while time.monotonic() < until:
        assert leader.is_primary() and leader.postmaster_pid() == server
        assert leader.sql("select 1") == [(1,)]
        time.sleep(0.2)
    cluster.disks[leader.name].is_well()
    wait_for("the problem to end", lambda: not disk_problems(leader), 40)
    wait_for("writes", lambda: leader.sql("create table if not exists after_it(i int); insert into after_it values (1)") is None, 30)


def test_a_standbys_is_told_and_costs_nobody_else_anything(cluster):
    leader, standby = cluster.leader(), cluster.replicas()[0]
    cluster.disks[standby.name].is_stuck()
    wait_for("the problem", lambda: disk_problems(standby) == ["a small write beside the data does not end"], 40)
    leader.sql("create table if not exists beside_it(i int); insert into beside_it values (1)")
    assert leader.is_primary() and disk_problems(leader) == []
    cluster.disks[standby.name].is_well()
    wait_for("the problem to end", lambda: not disk_problems(standby), 40)
