"""Tests the tags replicatefrom, nofailover and the priorities."""
import facts
from harness import wait_for


def test_cascade(new_cluster):
    cluster = new_cluster(3)
    cluster.nodes[2].config["tags"]["replicatefrom"] = "n1"
    cluster.nodes[2].config["tags"]["nofailover"] = True
    cluster.etcd.start()
    leader, middle, end = cluster.nodes
    leader.start()
    assert cluster.wait_leader(60) is leader
    middle.start()
    wait_for("n1 to stream", lambda: middle.is_streaming_from(leader), 60)
    end.start()
    wait_for("n2 to stream from n1", lambda: end.is_streaming_from(middle), 60)
    leader.sql("create table t (v text)")
    leader.sql("insert into t values ('one')")
    wait_for("the row at the end", lambda: facts.has_row(end, "t", "one"), 20)

    # ---- its source is gone, so it streams from the leader; later it returns to its source
    middle.lose()
    wait_for("n2 to stream from the leader", lambda: end.is_streaming_from(leader), 40)
    middle.start()
    wait_for("n2 to stream from n1 again", lambda: end.is_streaming_from(middle), 60)

    # ---- its source becomes the leader; a member with nofailover never does
    leader.stop()
    assert cluster.wait_leader(60) is middle
    facts.wait_writable(middle)
    wait_for("n2 to stream on", lambda: end.is_streaming_from(middle), 40)
    middle.sql("insert into t values ('two')")
    wait_for("the second row", lambda: facts.has_row(end, "t", "two"), 20)
    middle.lose()
    facts.wait_log(end, "not allowed to promote")
    assert not end.is_primary()
