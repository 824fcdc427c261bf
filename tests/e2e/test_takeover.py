"""A streaming cluster of three servers that was made by hand is taken over without a restart and without a lost or failed write."""
import json
import os
import threading

import psycopg2
import pytest
import yaml

from harness import processes, wait_for
from harness.cluster import postgres_bin

USERS = """
CREATE USER pgsuper WITH SUPERUSER ENCRYPTED PASSWORD 'su';
CREATE USER rep_user WITH REPLICATION ENCRYPTED PASSWORD 'rep';
CREATE USER rewind ENCRYPTED PASSWORD 'rew';
GRANT EXECUTE ON function pg_catalog.pg_ls_dir(text, boolean, boolean) TO rewind;
GRANT EXECUTE ON function pg_catalog.pg_stat_file(text, boolean) TO rewind;
GRANT EXECUTE ON function pg_catalog.pg_read_binary_file(text) TO rewind;
GRANT EXECUTE ON function pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO rewind;
"""
# The method md5 accepts passwords of scram-sha-256, too. Servers before 14 store md5 passwords.
HBA = """local all postgres trust
local postgres pgsuper md5
host all all 0.0.0.0/0 md5
host replication all 0.0.0.0/0 md5
"""
CONF = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{root}'
max_connections = 60
wal_log_hints = on
"""


def run(cluster, *argv, env=None):
    done = processes.run([f"{postgres_bin()}/{argv[0]}", *argv[1:]], cluster.root, 60, env)
    assert done.returncode == 0, done.stdout + done.stderr


def configure(node):
    with open(f"{node.data}/postgresql.conf", "a") as f:
        f.write(CONF.format(port=node.pg_port, root=node.cluster.root))


def serve(node):
    run(node.cluster, "pg_ctl", "-D", node.data, "-w", "-l", f"{node.cluster.root}/{node.name}-server.log", "start")


def psql(node, sql):
    conn = psycopg2.connect(host=node.cluster.root, port=node.pg_port, user="postgres", dbname="postgres")
    conn.autocommit = True
    try:
        conn.cursor().execute(sql)
    finally:
        conn.close()


def make_by_hand(cluster):
    first, *others = cluster.nodes
    run(cluster, "initdb", "-D", first.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    configure(first)
    with open(f"{first.data}/pg_hba.conf", "w") as f:
        f.write(HBA)
    serve(first)
    psql(first, USERS + "CREATE TABLE written(id bigint primary key);")
    for node in others:
        psql(first, f"SELECT pg_create_physical_replication_slot('hand_{node.name}')")
        run(cluster, "pg_basebackup", "-D", node.data, "-R", "-c", "fast", "-S", f"hand_{node.name}", "-d",
            f"host=127.0.0.1 port={first.pg_port} user=rep_user password=rep")
        configure(node)
        serve(node)


def configured(node):
    config = node.config["postgresql"]
    config["authentication"] = {"superuser": {"username": "pgsuper", "password": "su"},
                                "replication": {"username": "rep_user", "password": "rep"},
                                "rewind": {"username": "rewind", "password": "rew"}}
    del config["pg_hba"]
    node.config["bootstrap"]["dcs"]["ignore_slots"] = [{"name": f"hand_n{i}", "type": "physical"} for i in (1, 2)]
    node.connect = lambda timeout=10: psycopg2.connect(
        host="127.0.0.1", port=node.pg_port, user="pgsuper", password="su", dbname="postgres", connect_timeout=timeout)
    return node


class Client:
    """Writes into the first server all the time and counts every failure."""

    def __init__(self, node):
        self.node, self.written, self.failures = node, [], []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join(10)

    def run(self):
        conn = self.node.connect()
        conn.autocommit = True
        cursor, value = conn.cursor(), 0
        while not self.done.is_set():
            value += 1
            try:
                cursor.execute("insert into written values (%s)", (value,))
                self.written.append(value)
            except psycopg2.Error as error:
                self.failures.append(str(error))
                return
            self.done.wait(0.005)


def autocommit_sql(node, query):
    conn = node.connect()
    conn.autocommit = True
    try:
        cursor = conn.cursor()
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else None
    finally:
        conn.close()


def streams(cluster):
    rows = autocommit_sql(cluster.nodes[0], "select application_name from pg_stat_replication where state = 'streaming'")
    return {name for name, in rows} >= {n.name for n in cluster.nodes[1:]}


def check(node):
    with open(node.config_file, "w") as f:
        yaml.safe_dump(node.config, f, sort_keys=False)
    done = processes.run([*node.cluster.side.daemon, "--check", node.config_file], node.cluster.root, 60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.tamada
def test_checked_before_anything_is_changed(new_cluster):
    cluster = new_cluster(n=1)
    make_by_hand(cluster)
    node = configured(cluster.nodes[0])
    cluster.etcd.start()
    code, said = check(node)
    # The machine may have another PostgreSQL service that is enabled.
    errors = [line for line in said.splitlines() if line.startswith("ERROR") and "systemd" not in line]
    assert errors == [] and "start the daemon on the node of the primary first" in said, said

    psql(node, "REVOKE EXECUTE ON function pg_catalog.pg_stat_file(text, boolean) FROM rewind;"
               "ALTER USER rep_user NOREPLICATION; ALTER USER pgsuper NOSUPERUSER")
    cluster.etcd.ctl("put", f"{cluster.prefix}initialize", "7000000000000000001")
    node.config["postgresql"]["pgpass"] = "/nowhere/pgpass"
    node.config["restapi"]["listen"] = f"127.0.0.1:{cluster.etcd.port}"
    node.config["bootstrap"]["dcs"]["ttl"] = 4
    code, said = check(node)
    assert code == 1
    for expected in ("GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_file(text, boolean) TO rewind",
                     "ALTER USER rep_user WITH REPLICATION", "ALTER USER pgsuper WITH SUPERUSER",
                     "/nowhere/pgpass is not writable", "Address already in use", "of another system than the cluster",
                     "loop_wait + 2*retry_timeout <= ttl"):
        assert expected in said, said
    with open(f"{node.data}/pg_hba.conf", "w") as f:
        f.write("local all postgres trust\n")
    psql(node, "select pg_reload_conf()")
    cluster.etcd.kill()
    code, said = check(node)
    assert code == 1 and "add to pg_hba.conf" in said and "does not answer" in said, said
    assert not os.path.exists(f"{node.data}/postgresql.base.conf"), "nothing was changed"


@pytest.mark.tamada
def test_taken_over_without_a_restart(new_cluster):
    cluster = new_cluster()
    make_by_hand(cluster)
    cluster.etcd.start()
    first, *others = [configured(node) for node in cluster.nodes]
    pids = {node.name: node.postmaster_pid() for node in cluster.nodes}
    with Client(first) as client:
        first.start()
        wait_for("the primary to lead", first.is_primary, 60)
        for node in others:
            node.start()
        wait_for("its standbys", lambda: all(n.is_replica() for n in others), 60)
        wait_for("streams under the members' names", lambda: streams(cluster), 30)

        def all_pending():
            return all(n.status().get("pending_restart") for n in cluster.nodes)
        wait_for("what a restart is due for", all_pending, 30)
        at_least = len(client.written) + 100
        wait_for("more writes", lambda: client.failures or len(client.written) >= at_least, 30)
        assert client.failures == []
        assert {node.name: node.postmaster_pid() for node in cluster.nodes} == pids, "no server was restarted"
    for node in cluster.nodes:
        reason = node.status()["pending_restart_reason"]
        assert reason["max_connections"] == {"old_value": "60", "new_value": "50"}
        assert reason["cluster_name"] == {"old_value": "", "new_value": "demo"}
        assert os.path.exists(f"{node.data}/postgresql.base.conf")
    listed = json.loads(cluster.ctl("list", "-f", "json").stdout)
    assert all(row["Pending restart"] == "*" for row in listed)

    # A rolling restart moves the servers under the daemons' start options. All written rows must be there.
    for node in [*others, first]:
        assert node.api("/restart", "POST", {"restart_pending": True}, timeout=60) == (200, "restarted successfully")
    wait_for("nothing pending", lambda: not first.status().get("pending_restart"), 15)
    wait_for("streams", lambda: streams(cluster), 30)
    there = {v for v, in autocommit_sql(first, "select id from written")}
    assert there >= set(client.written)


@pytest.mark.tamada
def test_another_systems_data_is_refused(new_cluster):
    cluster = new_cluster(n=2)
    cluster.etcd.start()
    first, other = cluster.nodes
    run(cluster, "initdb", "-D", other.data, "-U", "postgres", "--no-sync")
    configure(other)
    with open(f"{other.data}/pg_hba.conf", "a") as f:
        f.write("local all all trust\n")
    first.start()
    wait_for("a first primary", first.is_primary, 60)
    serve(other)
    seen = {path: os.stat(f"{other.data}/{path}").st_mtime_ns for path in ("postgresql.conf", "pg_hba.conf", "PG_VERSION")}
    other.start()
    other.proc.wait(30)
    assert other.proc.returncode != 0 and "system ID mismatch" in other.log()
    assert other.postmaster_pid(), "its server was left alone"
    assert seen == {path: os.stat(f"{other.data}/{path}").st_mtime_ns for path in seen}
    assert not os.path.exists(f"{other.data}/postgresql.base.conf")
