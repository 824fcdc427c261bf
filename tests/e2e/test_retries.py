"""Actions that fail repeatedly are tried with growing pauses. The log has the first failure, then the count at each heartbeat."""
import os
import re

import facts
import pytest
from harness import wait_for
from harness.cluster import postgres_bin


@pytest.mark.tamada
def test_a_permanent_slot_of_a_database_that_is_not_there(cluster):
    leader = cluster.leader()
    cluster.configure(slots={"nowhere": {"type": "logical", "database": "not_there", "plugin": "test_decoding"}})
    try:
        wait_for("the fourth failure", lambda: "keeping replication slots failed 4 times" in leader.log(), 60)
        log = leader.log()
        assert log.count("keeping replication slots failed, it is tried again") == 1
        tries = len(re.findall(r'UTC \[\d+\] FATAL: .*database "not_there" does not exist', log))   # the text of the server
        assert 4 <= tries <= 8, "1, 2, 4 s between them"
        assert "keeping replication slots failed" in cluster.ctl("list").stdout
        assert "keeping replication slots failed" in cluster.ctl("explain", cluster.scope, leader.name).stdout
    finally:
        cluster.configure(slots=None)
    wait_for("the trouble to be over", lambda: "replication slots failed" not in cluster.ctl("list").stdout, 90)


class Crashing:
    """Kills a node's server 1 s after each start, until end() is called. The node must not run yet."""

    def __init__(self, node):
        self.flag, self.node = f"{node.cluster.root}/crash", node
        node.config["postgresql"]["bin_dir"] = facts.programs_with(
            node.cluster, "postgres", f"""
up() {{ [ "$(head -1 {node.data}/postmaster.pid)" = $$ ] && grep -q "^ready\\|^standby" {node.data}/postmaster.pid; }}
if [ -e {self.flag} ]; then ( (until up || ! kill -0 $$; do sleep 0.2; done; sleep 1; kill -9 $$) & ) </dev/null >/dev/null 2>&1; fi
exec {postgres_bin()}/postgres "$@"
""")

    def begin(self):
        with open(self.flag, "w"):
            pass
        self.node.kill_postgres()

    def end(self):
        os.unlink(self.flag)


SOON = "postgres ended soon after its start"


def crashing_primary(cluster):
    """The first node, and the object that kills its server after each start until end() is called."""
    node = cluster.nodes[0]
    crashing = Crashing(node)
    cluster.up()
    crashing.begin()
    return node, crashing


@pytest.mark.tamada
def test_a_primary_that_ends_after_each_start_hands_over(new_cluster):
    cluster = new_cluster(2)
    old, crashing = crashing_primary(cluster)
    new = cluster.wait_leader(other_than=old, timeout=90)
    assert f"removed leader key after 3 starts: {SOON}" in old.log()
    facts.wait_writable(new)
    crashing.end()
    assert cluster.wait_healthy(150) is new


@pytest.mark.tamada
def test_a_primary_that_ends_after_each_start_goes_on_alone(new_cluster):
    cluster = new_cluster(1)
    node, crashing = crashing_primary(cluster)
    facts.wait_log(node, "starting primary after failure failed 4 times", 90)
    assert 5 <= node.log().count("postmaster pid=") <= 7, "1, 2, 4 s between them"
    for told in (cluster.ctl("list").stdout, cluster.ctl("explain", cluster.scope, node.name).stdout):
        assert SOON in told
    assert cluster.keys()["leader"] == node.name
    crashing.end()
    cluster.wait_healthy(60)
    wait_for("the trouble to be over", lambda: SOON not in cluster.ctl("list").stdout, 90)
