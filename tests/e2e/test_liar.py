"""A member gives wrong information, in its key in etcd and in its answers to other members."""
import json
import time

import pytest

from fake_member import FakeMember, standby
from harness import processes, wait_for

pytestmark = pytest.mark.tamada


def told(**changes):
    return standby("liar", **changes)


def memory_peak(node):
    with open(f"/proc/{node.proc.pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1])


HUGE = json.dumps(told(filler=[{"a": [1, {"b": None}]}] * 2_000_000)).encode()   # 48 MB
LIES = {
    "huge": (dict(answer=HUGE), {}),
    "slow": (dict(answer=told(), pause=0.5), {}),
    "no JSON": (dict(answer=b"{" * 200_000), {}),
    "deep": (dict(answer=b"[" * 100_000 + b"]" * 100_000), {}),
    "old timeline": (dict(answer=told(timeline=2**40, xlog={"received_location": -5})), {"timeline": 2**70}),
    "control characters": (dict(answer=told(role="\x1b[2J\nprimary", state="x\0y")),
                           {"conn_url": "postgres://h\n'x:1/postgres", "role": "\x1b[2J", "version": "\nFATAL", "trouble": "\n\x1b[31mx"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_others_elect_all_the_same(new_cluster, lie):
    answer, changes = LIES[lie]
    cluster = new_cluster(2)
    liar = FakeMember("liar", **answer)
    try:
        cluster.up()
        old, other = cluster.leader(), cluster.replicas()[0]
        liar.join(cluster, **changes)
        wait_for("the member", lambda: "liar" in other.api("/cluster")[1], 20)
        before, asked = memory_peak(other), liar.asked
        old.lose()
        began = time.monotonic()
        assert cluster.wait_leader(60, other_than=old) is other
        assert time.monotonic() - began < cluster.dcs["ttl"] + 12
        assert liar.asked > asked, "nobody asked it, and nothing was tried"
        assert memory_peak(other) < before + 24 * 1024, f"{before} kB before, {memory_peak(other)} kB now"
        assert "\x1b" not in other.log() and "\nFATAL" not in other.log()
        assert "\x1b[2J" not in cluster.ctl("list", node=other).stdout
    finally:
        processes.end_all_in(cluster.root)
        liar.close()


def test_one_that_claims_to_be_the_primary(new_cluster):
    """A member answers that it is a primary, so no other member is promoted, and the log names the member that said so."""
    cluster = new_cluster(2)
    liar = FakeMember("liar", told(role="primary", xlog={"location": 2**60}))
    try:
        cluster.up()
        old, other = cluster.leader(), cluster.replicas()[0]
        liar.join(cluster, role="primary")
        assert cluster.leader() is old and cluster.keys()["leader"] == old.name
        old.lose()
        wait_for("it to be named", lambda: "liar" in other.log(), 60)
        liar.leave(cluster)
        assert cluster.wait_leader(60, other_than=old) is other, "the way out"
    finally:
        processes.end_all_in(cluster.root)
        liar.close()
