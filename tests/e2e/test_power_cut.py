"""The daemon's files are on disk before the daemon relies on them, and a slow disk costs no lease."""
import os
import shutil
import time

import pytest

import facts
from harness import Writer, wait_for
from harness.powercut import Powercut

pytestmark = pytest.mark.tamada


def work_mem(node):
    return node.sql("show work_mem")[0][0]


def test_what_is_written_survives(new_cluster):
    cluster = new_cluster(2)
    cuts = [Powercut(node) for node in cluster.nodes]
    cluster.up()
    leader, standby = cluster.leader(), cluster.replicas()[0]
    leader.configure({"postgresql": {"parameters": {"work_mem": "5MB"}}})
    for node in cluster.nodes:
        wait_for(f"the new work_mem on {node}", lambda node=node: work_mem(node) == "5MB", 20)
    leader.sql("alter system set primary_conninfo = 'host=nowhere'")   # the daemon has to take this out of postgresql.auto.conf
    leader.stop()
    cluster.wait_leader(other_than=leader)
    leader.start()
    assert cluster.wait_healthy(60) is standby
    copy = "patroni.dynamic.json"
    for node in cluster.nodes:
        wait_for(f"{copy} of {node}", lambda node=node: '"5MB"' in open(f"{node.data}/{copy}").read(), 20)

    for cut in cuts:
        assert cut.replay()[1] == [], "renamed before what is in them was flushed"
        wait_for("all to be durable", lambda cut=cut: cut.would_be_lost() == {}, 30)
    expected = {"postgresql.conf", "standby.signal", copy}   # n1 has its other files from the copy of n0
    assert expected | {"n0.incomplete", "postgresql.base.conf", "pg_hba.conf", "postgresql.auto.conf"} <= cuts[0].touched()
    assert expected | {"n1.incomplete", "n1.pgpass"} <= cuts[1].touched()


def test_power_cut_in_the_middle_of_a_rewind(new_cluster):
    cluster = new_cluster(2)
    begun = f"{cluster.root}/begun"
    old = cluster.nodes[0]
    cut = Powercut(old)
    real = old.config["postgresql"]["bin_dir"]
    old.config["postgresql"]["bin_dir"] = facts.programs_with(
        cluster, "pg_rewind", f'touch "$2/base/half"; touch {begun}; exec sleep 600\n')   # $1 is -D
    cluster.up()
    old.lose()
    new = cluster.wait_leader(other_than=old)
    facts.wait_writable(new)
    old.start()
    wait_for("pg_rewind to run", lambda: os.path.exists(begun), 60)
    cut.strike()
    shutil.rmtree(f"{cluster.root}/programs")
    assert os.path.exists(f"{old.data}.incomplete"), "nothing tells that the directory may be half rewound"

    old.config["postgresql"]["bin_dir"] = real
    old.start()
    facts.wait_log(old, "the data directory is half rewound", 60)
    assert cluster.ctl("reinit", cluster.scope, old.name, "--force").returncode == 0
    facts.wait_log(old, "copying n1 by pg_basebackup", 60)
    assert cluster.wait_healthy(60) is new
    assert "running pg_rewind" not in old.log()


def test_slow_disk_costs_no_lease(new_cluster):
    cluster = new_cluster(2)
    slow = f"{cluster.root}/slow"
    for node in cluster.nodes:
        Powercut(node, slow)
    cluster.up()
    leader, ttl = cluster.leader(), cluster.dcs["ttl"]
    timeline = facts.timeline(leader)
    with open(slow, "w"):   # from now on each fsync takes 3 s, and writing a file needs two
        pass
    leader.configure({"postgresql": {"parameters": {"work_mem": "6MB"}}})
    longest, ends = 0, time.monotonic() + 2 * ttl
    with Writer(cluster) as writer:
        while time.monotonic() < ends:
            asked = time.monotonic()
            assert leader.is_primary()
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.1)
        writer.wait_for_writes(ends - ttl, port=leader.pg_port)
    assert longest < 2
    assert (cluster.leader(), facts.timeline(leader)) == (leader, timeline)
    wait_for("the new work_mem", lambda: work_mem(leader) == "6MB", 60)
