"""From an inventory to a running cluster, with the commands of the seed."""
import psycopg2

from harness import wait_for


def test_all_mistakes_are_told_at_once(deployment):
    deployment.write_inventory(replace={"node_id=1": "node_id=1 is_leader=true", f"ttl={deployment.times['ttl']}": "ttl=2",
                                        "SUP_PASSWORD='superpassword'": "", "application_name=node32": "application_name='node 32'",
                                        "PG_VERSION=15": "PG_VERSION=99", "15/bin": "99/bin"})
    try:
        code, output = deployment.play("create_pgha_patroni.yml", "-C", check=False)
    finally:
        deployment.write_inventory()
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
        assert deployment.machines.sh(node.k, "ls -d /etc/patroni /usr/bin/tamada /var/lib/postgresql/15 2>/dev/null", check=False) == ""


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

    def resumed():   # a daemon that has just started may not know yet that there is a pause to end
        deployment.ctl("resume", "--wait", check=False)
        return "pause: true" not in deployment.ctl("show-config")
    wait_for("the end of the pause", resumed, 30, step=1)
    assert deployment.leader() is leader
    assert {n.name: n.postmaster_pid() for n in deployment.nodes} == servers


def test_a_reload_is_told_to_systemd(deployment):
    node = deployment.standbys()[0]
    pid = node.main_pid()
    node.systemctl("reload", "patroni")
    wait_for("active again", lambda: node.systemctl("is-active", "patroni").strip() == "active", 10)
    assert node.main_pid() == pid


def test_haproxy(deployment):
    deployment.play("haproxy.yml")
    def ask(port):
        conn = psycopg2.connect(host=deployment.machines.address(4), port=port, user="postgres", password="superpassword",
                                dbname="postgres", connect_timeout=3)
        with conn.cursor() as cursor:
            cursor.execute("select pg_is_in_recovery()")
            return [cursor.fetchone()[0]]
    assert wait_for("the write port", lambda: ask(5000), 20) == [False]
    assert wait_for("the read port", lambda: ask(5001), 20) == [True]


def test_a_node_more_and_away_again(deployment):
    deployment.write_inventory(fourth=True)
    fourth = deployment.machines.address(4)
    deployment.play("create_pgha_patroni.yml", "-l", fourth)
    members = {m["name"]: m for m in deployment.cluster()}
    assert members["node34"]["tags"]["replicatefrom"] == "node31"
    upstream = wait_for("a stream from node31", lambda: deployment.nodes[0].sql(
        "select application_name from pg_stat_replication where application_name = 'node34'"), 30)
    assert upstream == [("node34",)], "the cascade that clone_from asks for"
    deployment.play("remove_node.yml", "-l", fourth)
    wait_for("three members", lambda: len(deployment.cluster()) == 3, 30)
    assert deployment.machines.sh(4, "ls -d /var/lib/postgresql/15/main/PG_VERSION"), "its data stays"
    deployment.write_inventory()
