"""Disks that are full or refuse writes: what is reported, which member takes over, and that the cluster recovers by itself."""
import contextlib
import os
import signal
import time

import facts
import psycopg2
import pytest

from harness import processes, timed_out, wait_for
from mounts import fill, free, remount

pytestmark = pytest.mark.tamada

NO_ROOM = "No space left on device"
SMALL = {"wal_keep_size": "16MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}


def small(cluster):
    """Settings that keep WAL small enough for small file systems."""
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"] |= SMALL
    return cluster


def disk_problems(node):
    return [one["text"] for one in node.status().get("problems", []) if one["kind"] == "disk"]


@contextlib.contextmanager
def full(path):
    fill(path)
    try:
        yield
    finally:
        free(path)


@contextlib.contextmanager
def read_only(path):
    remount(path, "ro")
    try:
        yield
    finally:
        remount(path, "rw")


def write_until_it_fails(node):
    """Inserts into the table `written` as long as there is room for WAL. Returns the number of acknowledged rows."""
    count, until = 0, time.monotonic() + 120
    while time.monotonic() < until:
        try:
            node.sql(f"insert into written values ({count + 1})")
            count += 1
            node.sql("select pg_switch_wal()")
        except psycopg2.Error as error:
            if not timed_out(error):
                return count
    raise TimeoutError(f"there is room for WAL after {count} rows, too")


def with_wal_of_its_own(cluster, node, mount, size="160m"):
    """Places the node's pg_wal on a separate file system: for the first node by initdb, for others by the options of their copy."""
    place = mount(f"{cluster.root}/wal of {node}", size, empty=True)
    node.config["bootstrap"]["initdb"].append({"waldir": place})
    node.config["postgresql"]["basebackup"] = [{"checkpoint": "fast"}, {"waldir": place}]
    return place


@pytest.mark.parametrize("role", ["primary", "standby"])
def test_a_change_made_meanwhile_comes_once_there_is_room(mount, new_cluster, role):
    cluster = small(new_cluster(2))
    node = cluster.nodes[0 if role == "primary" else 1]
    mount(node.data, empty=True)
    cluster.up()
    with full(node.data):
        wait_for("the problem", lambda: NO_ROOM in "".join(disk_problems(node)), 20)
        assert f"! {node}: " in wait_for("the list to tell", lambda: (lambda t: t if "!" in t else None)(cluster.ctl("list").stdout), 20)
        cluster.configure(postgresql={"parameters": {"work_mem": "5MB"}})
        facts.wait_log(node, "applying the configuration failed, it is tried again: ", 20)
        facts.wait_log(node, "applying the configuration failed 2 times: ", 20)
        assert node.sql("show work_mem") == [("4MB",)]
    wait_for("the change", lambda: node.sql("show work_mem") == [("5MB",)], 90)
    wait_for("no problem", lambda: "problems" not in node.status(), 90)
    copy = f"{node.data}/patroni.dynamic.json"
    wait_for("its copy", lambda: '"5MB"' in open(copy).read(), 90)
    assert [name for name in os.listdir(node.data) if name.endswith(".tmp") or "pgsql_tmp" in name] == []


def test_pg_wal_of_the_primary(mount, new_cluster):
    cluster = small(new_cluster(2))
    old, new = cluster.nodes
    place = with_wal_of_its_own(cluster, old, mount)
    cluster.up()
    old.sql("create table written(i int)")
    wait_for("it on the standby", lambda: new.sql("select to_regclass('written')") == [("written",)], 20)
    with full(place):
        acknowledged = write_until_it_fails(old)
        assert cluster.wait_leader(timeout=90, other_than=old) is new
        facts.wait_writable(new)
        assert new.sql("select count(*) from written")[0][0] <= acknowledged + 1
        wait_for("the problem", lambda: old.status().get("problems"), 60)
        new.sql("create table afterwards()")
    assert cluster.wait_healthy(180) is new
    wait_for("the row", lambda: old.sql("select to_regclass('afterwards')") == [("afterwards",)], 30)
    assert not [name for name in os.listdir(cluster.root) if name.startswith(f"{old}_")], "nothing had to be copied"


def test_pg_wal_of_a_standby(mount, new_cluster):
    cluster = small(new_cluster(2))
    leader, standby = cluster.nodes
    # The freed space must hold all WAL that is written meanwhile, because the standby can only remove WAL after the next
    # checkpoint of the primary.
    place = with_wal_of_its_own(cluster, standby, mount, "400m")
    cluster.up()
    with full(place):
        leader.sql("create table t(v text)")
        for i in range(12):
            leader.sql(f"insert into t values ('{i}')")
            leader.sql("select pg_switch_wal()")
        wait_for("the problem", lambda: "pg_wal" in "".join(disk_problems(standby)), 60)
        assert leader.is_primary() and cluster.keys()["leader"] == leader.name
    assert cluster.wait_healthy(150) is leader
    wait_for("all rows", lambda: standby.sql("select count(*) from t") == [(12,)], 30)


def test_data_of_the_primary(mount, new_cluster):
    """There is still room for WAL, so the primary goes on with work that needs no other space, and no member takes over."""
    cluster = small(new_cluster(2))
    leader = cluster.nodes[0]
    mount(leader.data, empty=True)
    with_wal_of_its_own(cluster, leader, mount, "300m")
    cluster.up()
    leader.sql("create table t as select i from generate_series(1, 10) i")
    with full(leader.data):
        wait_for("the problem", lambda: NO_ROOM in "".join(disk_problems(leader)), 20)
        with pytest.raises(psycopg2.errors.DiskFull):
            leader.sql("create table u as select i from generate_series(1, 100000) i", timeout=20)
        assert leader.sql("select count(*) from t") == [(10,)]
        assert leader.is_primary()
    wait_for("no problem", lambda: disk_problems(leader) == [], 30)
    leader.sql("create table u as select i from generate_series(1, 1000) i", timeout=20)
    assert cluster.wait_healthy(60) is leader


def test_no_inodes(mount, new_cluster):
    cluster = small(new_cluster(1))
    (node,) = cluster.nodes
    mount(node.data, inodes=1400, empty=True)
    cluster.up()
    made = []
    try:
        with pytest.raises(OSError):
            while True:
                path = f"{node.data}/base/filler{len(made)}"
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
                made.append(path)
        wait_for("the problem", lambda: NO_ROOM in "".join(disk_problems(node)), 20)
        assert node.is_primary()
    finally:
        for path in made:
            os.remove(path)
    wait_for("no problem", lambda: disk_problems(node) == [], 30)
    node.sql("create table t()")


@pytest.mark.parametrize("role", ["primary", "standby"])
def test_a_file_system_that_became_read_only(mount, new_cluster, role):
    """The kernel refuses to remount a file system while a file is open for writing, so the server ends first."""
    cluster = small(new_cluster(2))
    node = cluster.nodes[0 if role == "primary" else 1]
    other = cluster.nodes[1 if role == "primary" else 0]
    mount(node.data, "600m", empty=True)
    cluster.up()
    node.signal(signal.SIGSTOP)
    node.kill_postgres()
    processes.end_all_in(node.data)
    with read_only(node.data):
        node.signal(signal.SIGCONT)
        wait_for("the reason", lambda: "Read-only file system" in node.log(), 60)
        wait_for("the problem", lambda: node.status().get("problems"), 60)
        assert cluster.wait_leader(timeout=120) is other
        facts.wait_writable(other)
        other.sql("create table afterwards()")
    assert cluster.wait_healthy(180) is other
    wait_for("the table", lambda: node.sql("select to_regclass('afterwards')") == [("afterwards",)], 30)


def test_the_log(mount, new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    place = mount(f"{cluster.root}/log", "4m", empty=True)
    node.config["log"] = {"dir": place}
    cluster.up()
    with full(place):
        wait_for("the problem", lambda: disk_problems(node) == ["the file system of log.dir is nearly full"], 20)
        cluster.configure(postgresql={"parameters": {"work_mem": "5MB"}})
        wait_for("the change", lambda: node.sql("show work_mem") == [("5MB",)], 30)
        assert node.is_primary()
    wait_for("no problem", lambda: disk_problems(node) == [], 20)
    cluster.configure(postgresql={"parameters": {"work_mem": "6MB"}})
    wait_for("the log to go on", lambda: "6MB" in open(f"{place}/patroni.log").read(), 30)


def test_a_copy(mount, new_cluster):
    cluster = small(new_cluster(2))
    leader, replica = cluster.nodes
    mount(replica.data, "16m", empty=True)
    cluster.etcd.start()
    leader.start()
    wait_for("a first primary", leader.is_primary, 120)
    replica.start()
    wait_for("the second failure", lambda: "basebackup failed 2 times" in cluster.ctl("list").stdout, 90)
    assert leader.is_primary()
    remount(replica.data, "size=400m")
    assert cluster.wait_healthy(120) is leader


def test_a_promotion(mount, new_cluster):
    """A member that cannot be promoted releases the leader key, and the next one is promoted."""
    cluster = small(new_cluster(3))
    old, first, second = cluster.nodes
    place = with_wal_of_its_own(cluster, first, mount)
    second.config["tags"]["failover_priority"] = 1
    first.config["tags"]["failover_priority"] = 5
    cluster.up()
    with full(place):
        wait_for("the problem", lambda: "pg_wal" in "".join(disk_problems(first)), 30)
        old.lose()
        new = wait_for("a primary that takes writes", lambda: next((n for n in (first, second) if writes(n)), None), 120)
    old.start()
    assert cluster.wait_healthy(180) is not None
    assert new.sql("select count(*) from takes_writes")[0][0] >= 1


def writes(node):
    with contextlib.suppress(psycopg2.Error):
        node.sql("create table if not exists takes_writes(i int); insert into takes_writes values (1)", timeout=5)
        return node.is_primary()
    return False
