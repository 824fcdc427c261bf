"""Takes existing clusters over: a streaming pair of Debian's PostgreSQL, and a cluster of Patroni, each on fresh hosts."""
import pytest

from deployment import Deployment
from machines import POSTGRESQL

USERS = """
ALTER USER postgres PASSWORD 'superpassword';
CREATE USER rep_user WITH REPLICATION ENCRYPTED PASSWORD 'rep_password';
CREATE USER rewind_user ENCRYPTED PASSWORD 'rewind_password';
GRANT EXECUTE ON function pg_catalog.pg_ls_dir(text, boolean, boolean) TO rewind_user;
GRANT EXECUTE ON function pg_catalog.pg_stat_file(text, boolean) TO rewind_user;
GRANT EXECUTE ON function pg_catalog.pg_read_binary_file(text) TO rewind_user;
GRANT EXECUTE ON function pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO rewind_user;
"""
HBA = """
local all all scram-sha-256
host all all 0.0.0.0/0 scram-sha-256
host replication all 0.0.0.0/0 scram-sha-256
"""
PLAIN_ETCD = {"ETCD_TLS=true": "", "ETCD_ROOT_PASSWORD='etcd_root_password'": "", "ETCD_USERNAME='etcd_user'": "", "ETCD_PASSWORD='etcd_password'": ""}


@pytest.fixture
def fresh(machines, packages, tmp_path):
    """Fresh hosts with etcd without TLS."""
    machines("up", 3, timeout=300)
    deployment = Deployment(machines, tmp_path, packages)
    deployment.write_inventory(replace=PLAIN_ETCD)
    deployment.play("create_etcd.yml", server="etcd001")
    return deployment


def test_a_streaming_cluster_is_taken_over(fresh):
    primary, standbys = fresh.nodes[2], fresh.nodes[:2]
    sh = fresh.machines.sh
    config = f"/etc/postgresql/{POSTGRESQL}/main"
    listen = f"echo \"listen_addresses = '*'\" >>{config}/postgresql.conf"
    sh(primary.k, f"pg_createcluster {POSTGRESQL} main >/dev/null && {listen} && systemctl start postgresql@{POSTGRESQL}-main && "
                  f"su postgres -c psql <<'END'\n{USERS}\nEND\n"
                  f"printf '%s' '{HBA}' >{config}/pg_hba.conf && systemctl reload postgresql@{POSTGRESQL}-main")
    for node in standbys:
        sh(node.k, f"pg_createcluster {POSTGRESQL} main >/dev/null && {listen} && printf '%s' '{HBA}' >{config}/pg_hba.conf && rm -rf /var/lib/postgresql/{POSTGRESQL}/main && "
                   f"su postgres -c \"PGPASSWORD=rep_password pg_basebackup -R -c fast -h {primary.address} -U rep_user -D /var/lib/postgresql/{POSTGRESQL}/main\" && "
                   f"systemctl start postgresql@{POSTGRESQL}-main")
    primary.sql("create table kept as select 1 as n")
    pids = {n.name: n.postmaster_pid() for n in fresh.nodes}

    fresh.write_inventory(replace={**PLAIN_ETCD, f"PG_CONFIG=/var/lib/postgresql/{POSTGRESQL}/main": f"PG_CONFIG={config}"})
    code, output = fresh.play("create_pgha_patroni.yml", "-C")
    assert fresh.changed(output) > 0
    fresh.play("create_pgha_patroni.yml")
    fresh.wait_healthy()
    assert fresh.leader() is primary and primary.sql("select n from kept") == [(1,)]
    assert primary.postmaster_pid() == pids[primary.name], "its server was not restarted"
    _, output = fresh.play("create_pgha_patroni.yml")
    assert fresh.changed(output) == 0, output[-4000:]

    fresh.ctl("switchover", "pg_cluster001", "--leader", primary.name, "--candidate", standbys[0].name, "--force")
    fresh.wait_leader(other_than=primary)
    fresh.wait_healthy()
    fresh.machines("reboot", primary.k)
    fresh.wait_healthy()
    assert fresh.machines.exec(primary.k, "systemctl", "is-active", f"postgresql@{POSTGRESQL}-main", check=False).strip() != "active"


def test_a_cluster_of_patronis_is_moved_in_place(fresh):
    fresh.start_patroni(ttl=30, loop_wait=5, retry_timeout=10)
    assert fresh.leader().get("/patroni")["patroni"]["version"].startswith(("3.", "4.")), "Debian's"
    leader, pids = fresh.leader(), {n.name: n.postmaster_pid() for n in fresh.nodes}

    fresh.play("migrate_from_patroni.yml")
    fresh.wait_healthy()
    assert fresh.leader() is leader
    assert {n.name: n.postmaster_pid() for n in fresh.nodes} == pids, "PostgreSQL was not touched"
    for node in fresh.nodes:
        assert "tamada" in fresh.machines.exec(node.k, "readlink", f"/proc/{node.main_pid()}/exe")
    assert not fresh.leader().get("/patroni").get("pause"), "resumed"

    fresh.ctl("switchover", "pg_cluster001", "--leader", leader.name, "--force")
    fresh.wait_leader(other_than=leader)
    fresh.wait_healthy()
