"""etcd hangs or is slow for a long time. Roles stay as they have to be, daemons use no more memory or descriptors, and everything is
as before when etcd answers again."""
import asyncio
import os
import re
import signal
import time

import facts
import pytest

from harness import Writer, processes, wait_for
from harness.proxy import Proxy

pytestmark = pytest.mark.tamada
SECONDS = int(os.environ.get("SLOW_ETCD_SECONDS", "35"))   # duration of each fault
DCS = {"ttl": 30, "loop_wait": 3, "retry_timeout": 10}


class Latency(Proxy):
    """A proxy to etcd that delays each piece of data that is sent to etcd."""

    seconds = 0

    async def before_piece(self, first, from_server):
        await asyncio.sleep(0 if from_server else self.seconds)


def needs(node):
    """(kB of memory, number of descriptors) of the daemon."""
    pid = node.proc.pid
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]), len(os.listdir(f"/proc/{pid}/fd"))


def assert_flat(cluster, before, after):
    for node, (memory, descriptors), (memory_now, descriptors_now) in zip(cluster.nodes, before, after):
        assert memory_now < memory + 8 * 1024 or processes.sanitized(), f"{node}: {memory} kB before, {memory_now} kB now"
        assert descriptors_now < descriptors + 20, f"{node}: {descriptors} descriptors before, {descriptors_now} now"


# A renewal may take retry_timeout + loop_wait. It consists of two requests, which may wait for others on their connection, and each piece
# is delayed. With these values the renewals stay well below that limit.
@pytest.mark.parametrize("seconds, loop_wait", [(1, 3), (1.5, 10)])
def test_slow(new_cluster, seconds, loop_wait):
    cluster = new_cluster(2, dcs={**DCS, "loop_wait": loop_wait})
    port = cluster.ports[10]
    for node in cluster.nodes:
        node.config["etcd3"]["hosts"] = f"127.0.0.1:{port}"
    way = Latency(port, cluster.etcd.port)
    try:
        cluster.up()
        leader, server = cluster.leader(), cluster.leader().postmaster_pid()
        before = [needs(node) for node in cluster.nodes]
        with Writer(cluster) as writer:
            way.seconds = seconds
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                assert leader.is_primary() and cluster.keys()["leader"] == leader.name
                time.sleep(0.2)
            assert leader.postmaster_pid() == server and writer.longest_gap(until - SECONDS) < facts.NO_OUTAGE
            after = [needs(node) for node in cluster.nodes]
            way.seconds = 0
            cluster.wait_healthy(60)
        assert_flat(cluster, before, after)
        assert cluster.leader() is leader and writer.missing() == []
    finally:
        processes.end_all_in(cluster.root)
        way.close()


@pytest.mark.parametrize("failsafe", [False, True], ids=["no failsafe mode", "failsafe mode"])
def test_hanging(new_cluster, failsafe):
    cluster = new_cluster(2, dcs={**DCS, "failsafe_mode": failsafe})
    cluster.up()
    leader, server = cluster.leader(), cluster.leader().postmaster_pid()
    if failsafe:
        wait_for("the key failsafe", lambda: all(n.name in cluster.keys().get("failsafe", "") for n in cluster.nodes), 30)
    before = [needs(node) for node in cluster.nodes]
    cluster.etcd.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        if not failsafe:
            wait_for("a server that is read-only", lambda: leader.sql("select pg_is_in_recovery()") == [(True,)], 40)
        while time.monotonic() < began + SECONDS:
            assert leader.is_primary() == failsafe
            assert all(node.is_healthy("/liveness") for node in cluster.nodes)
            time.sleep(0.2)
        after = [needs(node) for node in cluster.nodes]
        assert any(one["kind"] == "dcs" for one in leader.status()["problems"])
    finally:
        back = time.monotonic()
        cluster.etcd.signal(signal.SIGCONT)
    if failsafe:
        wait_for("the problem to end", lambda: "problems" not in leader.status(), 15)
        wait_for("the key", lambda: leader.is_primary() and cluster.keys()["leader"] == leader.name, 15)   # the lease had expired
        assert leader.postmaster_pid() == server
    else:
        cluster.wait_leader(20)
    seconds = time.monotonic() - back
    cluster.wait_healthy(60)
    assert seconds < 20
    assert_flat(cluster, before, after)
