"""Requests that change keys are decided by what etcd holds, not by what the daemon last heard of it. Here the daemons' watches are
held back, so that a daemon does not hear of a change before its next heartbeat."""
import asyncio
import copy
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from harness import wait_for
from harness.proxy import Proxy

pytestmark = pytest.mark.tamada


class HeldWatches(Proxy):
    """A proxy to etcd. While `hold` is set, it keeps back what etcd sends on the connections of watches."""

    def __init__(self, port, far_port):
        self._pass = asyncio.Event()
        super().__init__(port, far_port)
        self.release()

    def hold(self):
        self._loop.call_soon_threadsafe(self._pass.clear)

    def release(self):
        self._loop.call_soon_threadsafe(self._pass.set)

    async def before_piece(self, first, from_server):
        if from_server and b"/watch HTTP" in first:
            await self._pass.wait()


@pytest.fixture(scope="module")
def deaf(_shared):
    """A cluster whose daemons hear of a change only at their next heartbeat, which may be 10 s later."""
    cluster = _shared(2, dcs={"ttl": 30, "loop_wait": 10, "retry_timeout": 6})
    port = cluster.ports[10]
    for node in cluster.nodes:
        node.config["etcd3"]["hosts"] = f"127.0.0.1:{port}"
    way = HeldWatches(port, cluster.etcd.port)
    cluster.up()
    way.hold()
    yield cluster
    way.close()


def held(cluster, key="config"):
    return json.loads(cluster.keys()[key])


def write(cluster, key, value):
    """As tamadactl on another node does, or etcdctl."""
    cluster.etcd.ctl("put", cluster.prefix + key, json.dumps(value))


def in_an_hour():
    return (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()


def shown(node):
    return json.loads(node.api("/config")[1])


def test_a_patch_takes_back_what_another_has_just_written(deaf):
    leader = deaf.leader()
    before = held(deaf)
    write(deaf, "config", {**before, "maximum_lag_on_failover": 1, "max_timelines_history": 7})
    status, text = leader.api("/config", "PATCH", {"maximum_lag_on_failover": before["maximum_lag_on_failover"]})
    wanted = {**before, "max_timelines_history": 7}
    assert (status, json.loads(text)) == (200, wanted)
    assert held(deaf) == wanted, "the other's change of another parameter stays, and the one of this parameter does not"
    assert shown(leader) == wanted, "who reads after writing sees what was written"

    write(deaf, "config", {**before, "max_timelines_history": 8})
    assert leader.api("/config", "PUT", wanted)[0] == 200
    assert held(deaf) == wanted

    write(deaf, "config", before)
    status, text = leader.api("/config", "PATCH", {"max_timelines_history": None})
    assert (status, json.loads(text)) == (200, before), "nothing is left to change"
    assert shown(leader) == before


def at_once(requests):
    """The answers of requests that are sent at the same time: (node, path, method, body)."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda one: one[0].api(*one[1:], timeout=20), requests))


def test_patches_that_come_together_are_all_kept(deaf):
    before = held(deaf)
    changes = [{"maximum_lag_on_failover": 2}, {"max_timelines_history": 9}, {"postgresql": {"parameters": {"work_mem": "5MB"}}}]
    answers = at_once([(node, "/config", "PATCH", change) for node, change in zip([*deaf.nodes, deaf.leader()], changes)])
    assert [status for status, _ in answers] == [200] * 3, answers
    wanted = copy.deepcopy(before) | changes[0] | changes[1]
    wanted["postgresql"]["parameters"]["work_mem"] = "5MB"
    assert held(deaf) == wanted
    write(deaf, "config", before)


def test_pause_and_switchover(deaf):
    leader = deaf.leader()
    standby = next(node for node in deaf.nodes if node is not leader)
    before = held(deaf)
    write(deaf, "config", {**before, "pause": True})
    asked = {"leader": leader.name, "scheduled_at": in_an_hour()}
    assert leader.api("/switchover", "POST", asked) == (400, "Can't schedule switchover in the paused state")
    assert leader.api("/restart", "POST", {"schedule": in_an_hour()}) == (500, "Can't schedule restart in the paused state")
    write(deaf, "config", before)
    write(deaf, "failover", {"leader": leader.name, "scheduled_at": in_an_hour()})
    for node in (standby, leader):
        told = node.api("/switchover", "DELETE")
        assert told == ((200, "scheduled switchover deleted") if node is standby else (404, "no switchover is scheduled"))
    assert "failover" not in deaf.keys()


def test_tamadactl(deaf):
    """resume right after a pause that another node's tamadactl wrote into etcd."""
    write(deaf, "config", {**held(deaf), "pause": True})
    done = deaf.ctl("resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pause" not in held(deaf)


def test_etcd_does_not_answer(deaf):
    leader = deaf.leader()
    standby = next(node for node in deaf.nodes if node is not leader)
    deaf.etcd.signal(signal.SIGSTOP)
    try:
        for status, text in at_once([(leader, "/config", "PATCH", {"max_timelines_history": 9}),
                                     (leader, "/switchover", "POST", {"leader": leader.name, "candidate": standby.name}),
                                     (leader, "/restart", "POST", {"schedule": in_an_hour()}),
                                     (standby, "/reinitialize", "POST", {"force": True})]):
            assert status == 503 and text.startswith("DCS request failed: "), (status, text)
    finally:
        deaf.etcd.signal(signal.SIGCONT)
    # A daemon whose last request failed does what is asked as soon as etcd answers, not only after its next heartbeat.
    wait_for("etcd's answer", deaf.etcd.healthy, 20)
    assert leader.api("/config", "PATCH", {"max_timelines_history": 9}, timeout=20)[0] == 200
    assert held(deaf)["max_timelines_history"] == 9
