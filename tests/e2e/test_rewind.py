"""A member's history has diverged and pg_rewind cannot repair it. The data are kept until they can be repaired or an operator
consents to a copy."""
import json
import os

import facts
import pytest
from harness import wait_for
from harness.cluster import postgres_bin

pytestmark = pytest.mark.tamada

STAT = "pg_catalog.pg_stat_file(text, boolean)"


def diverge(cluster):
    """(the old primary, stopped, with a row that no other node has; the new primary)"""
    old = cluster.leader()
    old.sql("create table t(v text)")
    (standby,) = cluster.replicas()
    wait_for("the table on the standby", lambda: standby.sql("select to_regclass('t')") == [("t",)], 20)
    old.lose()
    new = cluster.wait_leader(other_than=old)
    facts.wait_writable(new)
    with facts.server_alone(old):
        old.sql("insert into t values ('only here')")
        old.sql("checkpoint")
    return old, new


def copies_of(node):
    return [name for name in os.listdir(node.cluster.root) if name.startswith(f"{node.name}_")]


def has_the_row(node):
    """Whether the node has the row. This function starts the server without the daemon to read it."""
    with facts.server_alone(node):
        return facts.has_row(node, "t", "only here")


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
    assert [grant in one["text"] for one in old.status()["problems"] if one["kind"] == "rewind"] == [True]
    assert f"{old}: pg_rewind failed " in cluster.ctl("doctor", node=new).stdout
    wait_for("the list to tell", lambda: f" ! {old}: pg_rewind failed " in cluster.ctl("list", node=new).stdout, 20)
    old.stop()
    assert has_the_row(old)

    old.start()
    facts.wait_log(old, "pg_rewind failed 3 times, it is tried again", 60)
    assert old.log().count(grant) < 20, "told once, then at each heartbeat"
    for told in (cluster.ctl("list").stdout, cluster.ctl("explain", cluster.scope, old.name).stdout,
                 json.dumps(old.status())):
        assert grant in told
    new.sql(grant)
    assert cluster.wait_healthy(60) is new   # the daemon needs no restart
    assert "pg_rewind exit code=0" in old.log()
    assert copies_of(old) == []


@pytest.fixture
def diverged(new_cluster):
    cluster = new_cluster(2)
    old = cluster.nodes[0]
    old.config["postgresql"]["bin_dir"] = facts.programs_with(cluster, "pg_rewind", "exit 1\n")
    cluster.up()
    return (cluster, *diverge(cluster))


SAYS = "echo pg_rewind: rewinding from last common checkpoint at 0/3000060 on timeline 1\n"


def test_failure_before_the_first_change_keeps_the_data(diverged):
    cluster, old, new = diverged
    facts.programs_with(cluster, "pg_rewind", SAYS + "echo pg_rewind: error: could not fetch file list; exit 1\n")
    old.start()
    facts.wait_log(old, "(it changed nothing)", 60)
    facts.wait_log(old, "starting as a secondary although the timeline has diverged", 30)
    assert copies_of(old) == [] and not os.path.exists(f"{old.data}.incomplete")


HALF = "the data directory is half rewound"


@pytest.fixture
def half_rewound(new_cluster):
    """pg_rewind fails in the middle, because it may not write one file."""
    cluster = new_cluster(2)
    cluster.up()
    old, new = diverge(cluster)
    os.chmod(f"{old.data}/pg_xact/0000", 0o400)
    old.start()
    facts.wait_log(old, HALF, 60)
    os.chmod(f"{old.data}/pg_xact/0000", 0o600)
    return cluster, old, new


def files_of(node):
    """A fingerprint without our copy of the configuration."""
    return {name: seen for name, seen in facts.fingerprint(node.data).items() if not name.startswith("patroni.dynamic.json")}


def wait_heartbeats(node, count):
    before = node.log().count(HALF)
    wait_for("heartbeats", lambda: node.log().count(HALF) >= before + count, 60)


def test_half_rewound_data_are_kept(half_rewound):
    cluster, old, new = half_rewound
    before = files_of(old)
    wait_heartbeats(old, 2)
    assert old.log().count("pg_rewind exit code") == 1
    for told in (cluster.ctl("list").stdout, cluster.ctl("explain", cluster.scope, old.name).stdout,
                 json.dumps(old.status())):
        assert HALF in told and "pg_xact/0000" in told and "reinit" in told

    old.kill_daemon()
    old.start()
    facts.wait_log(old, HALF, 60)
    wait_heartbeats(old, 2)
    assert "pg_xact/0000" in json.dumps(old.status())
    assert "running pg_rewind" not in old.log() and old.postmaster_pid() is None
    assert copies_of(old) == [] and files_of(old) == before
    assert cluster.leader() is new

    assert cluster.ctl("reinit", cluster.scope, old.name, "--force", "--wait").returncode == 0
    assert cluster.wait_healthy(60) is new


def test_half_rewound_data_give_way_where_the_setting_says_so(half_rewound):
    cluster, old, new = half_rewound
    old.configure({"postgresql": {"remove_data_directory_on_rewind_failure": True}})
    facts.wait_log(old, "is set aside", 60)
    assert cluster.wait_healthy(60) is new


def test_interrupted_before_the_first_change(diverged):
    cluster, old, new = diverged
    begun = f"{cluster.root}/begun"
    facts.programs_with(cluster, "pg_rewind", f"touch {begun}; exec sleep 600\n")
    old.start()
    wait_for("pg_rewind to run", lambda: os.path.exists(begun), 60)
    old.stop()
    assert not os.path.exists(f"{old.data}.incomplete")

    os.unlink(begun)
    old.start()
    wait_for("pg_rewind to run", lambda: os.path.exists(begun), 60)
    old.lose()
    assert os.path.exists(f"{old.data}.incomplete")
    facts.programs_with(cluster, "pg_rewind", f'exec {postgres_bin()}/pg_rewind "$@"\n')
    old.start()
    assert cluster.wait_healthy(60) is new
    assert "interrupted before it had changed anything" in old.log() and "pg_rewind exit code=0" in old.log()
    assert copies_of(old) == []
