"""Tests Debian's pgBackRest and Barman with our cluster, as docs/compatibility.md describes it. They are skipped if the programs are
not installed (packages-backup.txt)."""
import os
import shutil
import signal

import pytest

from harness import processes, wait_for

pytestmark = pytest.mark.tamada


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed (packages-backup.txt)")


def run(cluster, *argv, timeout=120):
    done = processes.run(argv, cluster.root, timeout=timeout)
    assert done.returncode == 0, (argv, done.stdout + done.stderr)
    return done.stdout


def make_rows(node, n):
    node.sql("CREATE TABLE IF NOT EXISTS kept (n int)")
    node.sql(f"INSERT INTO kept SELECT generate_series(1, {n})")


def rows(node):
    return node.sql("SELECT count(*) FROM kept")[0][0]


def with_pgbackrest(cluster):
    """Returns each node's command line. All members use one stanza."""
    tools = {}
    repo = f"{cluster.root}/repo"
    os.mkdir(repo)
    shutil.chown(repo, *(["postgres", "postgres"] if os.getuid() == 0 else [os.getuid(), os.getgid()]))
    for i, node in enumerate(cluster.nodes):
        conf = f"{cluster.root}/pgbackrest{i}.conf"
        with open(conf, "w") as f:
            f.write(f"""[global]
repo1-path={repo}
lock-path={cluster.root}/lock{i}
log-level-file=off
log-level-console=warn
start-fast=y
archive-timeout=20
[a1]
pg1-path={node.data}
pg1-port={node.pg_port}
pg1-socket-path={cluster.root}
pg1-user=postgres
""")
        tool = tools[node] = f"pgbackrest --config={conf} --stanza=a1"
        node.config["postgresql"]["parameters"]["archive_command"] = f"{tool} archive-push %p"
        node.config["postgresql"] |= {
            "create_replica_methods": ["pgbackrest", "basebackup"],
            "pgbackrest": {"command": f"{tool} --delta restore", "keep_data": True, "no_params": True},
            "recovery_conf": {"restore_command": f'{tool} archive-get %f "%p"'}}
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"]["archive_mode"] = "on"
    return tools


