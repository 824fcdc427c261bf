"""Recovery settings reach running standbys when they are added, changed and removed, and none is left on a primary."""
import json
import os
import signal

import pytest
import yaml

import facts
from harness import wait_for
from harness.cluster import server_version

pytestmark = pytest.mark.skipif(server_version() < 14, reason="before 14 PostgreSQL reads restore_command at its start alone: "
                                                              "test_each_version.py asks for what remains")
NAMES = ("restore_command", "archive_cleanup_command", "recovery_end_command", "recovery_min_apply_delay")


def running(node):
    return {name: node.sql(f"show {name}")[0][0] for name in NAMES}


def wait_running(node, timeout=20, **wanted):
    whole = {**dict.fromkeys(NAMES, ""), "recovery_min_apply_delay": "0", **wanted}
    wait_for(f"{wanted} in force on {node}", lambda: running(node) == whole, timeout)


def edit(cluster, *changes):
    done = cluster.ctl("edit-config", "--force", *changes, cluster.scope)
    assert done.returncode == 0, done.stdout + done.stderr


def test_given_changed_and_taken_away(cluster):
    leader, standbys = cluster.leader(), cluster.replicas()
    pids = {node: node.postmaster_pid() for node in standbys}
    edit(cluster, "-s", "postgresql.recovery_conf.restore_command=cp /nowhere/%f %p",
         "-s", "postgresql.recovery_conf.recovery_min_apply_delay=7s",
         "-s", "postgresql.recovery_conf.archive_cleanup_command=true %r")
    for node in standbys:
        wait_running(node, restore_command="cp /nowhere/%f %p", recovery_min_apply_delay="7s",
                     archive_cleanup_command="true %r")
    assert running(leader)["restore_command"] == "", "of standbys only"

    edit(cluster, "-s", "postgresql.recovery_conf.restore_command=cp /elsewhere/%f %p",
         "-s", "postgresql.recovery_conf.recovery_min_apply_delay=9s",
         "-s", "postgresql.recovery_conf.archive_cleanup_command=null",
         "-s", "postgresql.recovery_conf.recovery_target_timeline=1", "-s", "postgresql.recovery_conf.recovery_target=immediate")
    for node in standbys:
        wait_running(node, restore_command="cp /elsewhere/%f %p", recovery_min_apply_delay="9s")
        assert node.sql("show recovery_target_timeline") == [("latest",)], "where to recover to is not the operator's to say"
        assert node.sql("show recovery_target") == [("",)]

    edit(cluster, "-s", "postgresql.recovery_conf=null")
    for node in standbys:
        wait_running(node)
        assert node.sql("select name from pg_settings where pending_restart") == []
        assert node.postmaster_pid() == pids[node], "all of it by a reload"
        assert node.is_streaming_from(leader)


def test_given_among_the_other_parameters(cluster):
    standbys = cluster.replicas()
    edit(cluster, "-p", "restore_command=cp /nowhere/%f %p")
    for node in standbys:
        wait_running(node, restore_command="cp /nowhere/%f %p")
    edit(cluster, "-p", "restore_command=null")
    for node in standbys:
        wait_running(node)


@pytest.mark.tamada
def test_what_the_server_would_not_start_with_is_left_out(cluster):
    standby, trigger = cluster.replicas()[0], f"{cluster.root}/promote"
    change = {"postgresql": {"recovery_conf": {
        "recovery_min_apply_delay": "soon", "trigger_file": trigger, "standby_mode": "off", "work_mem": "1MB",
        "recovery_end_command": "true"}}}
    status, text = cluster.leader().api("/config", "PATCH", change)
    assert status == 400 and "recovery_min_apply_delay: 'soon' is no value for it" in text, text
    assert cluster.leader().api("/config?force=true", "PATCH", change)[0] == 200
    wait_running(standby, recovery_end_command="true")
    # The name that PostgreSQL 12 to 15 use; later versions do not have this parameter.
    assert standby.sql("select setting from pg_settings where name = 'promote_trigger_file'") == ([(trigger,)] if server_version() < 16 else [])
    facts.wait_log(standby, "Removing integer parameter=recovery_min_apply_delay")
    facts.wait_log(standby, "work_mem is no parameter of recovery")
    assert standby.api("/restart", "POST", {}, timeout=60)[0] == 200
    wait_running(standby, recovery_end_command="true")
    cluster.leader().configure({"postgresql": {"recovery_conf": None}})
    wait_running(standby)


