"""Programs that read Patroni's keys in etcd: an address manager that compares the value of `leader` with its own name
(vip-manager), and a template that is rendered from `leader` and `members/` at each change under the prefix (confd,
consul-template). etcdctl watch stands in for both."""
import base64
import json
import re

from harness import processes, wait_for


class Watch:
    """Runs etcdctl watch and records (what, key, value) in etcd's order."""

    def __init__(self, cluster, *what):
        self._log = f"{cluster.root}/watch-{len(what)}"
        now = json.loads(cluster.etcd.ctl("get", "none", "--write-out=json").stdout)["header"]["revision"]
        with open(self._log, "w") as log:
            self._proc = processes.spawn(["etcdctl", "--endpoints", cluster.etcd.url, "watch", "--write-out=json", f"--rev={now + 1}", *what], log,
                                         cluster.root, env={"ETCDCTL_API": "3"})

    def told(self):
        with open(self._log) as f:
            lines = f.read().split("\n")[:-1]
        found = []
        for line in lines:
            for event in json.loads(line).get("Events") or []:
                kv = event["kv"]
                deleted = event.get("type") in (1, "DELETE")
                value = "" if deleted else base64.b64decode(kv.get("value", "")).decode()
                found.append((deleted, base64.b64decode(kv["key"]).decode(), value))
        return found

    def close(self):
        self._proc.kill()
        self._proc.wait(30)


def address_holders(events, first):
    """The nodes that hold the address after each event. A node's manager holds it if the value is the node's name."""
    holders = [first]
    for deleted, _, value in events:
        holder = None if deleted else value
        if holder != holders[-1]:
            holders.append(holder)
    return holders


def pgbouncer_ini(keys):
    """Renders Patroni's sample template for confd: the database's host and port from the leader's conn_url."""
    leader = keys.get("leader")
    if leader is None or f"members/{leader}" not in keys:
        return None
    host, port = re.fullmatch(r"postgres://([^:/]+):(\d+)/postgres", json.loads(keys[f"members/{leader}"])["conn_url"]).groups()
    return f"* = host={host} port={port}"


def haproxy_servers(keys):
    """Renders Patroni's sample for HAProxy: each member's server, checked at its REST API."""
    lines = []
    for key in sorted(k for k in keys if k.startswith("members/")):
        member = json.loads(keys[key])
        server = member["conn_url"].split("/")[2].split("@")[-1]
        lines.append(f"server {key.split('/')[1]} {server} maxconn 100 check port {member['api_url'].split('/')[2].split(':')[1]}")
    return lines


def test_an_address_follows_the_leader_key(cluster):
    old = cluster.leader()
    watch = Watch(cluster, f"{cluster.prefix}leader")
    try:
        candidate = cluster.replicas()[0]
        assert cluster.ctl("switchover", "--candidate", candidate.name, "--force").returncode == 0
        cluster.wait_healthy(60)
        wait_for("the new leader's name", lambda: watch.told() and watch.told()[-1][2] == candidate.name, 30)
        # The old leader loses the address before the new one gets it, and no third node has it in between.
        assert address_holders(watch.told(), old.name) == [old.name, None, candidate.name]

        candidate.kill_daemon()
        candidate.kill_postgres()
        new = cluster.wait_leader(60, other_than=candidate)
        wait_for("its name", lambda: watch.told()[-1][2] == new.name, 30)
        assert address_holders(watch.told(), old.name) == [old.name, None, candidate.name, None, new.name]
    finally:
        watch.close()


def test_templates_are_made_of_leader_and_members(cluster):
    watch = Watch(cluster, cluster.prefix, "--prefix")
    try:
        old = cluster.leader()
        candidate = cluster.replicas()[0]
        keys = cluster.keys()
        assert pgbouncer_ini(keys) == f"* = host=127.0.0.1 port={old.pg_port}"
        assert haproxy_servers(keys) == [f"server {n} 127.0.0.1:{n.pg_port} maxconn 100 check port {n.api_port}" for n in cluster.nodes]
        assert cluster.ctl("switchover", "--candidate", candidate.name, "--force").returncode == 0
        cluster.wait_healthy(60)
        # The template is rendered at each event, so it must be able to read every intermediate state.
        made = []
        for deleted, key, value in wait_for("the switchover", lambda: (lambda told: told if any(
                key.endswith("/leader") and value == candidate.name for _, key, value in told) else None)(watch.told()), 30):
            name = key.removeprefix(cluster.prefix)
            keys.pop(name, None)
            if not deleted:
                keys[name] = value
            made.append(pgbouncer_ini(keys))
            assert len(haproxy_servers(keys)) == 3
        ports = [int(line.rsplit("=", 1)[1]) for line in made if line]
        assert set(ports) == {old.pg_port, candidate.pg_port} and ports == sorted(ports, key=[old.pg_port, candidate.pg_port].index)
    finally:
        watch.close()