@needs("pgbackrest")
def test_pgbackrest_archives_backs_up_and_restores(new_cluster):
    """Each node archives while it leads. The leader is backed up, a standby is made from the backup, a switchover follows, and
    the cluster is restored to a point in time as docs/operations.md describes."""
    cluster = new_cluster(2)
    tools = with_pgbackrest(cluster)
    first, second = cluster.nodes
    cluster.etcd.start()
    first.start()
    wait_for("the primary", first.is_primary, 60)
    run(cluster, *tools[first].split(), "stanza-create")
    run(cluster, *tools[first].split(), "check")
    make_rows(first, 1000)
    run(cluster, *tools[first].split(), "backup", "--type=full")

    second.start()
    wait_for("the standby", lambda: second.is_streaming_from(first), 120)
    assert "replica has been created using pgbackrest" in second.log(), second.log()
    assert rows(second) == 1000

    assert cluster.ctl("switchover", "--candidate", second.name, "--force").returncode == 0
    wait_for("the new primary", second.is_primary, 60)
    wait_for("the old one as a standby", lambda: first.is_streaming_from(second), 60)
    make_rows(second, 500)
    run(cluster, *tools[second].split(), "check")   # the new timeline must be archived
    run(cluster, *tools[second].split(), "backup", "--type=incr")
    assert second.sql("SELECT failed_count FROM pg_stat_archiver")[0][0] == 0
    assert all("problems" not in node.status() for node in cluster.nodes)

    second.sql("SELECT pg_create_restore_point('good')")
    second.sql("DELETE FROM kept")
    second.sql("SELECT pg_switch_wal()")
    for node in (first, second):
        node.stop()
        os.rename(node.data, f"{node.data}.before")
    run(cluster, *tools[first].split(), "restore", "--type=name", "--target=good", "--target-action=promote")
    # The backup contains the configuration of the node that was backed up. Nodes with equal paths would need no options.
    own = f"-c port={first.pg_port} -c hba_file={first.data}/pg_hba.conf -c ident_file={first.data}/pg_ident.conf -c archive_mode=off"
    done = first.pg("pg_ctl", "start", "-w", "-D", first.data, "-o", own, "-l", f"{cluster.root}/recovery.log")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the promotion", lambda: first.sql("SELECT NOT pg_is_in_recovery()") == [(True,)], 60)
    assert first.pg("pg_ctl", "stop", "-w", "-D", first.data).returncode == 0
    with cluster.terminal("remove", cluster.scope) as terminal:
        terminal.expect("confirm the cluster name to remove: ").line(cluster.scope)
        terminal.expect('"Yes I am aware": ').line("Yes I am aware")
        assert terminal.end() == 0, terminal.shown
    first.start()
    # The restored data directory contains the list of members, and none of those members answers.
    wait_for("the question", lambda: "all keys in the DCS are gone" in first.log(), 60)
    done = cluster.ctl("failover", "--candidate", first.name, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("the primary", first.is_primary, 60)
    assert rows(first) == 1500
    # Without a new backup the copy would replay the abandoned WAL, which is archived, too.
    run(cluster, *tools[first].split(), "backup", "--type=full")
    second.start()
    wait_for("the standby", lambda: second.is_streaming_from(first), 120)
    assert rows(second) == 1500


@needs("barman")
def test_barman_streams_through_a_switchover(new_cluster):
    """Barman's slot is permanent, so the new primary has it, too. Barman finds the primary by its list of hosts."""
    cluster = new_cluster(2, dcs={"slots": {"barman": {"type": "physical"}}})
    cluster.up()
    old = cluster.leader()
    (other,) = cluster.replicas()
    hosts = f"host=127.0.0.1,127.0.0.1 port={cluster.nodes[0].pg_port},{cluster.nodes[1].pg_port} target_session_attrs=read-write"
    conf, home = f"{cluster.root}/barman.conf", f"{cluster.root}/barman"
    os.makedirs(f"{home}/conf.d")
    with open(f"{home}/pgpass", "w") as f:
        f.write("*:*:*:postgres:su\n*:*:*:replicator:rep\n")
    os.chmod(f"{home}/pgpass", 0o600)
    me = "postgres" if os.getuid() == 0 else processes.run(["id", "-un"], cluster.root).stdout.strip()
    if os.getuid() == 0:
        for path in (home, f"{home}/conf.d", f"{home}/pgpass"):
            shutil.chown(path, me, me)
    with open(conf, "w") as f:
        f.write(f"""[barman]
barman_user = {me}
barman_home = {home}
barman_lock_directory = {home}
configuration_files_directory = {home}/conf.d
log_file = {home}/barman.log
[demo]
description = demo
conninfo = {hosts} user=postgres dbname=postgres passfile={home}/pgpass
streaming_conninfo = {hosts} user=replicator passfile={home}/pgpass
backup_method = postgres
streaming_archiver = on
slot_name = barman
path_prefix = {os.path.dirname(cluster.nodes[0].config["postgresql"]["bin_dir"])}/bin
immediate_checkpoint = true
""")

    def barman(*args, timeout=120):
        return run(cluster, "barman", "-c", conf, *args, timeout=timeout)

    def start_receiver():
        log = open(f"{home}/receiver.log", "a")
        return processes.spawn(["barman", "-c", conf, "receive-wal", "demo"], log, cluster.root)

    def slot_is_read(node):
        return node.sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'barman'") == [(True,)]

    receiver = start_receiver()
    try:
        wait_for("the receiver", lambda: slot_is_read(old), 60)
        barman("switch-wal", "--archive", "--force", "demo")
        barman("check", "demo")
        make_rows(old, 1000)
        barman("backup", "--wait", "demo")

        assert cluster.ctl("switchover", "--candidate", other.name, "--force").returncode == 0
        wait_for("the new primary", other.is_primary, 60)
        wait_for("the receiver's end", lambda: receiver.poll() is not None, 60)
        receiver = start_receiver()   # barman's cron job does this each minute
        wait_for("the receiver at the new primary", lambda: slot_is_read(other), 60)
        make_rows(other, 500)
        barman("switch-wal", "--archive", "--force", "demo")
        barman("check", "demo")
        barman("recover", "demo", "latest", f"{home}/restored")
        names = os.listdir(f"{home}/demo/wals") if os.path.isdir(f"{home}/demo/wals") else []
        assert any(name.endswith("00000002.history") or name.startswith("00000002") for name in names), names
        assert "slots" not in {one["kind"] for node in cluster.nodes for one in node.status().get("problems", [])}
    finally:
        if receiver.poll() is None:
            processes.send(receiver.pid, signal.SIGINT)
            receiver.wait(30)
