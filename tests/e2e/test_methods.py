"""An operator's programs create clusters and replicas: from a backup, up to a point in time, with or without a leader."""
import os

import pytest

import facts
from harness import processes, wait_for
from harness.cluster import postgres_bin


def script(cluster, name, body):
    path = f"{cluster.root}/{name}"
    with open(path, "w") as f:
        f.write("#!/bin/sh\nset -e\n" + body)
    os.chmod(path, 0o755)
    return path


# Finds --datadir among the arguments and records all of them.
ARGUMENTS = """echo "$@" >> {root}/calls
for argument; do case $argument in
  --datadir=*) datadir=${{argument#--datadir=}};;
  --connstring=*) connstring=${{argument#--connstring=}};;
esac; done
"""


def calls(cluster):
    with open(f"{cluster.root}/calls") as f:
        return f.read().splitlines()


@pytest.fixture
def backed_up(new_cluster):
    """A cluster with an archive, a backup, and a row that was written after the backup had ended."""
    cluster = new_cluster(n=1)
    archive = f"{cluster.root}/archive"
    cluster.nodes[0].config["bootstrap"]["dcs"]["postgresql"]["parameters"].update(
        {"archive_mode": "on", "archive_command": f"mkdir -p {archive} && cp %p {archive}/%f"})
    cluster.up()
    node = cluster.nodes[0]
    node.sql("create table t(v text); insert into t values ('before')")
    done = node.pg("pg_basebackup", "-D", f"{cluster.root}/backup", "-c", "fast", "-d",
                   f"host=127.0.0.1 port={node.pg_port} user=postgres")
    assert done.returncode == 0, done.stderr
    node.sql("insert into t values ('after')")
    node.sql("select pg_create_restore_point('here')")
    node.sql("insert into t values ('too late')")
    last = node.sql("select pg_walfile_name(pg_switch_wal())")[0][0]
    wait_for("the archive", lambda: os.path.exists(f"{archive}/{last}"), 30)
    return cluster, archive


@pytest.mark.tamada
def test_restored_to_a_point_then_replicas_by_methods(backed_up, new_cluster):
    source, archive = backed_up
    cluster = new_cluster(n=3, scope="restored")
    body = ARGUMENTS.format(root=cluster.root)
    restore = script(cluster, "restore", body + f'cp -r {source.root}/backup/. "$datadir"\n')
    first, second, third = cluster.nodes
    first.config["bootstrap"].update({
        "method": "from_backup",
        "from_backup": {"command": f"{restore} --first", "stanza": "main", "recovery_conf": {
            "restore_command": f"cp {archive}/%f %p", "recovery_target_name": "here",
            "recovery_target_action": "promote", "recovery_target_timeline": "latest"}},
        "post_bootstrap": script(cluster, "post", f'{postgres_bin()}/psql "$1" -c "create table made(v text)"\n')})
    cluster.etcd.start()
    first.start()
    wait_for("the restored cluster", first.is_primary, 60)
    assert calls(cluster) == [f"--first --scope=restored --datadir={first.data} --stanza=main"]
    assert {v for v, in first.sql("select v from t")} == {"before", "after"}
    assert first.sql("select count(*) from made") == [(0,)]
    assert facts.timeline(first) == 2
    assert first.system_identifier() == source.nodes[0].system_identifier()
    with open(f"{first.data}/pg_hba.conf") as f:
        assert "samehost" not in f.read()
    assert not os.path.exists(f"{first.data}/recovery.signal")
    with open(f"{first.data}/postgresql.conf") as f:
        assert "recovery_target" not in f.read()

    # The first method fails and the second one succeeds, so pg_basebackup is not used.
    copy = script(cluster, "copy", body + f'{postgres_bin()}/pg_basebackup -D "$datadir" -X stream -c fast -d "$connstring"\n')
    second.config["postgresql"].update({
        "create_replica_methods": ["broken", "copied", "basebackup"],
        "broken": {"command": "/bin/false"}, "copied": {"command": copy, "stanza": "main"}})
    second.start()
    wait_for("a replica by its own method", second.is_replica, 60)
    assert calls(cluster)[1].startswith(f"--stanza=main --scope=restored --role=replica --datadir={second.data} --connstring=")
    assert "replica has been created using copied" in second.log()

    # A replica made from the backup without a leader waits for the leader and then follows it.
    first.stop()
    second.stop()
    third.config["postgresql"].update({
        "create_replica_methods": ["no_leader"], "recovery_conf": {"restore_command": f"cp {archive}/%f %p"},
        "no_leader": {"command": script(cluster, "again", f'echo "$@" >> {cluster.root}/calls\n'
                                        f"cp -r {source.root}/backup {third.data}\n"),
                      "no_leader": True, "no_params": True, "stanza": "main"}})
    third.config["tags"]["nofailover"] = True
    third.start()
    wait_for("a replica without a leader", lambda: third.status()["state"] == "running", 60)
    assert "trying to bootstrap (without leader)" in third.log()
    assert calls(cluster)[2] == "--stanza=main"


@pytest.mark.tamada
def test_a_method_that_fails_leaves_no_cluster(new_cluster):
    cluster = new_cluster(n=1)
    node = cluster.nodes[0]
    node.config["bootstrap"].update({"method": "broken", "broken": {"command": "/bin/false"}})
    cluster.etcd.start()
    node.start()
    node.proc.wait(30)
    assert node.proc.returncode != 0
    assert "initialize" not in cluster.keys()
    assert not processes.alive(node.postmaster_pid())


@pytest.mark.tamada
def test_a_custom_bootstrap_is_told_while_it_runs(new_cluster):
    cluster = new_cluster(n=1)
    node, go = cluster.nodes[0], f"{cluster.root}/go"
    body = ARGUMENTS.format(root=cluster.root)
    make = script(cluster, "make", body + f'while ! test -e {go}; do sleep 0.05; done\n'
                  f'{postgres_bin()}/initdb -D "$datadir" --no-sync -U postgres >/dev/null\n')
    node.config["bootstrap"].update({"method": "made", "made": {"command": make}})
    cluster.etcd.start()
    node.start()
    wait_for("the program", lambda: node.status()["state"] == "running custom bootstrap script", 30)
    assert not node.is_healthy("/readiness") and not node.is_primary()
    with open(go, "w"):
        pass
    wait_for("the cluster that it made", node.is_primary, 60)
    assert node.status()["state"] == "running"


@pytest.mark.tamada
def test_a_method_that_keeps_data_gets_what_is_left(new_cluster):
    """With reinitialize, too, a method may keep the existing files and copy only the differences."""
    cluster = new_cluster(n=2)
    first, second = cluster.nodes
    found = f"{cluster.root}/found"
    body = ARGUMENTS.format(root=cluster.root) + f'test -e "$datadir/PG_VERSION" && echo kept >> {found} || echo none >> {found}\n'
    copy = script(cluster, "copy", body + 'find "$datadir" -mindepth 1 -delete 2>/dev/null || true\n'
                  f'{postgres_bin()}/pg_basebackup -D "$datadir" -X stream -c fast -d "$connstring"\n')
    second.config["postgresql"].update({"create_replica_methods": ["delta"], "delta": {"command": copy, "keep_data": True}})
    cluster.up()
    first.sql("create table t(v text); insert into t values ('one')")
    done = cluster.ctl("reinit", "demo", second.name, "--force", "--wait", timeout=120)
    assert done.returncode == 0, done.stderr
    cluster.wait_healthy(60)
    wait_for("the row", lambda: second.sql("select v from t") == [("one",)], 30)
    with open(found) as f:
        assert f.read().split() == ["none", "kept"]
