"""A member whose history has diverged, and pg_rewind that cannot mend it: what is there is kept until it can be mended,
or somebody consents to a copy."""
import os

import facts
import pytest
from harness import wait_for
from harness.cluster import postgres_bin

pytestmark = pytest.mark.tamada

STAT = "pg_catalog.pg_stat_file(text, boolean)"


def diverge(cluster):
    """(the old primary, stopped, with a row that nobody else has; the new one)"""
    old = cluster.leader()
    old.sql("create table t(v text)")
    (standby,) = cluster.replicas()
    wait_for("the table on the standby", lambda: standby.sql("select to_regclass('t')") == [("t",)], 20)
    old.lose()
    new = cluster.wait_leader(other_than=old)
    facts.wait_writable(new)
    assert old.pg("pg_ctl", "start", "-w", "-D", old.data, "-l", f"{cluster.root}/alone.log",
                  "-o", f"-p {old.pg_port} -c listen_addresses=127.0.0.1").returncode == 0
    old.sql("insert into t values ('only here')")
    old.sql("checkpoint")
    assert old.pg("pg_ctl", "stop", "-w", "-m", "fast", "-D", old.data).returncode == 0
    return old, new


def copies_of(node):
    return [name for name in os.listdir(node.cluster.root) if name.startswith(f"{node.name}_")]


def has_the_row(node):
    """Read by a server that is started for it and that the daemon knows nothing of."""
    started = node.pg("pg_ctl", "start", "-w", "-D", node.data, "-l", f"{node.cluster.root}/looked.log",
                      "-o", f"-p {node.pg_port} -c listen_addresses=127.0.0.1")
    assert started.returncode == 0, started.stdout
    try:
        return facts.has_row(node, "t", "only here")
    finally:
        node.pg("pg_ctl", "stop", "-w", "-m", "fast", "-D", node.data)


def test_missing_grant_is_named_and_costs_no_data(new_cluster):
    cluster = new_cluster(2)
    cluster.up()
    cluster.leader().sql(f"revoke execute on function {STAT} from rewind_user")
    assert cluster.ctl("doctor", node=cluster.leader()).stdout.count(f"GRANT EXECUTE ON FUNCTION {STAT} TO rewind_user") == 1
    old, new = diverge(cluster)
    old.start()
    grant = f"GRANT EXECUTE ON FUNCTION {STAT} TO rewind_user"
    facts.wait_log(old, grant, 60)
    assert copies_of(old) == [] and not os.path.exists(f"{old.data}.incomplete")
    assert "pg_rewind exit code" not in old.log()
    old.kill_daemon()
    assert has_the_row(old)

    new.sql(grant)
    old.start()
    assert cluster.wait_healthy(60) is new
    assert "pg_rewind exit code=0" in old.log()
    assert copies_of(old) == []


def programs(cluster, script):
    """A bin_dir like the real one, in which pg_rewind is this script."""
    folder = f"{cluster.root}/programs"
    if not os.path.exists(folder):
        os.mkdir(folder)
        for program in os.listdir(postgres_bin()):
            os.symlink(f"{postgres_bin()}/{program}", f"{folder}/{program}")
    os.unlink(f"{folder}/pg_rewind")
    with open(f"{folder}/pg_rewind", "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(f"{folder}/pg_rewind", 0o755)
    return folder


@pytest.fixture
def diverged(new_cluster):
    cluster = new_cluster(2)
    old = cluster.nodes[0]
    old.config["postgresql"]["bin_dir"] = programs(cluster, "exit 1\n")
    cluster.up()
    return (cluster, *diverge(cluster))


SAYS = "echo pg_rewind: rewinding from last common checkpoint at 0/3000060 on timeline 1\n"


def test_failure_before_the_first_change_keeps_the_data(diverged):
    cluster, old, new = diverged
    programs(cluster, SAYS + "echo pg_rewind: error: could not fetch file list; exit 1\n")
    old.start()
    facts.wait_log(old, "(it changed nothing)", 60)
    facts.wait_log(old, "starting as a secondary although the timeline has diverged", 30)
    assert copies_of(old) == [] and not os.path.exists(f"{old.data}.incomplete")
