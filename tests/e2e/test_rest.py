"""Answers and refusals of the REST API beyond plain switchovers: phases, reasons, progress, schedules, metrics."""
import json
import os
import signal
import subprocess
import time

import pytest

import facts
from harness import processes, wait_for

pytestmark = pytest.mark.tamada


def get(node, path, timeout=15):
    status, text = node.api(path, timeout=timeout)
    assert status == 200, text
    return json.loads(text)


def iso_in(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + seconds))


def gates(node):
    return {gate["gate"]: gate["reason"] for gate in get(node, "/tamada/explain")["gates"]}


def test_explain(cluster):
    leader, (replica, _) = cluster.leader(), cluster.replicas()
    said = get(leader, "/tamada/explain")
    assert said["leads"] and said["decision"]["rule"] == "leader" and said["lease_seconds_left"] > 0
    said = get(replica, "/tamada/explain")
    assert not said["leads"] and not said["may_be_promoted"] and said["leader"] == leader.name
    assert {name for name, reason in gates(replica).items() if reason} == {"leader_key"}


def test_phases_of_a_switchover(cluster):
    old, (new, _) = cluster.leader(), cluster.replicas()
    since = get(old, "/tamada/events")["last"]
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    done = wait_for("the end of it", lambda: (h := get(old, "/tamada/handover"))["state"] == "done" and h, 20)
    assert (done["kind"], done["from"], done["to"]) == ("switchover", old.name, new.name)
    assert [p["phase"] for p in done["phases"]] == ["checkpoint", "stop", "hand-over", "promote"]
    print("\n" + ", ".join(f"{p['phase']} {p['ms']:.0f} ms" for p in done["phases"]), f"outage {done['outage_ms']:.0f} ms")
    assert 0 < done["outage_ms"] <= done["ms"] < 30000
    # A client that follows the events sees the same, without a gap.
    news = get(old, f"/tamada/events?since={since}&wait=5")["events"]
    assert [e["id"] for e in news] == list(range(since + 1, since + 1 + len(news)))
    assert [e["phase"] for e in news if e["type"] == "handover"] == ["checkpoint", "stop", "hand-over", "promote", "done"]
    assert {"from": old.name, "to": None}.items() <= next(e for e in news if e["type"] == "leader").items()
    cluster.wait_healthy(60)


def test_refusal_tells_each_reason(cluster):
    """Two candidates cannot take over, for different reasons. The old primary goes on, whichever member was asked."""
    leader, (behind, down) = cluster.leader(), cluster.replicas()
    receiver = next(pid for pid, _ in processes.children(behind.postmaster_pid())
                    if "walreceiver" in open(f"/proc/{pid}/cmdline").read())
    processes.send(receiver, signal.SIGSTOP)
    try:
        down.stop()
        leader.sql("create table if not exists filler(t text)")
        leader.sql("insert into filler select repeat(md5(i::text), 30) from generate_series(1, 8000) i", timeout=30)
        written = int(leader.sql("select pg_current_wal_flush_lsn() - '0/0'")[0][0])
        wait_for("the leader's API to know its position", lambda: leader.status()["xlog"]["location"] >= written, 20)
        status, text = leader.api("/switchover", "POST", {"leader": leader.name}, timeout=30)
        assert status == 412, text
        assert text.startswith("switchover is not possible: no good candidates have been found: ")
        assert f"{behind}: lag " in text and "over the limit of 1 MB" in text
        # A request that is written to the DCS directly is refused by the leader.
        cluster.etcd.ctl("put", cluster.prefix + "failover",
                         json.dumps({"leader": leader.name, "member": behind.name}))
        wait_for("its refusal", lambda: get(leader, "/tamada/handover")["state"] == "failed", 20)
        assert f"{behind}: lag " in get(leader, "/tamada/handover")["reason"]
        assert facts.no_request_left(cluster) and leader.is_primary()
        leader.sql("insert into filler values ('still a primary')")
    finally:
        processes.send(receiver, signal.SIGCONT)
        down.start()
    cluster.wait_healthy(60)


