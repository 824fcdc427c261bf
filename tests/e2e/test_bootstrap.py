"""How a cluster is created: which node initializes it, which files are written where, and how replicas are made."""
import json
import os

import facts
from harness import wait_for


def test_one_node_initializes(new_cluster):
    c = new_cluster(n=1).up()
    node = c.nodes[0]
    keys = c.keys()
    assert keys["leader"] == "n0"
    assert keys["initialize"] == node.system_identifier()
    dynamic = json.loads(keys["config"])
    assert dynamic["ttl"] == c.dcs["ttl"] and dynamic["postgresql"]["use_pg_rewind"] is True
    facts.wait_key(c, "members/n0")

    def published():
        member = json.loads(c.keys()["members/n0"])
        return member["state"] == "running" and member
    member = wait_for("the member key in state running", published, 20)
    assert member["api_url"] == f"http://127.0.0.1:{node.api_port}/patroni"
    assert f"127.0.0.1:{node.pg_port}" in member["conn_url"]
    assert member["role"] in ("primary", "master")
    assert node.sql("select pg_is_in_recovery()") == [(False,)]
    assert facts.timeline(node) == 1


def test_a_node_without_the_section_waits_for_a_leader(new_cluster):
    c = new_cluster(n=2)
    c.etcd.start()
    first, waits = c.nodes
    del waits.config["bootstrap"]
    waits.start()
    facts.wait_log(waits, "waiting for leader to bootstrap")
    facts.wait_key(c, "members/n1")
    before = waits.log().count("waiting for leader to bootstrap")
    wait_for("heartbeats", lambda: waits.log().count("waiting for leader to bootstrap") >= before + 3, 60)
    assert "initialize" not in c.keys() and not os.path.exists(f"{waits.data}/PG_VERSION")
    first.start()
    assert c.wait_healthy() is first


def test_race_of_three_has_one_winner(new_cluster):
    c = new_cluster(n=3)
    c.etcd.start()
    for node in c.nodes:
        node.start()
    leader = c.wait_healthy()
    assert {n.system_identifier() for n in c.nodes} == {c.keys()["initialize"]}
    assert c.keys()["leader"] == leader.name
    assert [n for n in c.nodes if n.is_primary()] == [leader]


def test_replicas_stream_through_their_own_slots(cluster):
    leader = cluster.leader()
    rows = dict(leader.sql("select application_name, state from pg_stat_replication"))
    assert rows == {n.name: "streaming" for n in cluster.replicas()}
    for node in cluster.replicas():
        assert leader.sql(f"select active from pg_replication_slots where slot_name = '{node.name}'") == [(True,)]
        assert os.path.exists(f"{node.data}/standby.signal")


def test_users_have_their_rights(cluster):
    rights = {name: (su, repl) for name, su, repl in cluster.leader().sql(
        "select rolname, rolsuper, rolreplication from pg_roles where rolname in ('postgres', 'replicator', 'rewind_user')")}
    assert rights["postgres"][0] is True
    assert rights["replicator"] == (False, True)
    assert rights["rewind_user"] == (False, False)
    assert cluster.leader().sql("select has_function_privilege('rewind_user', 'pg_read_binary_file(text,bigint,bigint,boolean)',"
                                " 'execute')") == [(True,)]


def test_generated_files(cluster):
    for node in cluster.nodes:
        with open(f"{node.data}/postgresql.conf") as f:
            assert "include 'postgresql.base.conf'" in f.read()
        assert os.path.exists(f"{node.data}/postgresql.base.conf")
        with open(f"{node.data}/pg_hba.conf") as f:
            assert "host replication all 127.0.0.1/32 trust" in f.read()
        with open(f"{node.data}/patroni.dynamic.json") as f:
            assert json.load(f)["ttl"] == cluster.dcs["ttl"]
    assert cluster.leader().sql("show max_connections") == [("50",)]


def test_rows_reach_every_replica(cluster):
    cluster.leader().sql("create table if not exists t(v text)")
    cluster.leader().sql("insert into t values ('hello')")
    facts.wait_row_everywhere(cluster, "t", "hello")


def test_list_shows_the_cluster(cluster):
    done = cluster.ctl("list", "-f", "json")
    assert done.returncode == 0, done.stderr
    rows = {r["Member"]: r for r in json.loads(done.stdout)}
    leader = cluster.leader()
    assert {name: r["Role"] for name, r in rows.items()} == \
        {n.name: "Leader" if n is leader else "Replica" for n in cluster.nodes}
    assert all(r["Host"] == f"127.0.0.1:{n.pg_port}" and r["TL"] == 1 for n in cluster.nodes for r in [rows[n.name]])
    table = cluster.ctl("list").stdout
    assert table.startswith("+ Cluster: demo") and "| n1 " in table


def test_rest_roles(cluster):
    leader = cluster.leader()
    for node in cluster.nodes:
        expected = {"/primary": 200, "/replica": 503, "/read-write": 200, "/leader": 200} if node is leader else \
                   {"/primary": 503, "/replica": 200, "/read-write": 503, "/leader": 503}
        expected |= {"/health": 200, "/liveness": 200, "/readiness": 200, "/patroni": 200, "/cluster": 200, "/read-only": 200,
                     "/replica?lag=1MB": expected["/replica"], "/config": 200, "/history": 200}
        assert {path: node.api(path)[0] for path in expected} == expected
    members = json.loads(leader.api("/cluster")[1])["members"]
    assert sorted(m["name"] for m in members) == [n.name for n in cluster.nodes]