def test_of_the_nodes_own_file(cluster):
    standby = cluster.replicas()[0]
    standby.config["postgresql"]["recovery_conf"] = {"restore_command": "cp /mine/%f %p"}
    with open(standby.config_file, "w") as f:
        yaml.safe_dump(standby.config, f, sort_keys=False)
    standby.signal(signal.SIGHUP)
    wait_running(standby, restore_command="cp /mine/%f %p")
    del standby.config["postgresql"]["recovery_conf"]
    with open(standby.config_file, "w") as f:
        yaml.safe_dump(standby.config, f, sort_keys=False)
    assert standby.api("/reload", "POST")[0] == 202
    wait_running(standby)


def test_written_while_nobody_loaded_it(cluster):
    """A daemon is killed after it has written the file and before it reloads the server. The next daemon finds nothing to write, but
    has to reload."""
    standby = cluster.replicas()[0]
    standby.kill_daemon()
    with open(f"{standby.data}/postgresql.conf") as f:
        text = f.read()
    with open(f"{standby.data}/postgresql.conf", "w") as f:
        f.write(text.replace("# recovery.conf\n", "# recovery.conf\narchive_cleanup_command = 'true'\n"))
    cluster.leader().configure({"postgresql": {"recovery_conf": {"archive_cleanup_command": "true"}}})
    standby.spawn()
    wait_running(standby, archive_cleanup_command="true")
    cluster.leader().configure({"postgresql": {"recovery_conf": None}})
    wait_running(standby)


def test_reload_is_always_postgresqls_too(cluster):
    """A requested reload also makes PostgreSQL read files that the daemon does not write, such as certificates and includes."""
    standby = cluster.replicas()[0]
    with open(f"{standby.data}/postgresql.base.conf", "a") as f:
        f.write("\nrecovery_min_apply_delay = '3s'\n")
    assert standby.api("/reload", "POST")[0] == 202
    wait_running(standby, recovery_min_apply_delay="3s")
    with open(f"{standby.data}/postgresql.base.conf", "a") as f:
        f.write("recovery_min_apply_delay = '0'\n")
    done = cluster.ctl("reload", "--force", cluster.scope, standby.name)
    assert done.returncode == 0, done.stderr
    wait_running(standby)


@pytest.mark.tamada   # Patroni checks this once in each loop_wait, as long as a standby follows
def test_by_alter_system_on_a_standby(cluster):
    standby = cluster.replicas()[0]
    standby.sql("alter system set recovery_min_apply_delay = '1h'")
    standby.sql("select pg_reload_conf()")
    wait_running(standby)
    assert "recovery_min_apply_delay" not in open(f"{standby.data}/postgresql.auto.conf").read()


def test_nothing_is_left_on_a_new_primary(cluster):
    edit(cluster, "-s", "postgresql.recovery_conf.restore_command=cp /nowhere/%f %p",
         "-s", "postgresql.recovery_conf.recovery_end_command=/bin/true")
    old, new = cluster.leader(), cluster.replicas()[0]
    wait_running(new, restore_command="cp /nowhere/%f %p", recovery_end_command="/bin/true")
    assert cluster.ctl("switchover", "--force", "--candidate", new.name, cluster.scope, timeout=90).returncode == 0
    wait_for(f"{new} to lead", new.is_primary, 30)
    wait_running(new)
    text = open(f"{new.data}/postgresql.conf").read()
    assert "restore_command" not in text and "recovery" not in text, text
    wait_running(old, 40, restore_command="cp /nowhere/%f %p", recovery_end_command="/bin/true")
    edit(cluster, "-s", "postgresql.recovery_conf=null")
    wait_running(old)
    for node in cluster.nodes:
        record = json.loads(cluster.keys()[f"members/{node.name}"])
        assert "pending_restart" not in record, record
        assert not os.path.exists(f"{node.data}/recovery.conf")
