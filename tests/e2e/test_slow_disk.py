"""A disk on which each flush takes long or never ends."""
import re
import time

import pytest

from harness import processes, wait_for
from harness.slowdisk import SlowDisk
from mounts import Ext4

pytestmark = pytest.mark.tamada

STUCK = "a small write beside the data does not end"
WAITING = "PostgreSQL flushes no WAL: commits wait for the disk"


def disk_problems(node):
    return [one["text"] for one in node.status().get("problems", []) if one["kind"] == "disk"]


def write_seconds(node):
    return float(re.search(r"^tamada_disk_write_seconds\S* (\S+)$", node.api("/metrics")[1], re.M)[1])


@pytest.fixture(scope="module")
def slow(_shared):
    """Three nodes on disks that the tests can make slow."""
    cluster = _shared()
    cluster.disks = {node.name: SlowDisk(node) for node in cluster.nodes}
    return cluster.up()


@pytest.fixture
def ext4(tmp_path):
    """Returns a function that mounts a file system that can be frozen."""
    disks = []

    def at(path):
        disks.append(Ext4(f"{tmp_path}/disk{len(disks)}", path))
        return disks[-1]
    yield at
    for disk in disks:
        disk.unmount()


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


def goes_on(cluster, leader):
    server = leader.postmaster_pid()
    until = time.monotonic() + 2 * cluster.dcs["ttl"]
    while time.monotonic() < until:
        assert leader.is_primary() and leader.postmaster_pid() == server
        assert leader.sql("select 1") == [(1,)]
        time.sleep(0.2)


def writes(node):
    wait_for("writes", lambda: node.sql("create table if not exists after_it(i int); insert into after_it values (1)") is None, 30)


def test_another_takes_over_from_a_stuck_one(cluster):
    leader = cluster.leader()
    server = leader.postmaster_pid()
    cluster.disks[leader.name].is_stuck()
    wait_for("the problem", lambda: disk_problems(leader) == [STUCK, WAITING], 40)
    wait_for("the list to tell", lambda: STUCK in cluster.ctl("list").stdout, 20)
    new = cluster.wait_leader(timeout=90, other_than=leader)
    assert not processes.alive(server), "two primaries"
    assert "ending PostgreSQL so that another member takes over: its disk has completed no write for" in leader.log()
    writes(new)
    cluster.disks[leader.name].is_well()
    assert cluster.wait_healthy(120) is new
    assert disk_problems(leader) == []


def test_a_stuck_one_is_only_told(cluster):
    """Commits wait. Connections and queries that read from memory are still served."""
    cluster.configure(primary_unresponsive="warn")
    leader = cluster.leader()
    try:
        cluster.disks[leader.name].is_stuck()
        wait_for("the problem", lambda: disk_problems(leader) == [STUCK, WAITING], 40)
        goes_on(cluster, leader)
    finally:
        cluster.disks[leader.name].is_well()
        cluster.configure(primary_unresponsive=None)
    wait_for("the problem to end", lambda: not disk_problems(leader), 40)
    writes(leader)


def test_nobody_is_better_off_where_all_are_stuck(cluster):
    """This happens if one storage has the disks of all members."""
    leader = cluster.leader()
    for disk in cluster.disks.values():
        disk.is_stuck()
    for node in cluster.nodes:
        wait_for("the problem", lambda node=node: STUCK in disk_problems(node), 40)
    goes_on(cluster, leader)
    for disk in cluster.disks.values():
        disk.is_well()
    wait_for("the problem to end", lambda: not disk_problems(leader), 40)
    writes(leader)


def test_processes_that_the_kernel_holds(ext4, new_cluster):   # this order of the fixtures unmounts after the servers have ended
    """The processes wait for the disk, and SIGKILL does not end them, so the leader key goes with the end of its lease."""
    cluster = new_cluster(n=2)
    old, new = cluster.nodes
    disk = ext4(old.data)
    cluster.etcd.start()
    old.start()
    wait_for("a first primary", old.is_primary, 120)
    new.start()
    cluster.wait_healthy(90)
    server = old.postmaster_pid()
    disk.freeze()
    try:
        assert cluster.wait_leader(timeout=150, other_than=old) is new
        assert processes.alive(server), "the kernel held it no longer: nothing was tried"
        assert "processes do not end, not even by SIGKILL: the leader key ends with its lease" in old.log()
        writes(new)
    finally:
        disk.thaw()
    assert cluster.wait_healthy(120) is new


def test_a_standbys_is_told_and_costs_nobody_else_anything(cluster):
    leader, standby = cluster.leader(), cluster.replicas()[0]
    cluster.disks[standby.name].is_stuck()
    wait_for("the problem", lambda: disk_problems(standby) == [STUCK], 40)
    leader.sql("create table if not exists beside_it(i int); insert into beside_it values (1)")
    assert leader.is_primary() and disk_problems(leader) == []
    cluster.disks[standby.name].is_well()
    wait_for("the problem to end", lambda: not disk_problems(standby), 40)
