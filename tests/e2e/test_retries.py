"""What fails again and again is tried with growing pauses, and told: once, then at each heartbeat with the count."""
import re

import pytest

from harness import wait_for


@pytest.mark.tamada
def test_a_permanent_slot_of_a_database_that_is_not_there(cluster):
    leader = cluster.leader()
    cluster.configure(slots={"nowhere": {"type": "logical", "database": "not_there", "plugin": "test_decoding"}})
    try:
        wait_for("the fourth failure", lambda: "keeping replication slots failed 4 times" in leader.log(), 60)
        log = leader.log()
        assert log.count("keeping replication slots failed, it is tried again") == 1
        tries = len(re.findall(r'UTC \[\d+\] FATAL: .*database "not_there" does not exist', log))   # as the server tells
        assert 4 <= tries <= 8, "1, 2, 4 s between them"
        assert "keeping replication slots failed" in cluster.ctl("list").stdout
        assert "keeping replication slots failed" in cluster.ctl("explain", cluster.scope, leader.name).stdout
    finally:
        cluster.configure(slots=None)
    wait_for("the trouble to be over", lambda: "replication slots failed" not in cluster.ctl("list").stdout, 90)
