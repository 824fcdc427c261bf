"""Notifications: the webhook and the command get one notice of each failover, with its cause, and a webhook that does not answer delays
nothing."""
import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from harness import wait_for

pytestmark = pytest.mark.tamada


class Webhook:
    """A server that keeps the notices that it gets. It answers with `status`; if that is None, it does not answer until close()."""

    def __init__(self, status=200):
        self.got, self.headers, self.attempts, self.status, self.ends = [], [], 0, status, threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.attempts += 1
                outer.headers.append((self.path, self.headers["Authorization"], self.headers["Content-Type"]))
                if outer.status is None:
                    outer.ends.wait(60)
                    return
                if outer.status == 200:
                    outer.got.append(body)
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hooks/geheim"

    def close(self):
        self.ends.set()
        self.server.shutdown()
        self.server.server_close()

    def of(self, event):
        return [one for one in self.got if one["event"] == event]


@pytest.fixture
def webhook():
    hook = Webhook()
    yield hook
    hook.close()


def told_by_command(node):
    """The notices that the node's command has received and written to a file."""
    path = f"{node.cluster.root}/{node}.notices"
    return [json.loads(line) for line in open(path)] if os.path.exists(path) else []


def cluster_that_tells(new_cluster, webhook, **more):
    cluster = new_cluster(3)
    for node in cluster.nodes:
        node.config["notify"] = {"webhook": webhook.url, "authorization": "Bearer geheim", "repeat_after": 1, "timeout": 2,
                                 "command": ["sh", "-c", f"cat >>{cluster.root}/{node}.notices; echo >>{cluster.root}/{node}.notices"], **more}
    cluster.up()
    wait_for("the first news", lambda: {one["member"] for one in webhook.of("member")} == {"n1", "n2"}, 20)
    webhook.got.clear()
    return cluster


def metric(node, name, **labels):
    for line in node.api("/metrics")[1].splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


def test_a_failover_and_what_follows(new_cluster, webhook):
    cluster = cluster_that_tells(new_cluster, webhook)
    old = cluster.leader()
    old.lose()
    new = wait_for("another leader", lambda: next((n for n in cluster.nodes if n is not old and n.is_primary()), None), 60)
    (failover,) = wait_for("the failover", lambda: webhook.of("handover"), 30)
    assert {"scope": cluster.scope, "told_by": new.name, "kind": "automatic", "outcome": "done", "from": old.name, "to": new.name,
            "severity": "warning"}.items() <= failover.items()
    assert failover["cause"].startswith(f"{old} no longer renews its lease: ") and failover["cause"] in failover["text"]
    assert 0 < failover["outage_ms"] < 60000
    # The new leader has reported its own change of role, to the webhook and to its command.
    assert [(one["told_by"], one["to"]) for one in webhook.of("role") if one["member"] == new.name] == [(new.name, "primary")]
    wait_for("the same by the command", lambda: {one["event"] for one in told_by_command(new)} >= {"handover", "role"}, 20)
    assert [one for one in told_by_command(new) if one["event"] == "handover"] == [failover]
    old.start()
    cluster.wait_healthy(90)
    wait_for("its return", lambda: any(one["member"] == old.name and one["state"] == "over" for one in webhook.of("member")), 30)

    # A member is lost, and comes back.
    lost = next(n for n in cluster.nodes if n not in (old, new))
    lost.lose()
    wait_for("its loss", lambda: any(one["member"] == lost.name and one["state"] == "began" for one in webhook.of("member")), 30)
    lost.start()
    cluster.wait_healthy(90)
    wait_for("its return", lambda: [one["state"] for one in webhook.of("member") if one["member"] == lost.name] == ["began", "over"], 30)
    assert {one["told_by"] for one in webhook.of("member")} == {new.name}, "the leader alone tells of others"

    # A switchover is reported, too, and nothing is reported twice.
    status, text = new.api("/switchover", "POST", {"leader": new.name, "candidate": lost.name}, timeout=60)
    assert status == 200, text
    wait_for("the switchover", lambda: [one["kind"] for one in webhook.of("handover")] == ["automatic", "switchover"], 30)
    ids = [one["id"] for one in webhook.got]
    assert len(set(ids)) == len(ids)
    assert set(webhook.headers) == {("/hooks/geheim", "Bearer geheim", "application/json")}
    assert metric(lost, "tamada_notifications_total", by="webhook", outcome="delivered") >= 1
    assert metric(lost, "tamada_notifications_total", by="webhook", outcome="failed") == 0
    for node in cluster.nodes:
        assert "geheim" not in node.log(whole=True)