def test_scheduled_switchover_survives_restarts(cluster):
    old, (new, third) = cluster.leader(), cluster.replicas()
    body = {"leader": old.name, "candidate": new.name}
    assert third.api("/switchover", "POST", {**body, "scheduled_at": iso_in(3600)}) == (202, "Switchover scheduled")
    for node in (third, old):   # the other members learn of the request by their watch
        wait_for(f"{node} to know of it", lambda node=node: get(node, "/cluster")["scheduled_switchover"]["to"] == new.name, 20)
    assert old.api("/switchover", "DELETE") == (200, "scheduled switchover deleted")
    assert old.api("/switchover", "DELETE") == (404, "no switchover is scheduled")
    assert third.api("/switchover", "POST", {**body, "scheduled_at": iso_in(6)}) == (202, "Switchover scheduled")
    for node in cluster.nodes:
        node.kill_daemon()
        node.start()
    assert cluster.wait_leader(60, other_than=old) is new
    cluster.wait_healthy(60)
    assert facts.no_request_left(cluster)


def test_reinitialize_shows_its_progress(cluster):
    leader, (replica, _) = cluster.leader(), cluster.replicas()
    assert leader.api("/reinitialize", "POST", {"force": True}) == (503, "I am the leader, can not reinitialize")
    replica.stop()
    replica.config["postgresql"]["basebackup"] = [{"max-rate": "8M"}, {"checkpoint": "fast"}]
    replica.start()
    cluster.wait_healthy(60)
    assert replica.api("/reinitialize", "POST", {"from_leader": True}) == (200, "reinitialize started")

    def old_data():
        return [name for name in os.listdir(cluster.root) if name.startswith(f"{replica.name}_20")]
    seen = wait_for("its progress", lambda: (c := replica.status().get("copy")) and c["bytes_done"] > 0 and c, 20)
    assert 0 < seen["bytes_done"] <= seen["bytes_total"] and seen["bytes_per_s"] > 0 and seen["seconds_left"] >= 0
    assert replica.api("/reinitialize", "POST") == (503, "reinitialize already in progress")
    wait_for("the others to see it", lambda: any("copy" in m for m in get(leader, "/cluster")["members"]), 20)
    # With force it begins again.
    assert replica.api("/reinitialize", "POST", {"force": True}) == (200, "reinitialize started")
    facts.wait_log(replica, "cancelling basebackup")
    assert old_data(), "kept for as long as the copy does not stream"
    cluster.wait_healthy(90)
    assert not any("copy" in m for m in get(leader, "/cluster")["members"])
    wait_for("the end of the old data, which the copy has replaced", lambda: not old_data(), 30)


def test_metrics_are_clean(cluster):
    for node in cluster.nodes:
        page = node.api("/metrics")[1]
        lint = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)
        said = (lint.stdout + lint.stderr).strip().splitlines()
        # Patroni's names are kept, although promtool wants names of counters to end in _total.
        assert [line for line in said if not line.startswith("patroni_xlog_")] == [], said
        for name in ("tamada_lease_margin_seconds", "tamada_decisions_total", "tamada_loop_lag_seconds_count",
                     "tamada_dcs_request_duration_seconds_bucket"):
            assert f"\n{name}{{" in page


@pytest.mark.tamada
def test_nobody_forges_a_line_of_the_log(cluster):
    leader = cluster.leader()
    forged = "2020-01-01 00:00:00,000 ERROR: forged"
    leader.api("/switchover", "POST", {"leader": leader.name, "candidate": f"x\n{forged}\r\x1b[2Jy"})
    wait_for("the request in the log", lambda: "forged" in leader.log(), 30)
    lines = leader.log().split("\n")
    assert not any(line.startswith(forged) for line in lines)
    assert f"\t{forged}\\x0d\\x1b[2Jy" in leader.log()
