"""A standby cluster: how it follows another cluster, a failover in it, and the exchange of the two clusters' roles."""
import json
import os

import facts
from psycopg2.extensions import parse_dsn

from harness import wait_for
from harness.cluster import postgres_bin


def is_standby_leader(node):
    return node.is_healthy("/standby-leader")


def wait_standby_leader(node, timeout=40):
    wait_for(f"{node} to be the standby leader", lambda: is_standby_leader(node), timeout)
    wait_for(f"{node}'s key to say so",
             lambda: json.loads(node.cluster.keys()[f"members/{node.name}"])["role"] == "standby_leader", 15)


def wait_handover(node, kind, old, new):
    """Waits until the node reports the change of the leader as done."""
    def done():
        if not node.cluster.side.is_tamada:
            return True
        told = json.loads(node.api("/tamada/handover")[1])
        return told and (told["kind"], told["from"], told["to"], told["state"]) == (kind, old.name, new.name, "done")
    wait_for(f"the {kind} to be over", done, 20)


def wait_count(node, count, timeout=30):
    wait_for(f"{count} rows on {node}", lambda: node.sql("select count(*) from t") == [(count,)], timeout)


def wait_streaming(standby, source, timeout=40):
    wait_for(f"{standby} to stream from {source}", lambda: standby.is_streaming_from(source), timeout)


def conninfo(node):
    return parse_dsn(node.sql("show primary_conninfo")[0][0])


def bring_up(far):
    """Adds the standby cluster's two nodes. The first is a copy of the other cluster, the second follows the first."""
    first, second = far.nodes
    far.etcd.start()
    first.start()
    wait_standby_leader(first, 60)
    second.start()
    wait_streaming(second, first, 60)
    return first, second


def test_standby_cluster(new_cluster):
    main = new_cluster(2)
    main.up()
    primary = main.leader()
    primary.configure({"slots": {"far": {"type": "physical", "cluster_type": "primary"}}})
    primary.sql("create table t (v text)")
    primary.sql("insert into t values ('first')")
    wait_for("the slot", lambda: primary.sql("select 1 from pg_replication_slots where slot_name = 'far'"), 20)

    # ---- the first node is made by a copy and follows
    source = {"host": "127.0.0.1", "port": primary.pg_port, "primary_slot_name": "far"}
    far = new_cluster(2, scope="far", dcs={"standby_cluster": source})
    for i, node in enumerate(far.nodes):
        node.name = node.config["name"] = f"f{i}"
    first, second = bring_up(far)
    for node in far.nodes:
        wait_count(node, 1)
        assert not node.is_primary()
    assert first.system_identifier() == primary.system_identifier()
    assert second.is_replica() and not first.is_replica()

    # ---- the value of `host` is only a host, whatever characters it contains
    for host in ["127.0.0.1 options=-cstatement_timeout=7", "127.0.0.1' application_name='x", "a\\' b", "host=127.0.0.1 port=1"]:
        first.configure({"standby_cluster": {"host": host}})
        wait_for("the host in primary_conninfo", lambda host=host: conninfo(first)["host"] == host, 30)
        found = conninfo(first)
        assert "options" not in found and found["port"] == str(primary.pg_port) and found["application_name"] == first.name
    first.configure({"standby_cluster": {"host": "127.0.0.1,127.0.0.1", "port": f"1,{primary.pg_port}"}})   # the first attempt fails
    wait_streaming(first, primary)
    first.configure({"standby_cluster": source})
    wait_streaming(first, primary)

    # ---- switchover and failover within the standby cluster
    assert first.api("/switchover", "POST", {"leader": first.name, "candidate": second.name}, timeout=60)[0] == 200
    wait_standby_leader(second)
    wait_streaming(first, second)
    wait_handover(second, "switchover", first, second)
    primary.sql("insert into t values ('second')")
    wait_count(first, 2)
    second.lose()
    wait_standby_leader(first)
    wait_handover(first, "automatic", second, first)
    wait_streaming(first, primary)
    second.start()
    wait_streaming(second, first)

    # ---- the two clusters exchange their roles; no row is lost, and no node is rewound or copied
    primary.sql("insert into t values ('third')")
    primary.configure({"standby_cluster": {"host": "127.0.0.1", "port": first.pg_port}, "slots": None})
    wait_standby_leader(primary)
    first.configure({"standby_cluster": None})
    assert far.wait_leader(40) is first
    facts.wait_writable(first)
    wait_count(first, 3)
    first.sql("insert into t values ('fourth')")
    for node in (*main.nodes, *far.nodes):
        wait_count(node, 4, 60)
    assert not any(node.is_primary() for node in main.nodes)
    assert all("pg_rewind" not in node.log() for node in main.nodes)


def test_commands_and_methods(new_cluster):
    """promote-cluster and demote-cluster. standby_cluster.create_replica_methods makes the copies."""
    main = new_cluster(1)
    main.up()
    primary = main.leader()
    primary.sql("create table t (v text)")
    source = {"host": "127.0.0.1", "port": primary.pg_port, "create_replica_methods": ["broken", "own"]}
    far = new_cluster(2, scope="far", dcs={"standby_cluster": source})
    method = f"{far.root}/method"
    with open(method, "w") as f:
        f.write(f"""#!/bin/sh
for argument; do case $argument in
  --datadir=*) datadir=${{argument#--datadir=}};;
  --connstring=*) connstring=${{argument#--connstring=}};;
esac; done
exec {postgres_bin()}/pg_basebackup -D "$datadir" -X stream -c fast -d "$connstring"
""")
    os.chmod(method, 0o755)
    for i, node in enumerate(far.nodes):
        node.name = node.config["name"] = f"f{i}"
        # The node's own create_replica_methods is used when it belongs to a normal cluster.
        node.config["postgresql"].update({"create_replica_methods": ["basebackup"], "own": {"command": method},
                                          "broken": {"command": "/bin/false"}})
    first, second = bring_up(far)
    for node in far.nodes:
        assert "replica has been created using own" in node.log() and "using method broken" in node.log()

    # ---- promoted to a normal cluster, and back
    done = far.ctl("promote-cluster", far.scope, "--force")
    assert done.returncode == 0 and "cluster is successfully promoted" in done.stdout, done.stdout + done.stderr
    assert far.leader() is first
    facts.wait_writable(first)
    assert json.loads(far.keys()["config"]).get("standby_cluster") is None
    first.sql("insert into t values ('of its own')")
    wait_streaming(second, first)
    wait_count(second, 1)
    again = far.ctl("promote-cluster", far.scope, "--force")
    assert again.returncode == 1 and "Cluster is already in the required state" in again.stderr

    done = far.ctl("demote-cluster", far.scope, "--host", "127.0.0.1", "--port", str(primary.pg_port), "--force")
    assert done.returncode == 0 and "cluster is successfully demoted" in done.stdout, done.stdout + done.stderr
    wait_standby_leader(first)
    assert not any(node.is_primary() for node in far.nodes)
    # pg_rewind has removed the rows that only it had, and it follows the other cluster again.
    primary.sql("insert into t values ('one')")
    primary.sql("insert into t values ('two')")
    for node in far.nodes:
        wait_count(node, 2, 60)