def test_problems_are_told_once_and_again_when_they_are_over(new_cluster, webhook):
    """The problems are a slot that holds much WAL, and an etcd that does not answer the leader."""
    cluster = cluster_that_tells(new_cluster, webhook)
    leader = cluster.leader()
    leader.configure({"postgresql": {"parameters": {"max_slot_wal_keep_size": "2MB"}}, "ignore_slots": [{"name": "forgotten"}]})
    wait_for("the setting", lambda: leader.sql("show max_slot_wal_keep_size")[0][0] == "2MB", 20)
    leader.sql("select pg_create_physical_replication_slot('forgotten', true)")
    leader.sql("create table filler(t text)")
    leader.sql("insert into filler select repeat(md5(i::text), 30) from generate_series(1, 1500) i", timeout=30)

    def of_slots():
        return [(one["told_by"], one["state"]) for one in webhook.of("problem") if one["kind"] == "slots" and "slot forgotten " in one["text"]]
    wait_for("the problem", of_slots, 30)
    leader.sql("select pg_drop_replication_slot('forgotten')")
    wait_for("its end", lambda: len(of_slots()) == 2, 30)
    assert of_slots() == [(leader.name, "began"), (leader.name, "over")]
    cluster.etcd.signal(signal.SIGSTOP)
    try:
        at_risk = wait_for("the lease at risk", lambda: webhook.of("lease"), 30)[0]
    finally:
        cluster.etcd.signal(signal.SIGCONT)
    assert at_risk["told_by"] == leader.name and at_risk["severity"] == "critical"
    assert "etcd does not answer" in at_risk["text"] and "the lease of this primary ends in" in at_risk["text"]
    wait_for("its end", lambda: [one["state"] for one in webhook.of("lease") if one["told_by"] == leader.name][:2] == ["began", "over"], 30)


@pytest.mark.parametrize("status", [None, 503, "closed"], ids=["hangs", "refuses", "nobody listens"])
def test_a_webhook_that_fails_delays_nothing(new_cluster, status):
    webhook = Webhook(status if status != "closed" else 200)
    if status == "closed":
        webhook.server.server_close()
    try:
        cluster = new_cluster(2)
        cluster.dcs["failsafe_mode"] = False
        for node in cluster.nodes:
            node.config["notify"] = {"webhook": webhook.url, "timeout": 2}
        cluster.up()
        old, (new,) = cluster.leader(), cluster.replicas()
        code, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
        assert code == 200, text
        cluster.wait_healthy(60)
        wait_for("attempts", lambda: (metric(new, "tamada_notifications_total", by="webhook", outcome="failed") or 0) >= 2, 60)
        # Meanwhile each heartbeat comes in time, so the last renewal of the lease is never much older than one heartbeat.
        margins, until = [], time.monotonic() + 3 * cluster.dcs["loop_wait"] + 2
        while time.monotonic() < until:
            margins.append(metric(new, "tamada_lease_margin_seconds"))
            time.sleep(0.1)
        assert min(margins) > cluster.dcs["ttl"] - 2 * cluster.dcs["loop_wait"], margins
        late = metric(new, "tamada_loop_lag_seconds_bucket", le="1"), metric(new, "tamada_loop_lag_seconds_count")
        assert late[0] == late[1], "the loop was never blocked for a second"
        assert "a notification by webhook failed, it is tried again: " in new.log() and "geheim" not in new.log()
        if status == 503:   # as soon as the webhook accepts notices, the waiting one is delivered
            webhook.status = 200
            wait_for("the switchover, late", lambda: [one["kind"] for one in webhook.of("handover")] == ["switchover"], 60)
    finally:
        webhook.close() if status != "closed" else None


def test_a_reload_changes_who_is_told(new_cluster, webhook):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    cluster.etcd.start()
    node.start()
    wait_for("a primary", node.is_primary, 60)
    assert metric(node, "tamada_notifications_total") is None, "nobody is told"

    def reload():
        with open(node.config_file, "w") as f:
            yaml.safe_dump(node.config, f)
        node.signal(signal.SIGHUP)
    node.config["notify"] = {"webhook": webhook.url}
    node.config["postgresql"]["pg_hba"] += ["host nonsense"]
    reload()
    (problem,) = wait_for("the problem that it brought", lambda: webhook.of("problem"), 30)
    assert (problem["kind"], problem["member"], problem["state"]) == ("access", node.name, "began")
    assert metric(node, "tamada_notifications_total", by="webhook", outcome="delivered") == 1
    del node.config["notify"]
    reload()
    wait_for("the end of the metric", lambda: metric(node, "tamada_notifications_total") is None, 20)
