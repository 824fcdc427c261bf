"""Settings that a node has in one role only, and the program that may refuse a promotion."""
import os

import pytest

from harness import wait_for

pytestmark = pytest.mark.tamada   # the keys are newer than Debian's Patroni


def work_mem(node):
    return node.sql("show work_mem")[0][0]


def switch(cluster, to):
    return cluster.ctl("switchover", "--leader", cluster.leader().name, "--candidate", to.name, "--force")


def test_parameters_of_a_role_and_pre_promote(new_cluster):
    cluster = new_cluster(n=2)
    first, second = cluster.nodes
    fence, calls = f"{cluster.root}/fence.sh", f"{cluster.root}/fence.calls"
    with open(fence, "w") as f:
        f.write(f"#!/bin/sh\necho called >> {calls}\ntest ! -e {cluster.root}/refuse\n")
    os.chmod(fence, 0o755)
    for node in cluster.nodes:
        node.config["postgresql"].update({"parameters_primary": {"work_mem": "7MB"}, "parameters_replica": {"work_mem": "5MB"}})
    second.config["postgresql"]["pre_promote"] = fence
    cluster.up()
    for node, value in ((first, "7MB"), (second, "5MB")):
        wait_for(f"what {node}'s role has", lambda node=node, value=value: work_mem(node) == value, 20)
    assert not os.path.exists(calls), "a replica that starts is not promoted"

    open(f"{cluster.root}/refuse", "w").close()
    switch(cluster, second)
    wait_for("the program's refusal", lambda: os.path.exists(calls), 60)   # the leader key is taken before the program runs
    wait_for("the old leader again", first.is_primary, 60)
    assert cluster.wait_healthy(60) is first
    wait_for("what the old leader has again", lambda: work_mem(first) == "7MB", 20)

    os.remove(f"{cluster.root}/refuse")
    done = switch(cluster, second)
    assert done.returncode == 0, done.stdout + done.stderr
    cluster.wait_healthy(60)
    assert second.is_primary()
    for node, value in ((second, "7MB"), (first, "5MB")):
        wait_for(f"what {node}'s new role has", lambda node=node, value=value: work_mem(node) == value, 20)
