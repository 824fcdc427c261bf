"""Deploys a cluster from an inventory by the commands that the playbooks' documentation names."""
import psycopg2
import pytest

from deployment import Node
from harness import wait_for
from machines import POSTGRESQL, TREE, run


@pytest.fixture(autouse=True)
def the_inventory_as_it_was(deployment):
    yield
    deployment.write_inventory()


def test_the_syntax_of_every_playbook(deployment):
    for playbook in sorted((TREE / "deploy" / "playbooks").glob("*.yml")):
        deployment.play(playbook.name, "--syntax-check")


def test_all_mistakes_are_told_at_once(deployment):
    deployment.write_inventory(replace={"node_id=1": "node_id=1 is_leader=true", f"ttl={deployment.times['ttl']}": "ttl=2",
                                        "SUP_PASSWORD='superpassword'": "", "application_name=node32": "application_name='node 32'",
                                        f"PG_VERSION={POSTGRESQL}": "PG_VERSION=99", f"{POSTGRESQL}/bin": "99/bin"})
    code, output = deployment.play("create_pgha_patroni.yml", "-C", check=False)
    assert code != 0
    for mistake in ("ttl (2) is less than", "SUP_PASSWORD is missing", "'node 32' is no valid name", "is_leader is set on",
                    "no /usr/lib/postgresql/99/bin/postgres"):
        assert mistake in output, output[-3000:]


def test_a_section_that_is_not_there(deployment):
    code, output = deployment.play("create_pgha_patroni.yml", server="nowhere", check=False)
    assert code != 0 and "no section [nowhere]" in output


def test_etcd(deployment):
    deployment.play("create_etcd.yml", server="etcd001")
    assert deployment.etcdctl("member", "list").count("started") == 3
    without = deployment.machines.exec(1, "env", "ETCDCTL_API=3", "ETCDCTL_CACERT=/etc/etcd/ca.crt",
                                       "ETCDCTL_ENDPOINTS=https://127.0.0.1:2379", "etcdctl", "get", "/x", check=False)
    assert without == "", "asks for a password"


def test_a_dry_run_on_fresh_hosts_changes_nothing(deployment):
    code, output = deployment.play("create_pgha_patroni.yml", "-C")
    assert deployment.changed(output) > 0, "tells what it would do"
    for node in deployment.nodes:
        assert deployment.machines.sh(node.k, f"ls -d /etc/patroni /usr/bin/tamada /var/lib/postgresql/{POSTGRESQL} 2>/dev/null", check=False) == ""


def test_one_command_makes_the_cluster(deployment):
    _, output = deployment.play("create_pgha_patroni.yml")
    assert "superpassword" not in output and "rep_password" not in output
    deployment.wait_healthy()
    assert deployment.leader().name == "node33", "is_leader=true is the first"
    rows = deployment.ctl("list")
    assert all(name in rows for name in ("pg_cluster001", "node31", "node32", "node33")), rows


def test_a_second_run_changes_nothing(deployment):
    for playbook, server in (("create_pgha_patroni.yml", None), ("create_etcd.yml", "etcd001")):
        _, output = deployment.play(playbook, server=server)
        assert deployment.changed(output) == 0, output[-4000:]


def test_passwords_are_only_where_they_belong(deployment):
    node = deployment.nodes[0]
    assert deployment.machines.exec(node.k, "stat", "-c", "%a %U", "/etc/patroni/config.yml").split() == ["600", "postgres"]
    assert node.sql("select count(*) from pg_authid where rolpassword like 'SCRAM-SHA-256%' and rolname in "
                    "('postgres', 'rep_user', 'rewind_user')")[0][0] == 3
    environment = deployment.machines.sh(node.k, f"tr '\\0' '\\n' </proc/{node.postmaster_pid()}/environ")
    assert not [v for v in environment.splitlines() if v.startswith(("NOTIFY_SOCKET", "WATCHDOG_", "PATRONI_"))], environment


def test_the_unit_forbids_what_nobody_needs(deployment):
    """Checks the daemon's and PostgreSQL's processes, and that the guard still locks its memory."""
    for node in deployment.nodes:
        told = deployment.machines.sh(node.k, "systemd-analyze security --no-pager patroni").splitlines()[-1]
        assert float(told.split(": ")[1].split()[0]) < 4, told
        for pid in (node.main_pid(), node.postmaster_pid()):
            status = dict(line.split(":\t", 1) for line in
                          deployment.machines.exec(node.k, "cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
            assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0, status
            assert int(status["Umask"], 8) == 0o77, status
            refused = deployment.machines.sh(node.k, f"nsenter -t {pid} -m touch /usr/bin/x 2>&1", check=False)
            assert "Read-only file system" in refused, refused
    started = deployment.machines.sh(deployment.leader().k, "journalctl -u patroni -o cat --no-pager | grep 'guard started' | tail -1")
    assert "memory locked" in started, started


def test_systemd_knows_the_role_and_the_lease(deployment):
    def status(node):
        return node.systemctl("show", "-p", "StatusText", "--value", "patroni")
    assert "primary, running" in status(deployment.leader()) and "leader lease" in status(deployment.leader())
    assert "the leader is node33" in status(deployment.standbys()[0])


def test_an_upgrade_leaves_postgresql_running(deployment):
    leader = deployment.leader()
    servers = {n.name: n.postmaster_pid() for n in deployment.nodes}
    daemons = {n.name: n.main_pid() for n in deployment.nodes}
    for node in deployment.nodes:
        deployment.machines.sh(node.k, "dpkg -i /var/cache/tamada/*.deb")
        assert node.main_pid() == daemons[node.name], "the package does not restart the daemon"
    deployment.ctl("pause", "--wait")
    for node in deployment.nodes:
        node.systemctl("restart", "patroni")
    deployment.wait_healthy()

    def resumed():   # a daemon that has just started may not know yet that there is a pause
        deployment.ctl("resume", "--wait", check=False)
        return "pause: true" not in deployment.ctl("show-config")
    wait_for("the end of the pause", resumed, 30, step=1)
    assert deployment.leader() is leader
    assert {n.name: n.postmaster_pid() for n in deployment.nodes} == servers


def test_a_reload_is_told_to_systemd(deployment):
    node = deployment.standbys()[0]
    pid = node.main_pid()
    node.systemctl("reload", "patroni")
    wait_for("active again", lambda: node.systemctl("is-active", "patroni").strip() == "active", 30)
    assert node.main_pid() == pid


def ask_through(address, port):
    conn = psycopg2.connect(host=address, port=port, user="postgres", password="superpassword", dbname="postgres", connect_timeout=3)
    with conn.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        return [cursor.fetchone()[0]]


def test_haproxy(deployment):
    deployment.play("haproxy.yml")
    address = deployment.machines.address(4)
    assert wait_for("the write port", lambda: ask_through(address, 5000), 30) == [False]
    assert wait_for("the read port", lambda: ask_through(address, 5001), 30) == [True]


VIP = """
[patroni_cluster_a1_haproxy]
{net}.3
[patroni_cluster_a1_haproxy:vars]
HAPROXY_VIP='{net}.100/24'
HAPROXY_VIP_INTERFACE=host0
"""


def test_an_address_that_moves_with_haproxy(deployment):
    deployment.write_inventory(more=VIP)
    deployment.play("haproxy.yml")
    _, output = deployment.play("haproxy.yml")
    assert deployment.changed(output) == 0, output[-4000:]
    machines, address = deployment.machines, f"{deployment.machines.net}.100"

    def has(k):
        return f"{address}/" in machines.exec(k, "ip", "-4", "addr", "show", "dev", "host0")
    assert wait_for("the write port of the address", lambda: ask_through(address, 5000), 30) == [False]
    wait_for("the address on one host", lambda: has(3) != has(4), 30)
    holder, other = (3, 4) if has(3) else (4, 3)
    machines.exec(holder, "systemctl", "stop", "haproxy")
    wait_for("the address on the other host", lambda: has(other) and not has(holder), 30)
    assert wait_for("the write port of the address", lambda: ask_through(address, 5000), 30) == [False]
    for k, units in ((3, ["keepalived", "haproxy"]), (4, ["keepalived"])):
        machines.exec(k, "systemctl", "disable", "--now", *units)
    machines.exec(4, "systemctl", "start", "haproxy")


FOURTH = """
[patroni_cluster_a1]
{net}.4 application_name=node34 node_id=4 clone_from='node31'
"""


def test_a_node_from_the_tarball(deployment):
    """As on a host of another distribution."""
    if not list((TREE / "build" / "portable" / "tarball").glob("*.tar.gz")):
        pytest.skip("`make tarball` has made none")
    kind = f" TAMADA_INSTALL=tarball TAMADA_PACKAGES={TREE}/build/portable/tarball"
    deployment.write_inventory(more=FOURTH.rstrip() + kind + "\n")
    fourth = deployment.machines.address(4)
    deployment.play("create_pgha_patroni.yml", "-l", fourth)
    assert "node34" in {m["name"] for m in deployment.cluster()}
    assert deployment.machines.sh(4, "readlink /proc/$(systemctl show -p MainPID --value patroni)/exe").strip() == "/usr/local/bin/tamada"
    _, output = deployment.play("create_pgha_patroni.yml", "-l", fourth)
    assert deployment.changed(output) == 0, output[-4000:]
    deployment.play("remove_node.yml", "-l", fourth)
    wait_for("three members", lambda: len(deployment.cluster()) == 3, 30)
    deployment.machines.sh(4, f"/var/cache/tamada/tamada-*/install.sh --patroni --remove; rm -rf /var/lib/postgresql/{POSTGRESQL}/main /var/cache/tamada")
    assert deployment.machines.sh(4, "ls -d /usr/local/bin/tamada /etc/systemd/system/patroni.service 2>/dev/null", check=False) == ""


def test_a_node_more_and_away_again(deployment):
    deployment.write_inventory(more=FOURTH)
    fourth = deployment.machines.address(4)
    deployment.play("create_pgha_patroni.yml", "-l", fourth)
    members = {m["name"]: m for m in deployment.cluster()}
    assert members["node34"]["tags"]["replicatefrom"] == "node31"
    upstream = wait_for("a stream from node31", lambda: deployment.nodes[0].sql(
        "select application_name from pg_stat_replication where application_name = 'node34'"), 30)
    assert upstream == [("node34",)], "the cascade that clone_from asks for"
    deployment.play("remove_node.yml", "-l", fourth)
    wait_for("three members", lambda: len(deployment.cluster()) == 3, 30)
    assert deployment.machines.sh(4, f"ls -d /var/lib/postgresql/{POSTGRESQL}/main/PG_VERSION"), "its data stays"


ANOTHER = """
[patroni_cluster_b1]
{net}.4 application_name=other1
[patroni_cluster_b1:vars]
PG_CLUSTER_NAME=pg_cluster002
ETCD_HOSTS='{net}.1:2379,{net}.2:2379,{net}.3:2379'
ETCD_NAME=etcd001
ETCD_USERNAME='etcd_user'
PG_VERSION={version}
PG_BIN=/usr/lib/postgresql/{version}/bin/
PG_DATA=/var/lib/postgresql/{version}/other
REP_USER='rep_user'
"""
SECRETS = "{ETCD_PASSWORD: etcd_password, SUP_PASSWORD: another_superpassword, REP_PASSWORD: another_rep_password}\n"


def test_another_cluster_on_the_same_etcd_with_its_passwords_in_a_vault(deployment):
    deployment.write_inventory(more=ANOTHER)
    variables, key = deployment.folder / "group_vars" / "patroni_cluster_b1.yml", deployment.folder / "vault"
    variables.parent.mkdir(exist_ok=True)
    variables.write_text(SECRETS)
    key.write_text("the vault's own password\n")
    run(["ansible-vault", "encrypt", "--vault-password-file", key, variables], timeout=60)
    assert "another_superpassword" not in variables.read_text()
    code, output = deployment.play("create_pgha_patroni.yml", server="patroni_cluster_b1", check=False)
    assert code != 0, "without the vault's password"
    _, output = deployment.play("create_pgha_patroni.yml", "--vault-password-file", key, server="patroni_cluster_b1")
    assert "another_superpassword" not in output
    fourth = Node(deployment, 4)
    members = deployment.ctl("list", "-f", "json", on=fourth)
    assert "other1" in members and "node31" not in members, members
    assert {m["name"] for m in deployment.cluster()} == {"node31", "node32", "node33"}
    keys = deployment.etcdctl("get", "--keys-only", "--prefix", "/service/")
    assert "/service/pg_cluster001/leader" in keys and "/service/pg_cluster002/leader" in keys
    fourth.systemctl("disable", "--now", "patroni")
    variables.unlink()


def test_a_member_more_for_etcd_and_away_again(deployment):
    deployment.write_inventory(more="[etcd001]\n{net}.4\n")
    deployment.play("create_etcd.yml", server="etcd001")
    assert deployment.etcdctl("member", "list").count("started") == 4
    deployment.etcdctl("endpoint", "health", "--cluster")
    _, output = deployment.play("create_etcd.yml", server="etcd001")
    assert deployment.changed(output) == 0, output[-4000:]
    member = next(line.split(",")[0] for line in deployment.etcdctl("member", "list").splitlines() if f"{deployment.machines.net}.4:" in line)
    deployment.etcdctl("member", "remove", member)
    deployment.machines.exec(4, "systemctl", "disable", "--now", "etcd")
    wait_for("three members", lambda: deployment.etcdctl("member", "list").count("started") == 3, 30)
