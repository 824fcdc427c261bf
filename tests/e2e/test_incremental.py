"""A replica is made anew by an incremental backup: what has changed comes from the leader, the rest from the data that the copy replaces."""
import os
import re

import facts
import pytest
from harness import wait_for
from harness.cluster import server_version

pytestmark = [pytest.mark.tamada, pytest.mark.skipif(server_version() < 17, reason="PostgreSQL has incremental backups from 17 on")]

MEGABYTES = 64   # of the table, about


@pytest.fixture
def filled(new_cluster):
    """(leader, standby) of a cluster with a table that is large beside what changes in it."""
    cluster = new_cluster(2)
    for node in cluster.nodes:
        node.config["bootstrap"]["dcs"]["postgresql"]["parameters"]["summarize_wal"] = "on"
        node.config["postgresql"] |= {"create_replica_methods": ["incremental", "basebackup"], "basebackup": [{"checkpoint": "fast"}]}
    cluster.up()
    leader, (standby,) = cluster.leader(), cluster.replicas()
    leader.sql("create table t (id int primary key, v text)", timeout=60)
    leader.sql(f"insert into t select g, repeat('x', 900) from generate_series(1, {MEGABYTES * 1000}) g", timeout=60)
    leader.sql("vacuum freeze t", timeout=60)   # with checksums, the first look at a row changes its block, which would be a change, too
    settle(leader, standby)
    return leader, standby


def settle(leader, standby):
    """Everything is on the standby's disk."""
    leader.sql("checkpoint", timeout=60)
    end = leader.sql("select pg_current_wal_lsn()")[0][0]
    wait_for("replay", lambda: standby.sql(f"select pg_last_wal_replay_lsn() >= '{end}'") == [(True,)], 60)
    standby.sql("checkpoint", timeout=60)


def change(leader, word):
    leader.sql(f"update t set v = '{word}' where id % 5000 = 0", timeout=60)
    leader.sql(f"create table {word} as select * from t where id < 1000; create index on {word} (id)", timeout=60)
    # The record of these changes ends here, so a copy that asked only for later ones would lack them.
    leader.sql("checkpoint", timeout=60)
    leader.sql("checkpoint", timeout=60)


def reinitialize(leader, standby):
    done = leader.cluster.ctl("reinit", leader.cluster.scope, standby.name, "--force", "--wait", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    leader.cluster.wait_healthy(120)


def contents(node):
    return node.sql("select count(*), sum(hashtext(v)::bigint) from t", timeout=60)


def sent(standby):
    """The sizes of its incremental backups in MB."""
    return [int(size) for size in re.findall(r"the incremental backup from n\d has (\d+) MB", standby.log(whole=True))]


def leftovers(standby):
    beside = [name for name in os.listdir(standby.cluster.root) if re.match(rf"{standby.name}[_.](\d{{4}}|incomplete|superseded)", name)]
    return beside + [name for name in os.listdir(standby.data) if name.startswith("pgsql_tmp")]


def is_sound(leader, standby):
    """The copy has the leader's rows, and its indexes fit its tables. Afterwards it leads, and its checksums are right."""
    cluster = leader.cluster
    settle(leader, standby)
    assert contents(standby) == contents(leader)
    wait_for("the replaced data to go", lambda: leftovers(standby) == [], 60)
    done = cluster.ctl("switchover", cluster.scope, "--candidate", standby.name, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    cluster.wait_healthy(60)
    facts.wait_writable(standby)
    standby.sql("create extension if not exists amcheck")
    standby.sql("select bt_index_check(indexrelid, true) from pg_index where indrelid = 't'::regclass", timeout=60)
    standby.stop()
    checked = standby.pg("pg_checksums", "--check", "-D", standby.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    standby.start()
    cluster.wait_healthy(60)


def test_reinit_reads_only_what_has_changed(filled):
    leader, standby = filled
    change(leader, "first")
    reinitialize(leader, standby)
    assert len(sent(standby)) == 1 and sent(standby)[0] < MEGABYTES / 2
    is_sound(leader, standby)
    # They have changed places, and are on timeline 2 or later: the WAL's history is proven, not only numbered.
    leader, standby = leader.cluster.leader(), leader.cluster.replicas()[0]
    settle(leader, standby)
    change(leader, "second")
    before = len(sent(standby))
    reinitialize(leader, standby)
    assert len(sent(standby)) == before + 1 and sent(standby)[-1] < MEGABYTES / 2
    is_sound(leader, standby)


def test_a_copy_that_was_cut_off_is_begun_again(filled):
    leader, standby = filled
    standby.config["postgresql"]["basebackup"] = [{"checkpoint": "fast"}, {"max-rate": "2M"}]
    standby.stop()
    standby.start()
    leader.cluster.wait_healthy(60)
    change(leader, "first")
    done = leader.cluster.ctl("reinit", leader.cluster.scope, standby.name, "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    increment = f"{standby.data}/pgsql_tmp_tamada/pgsql_tmp_increment"
    wait_for("the backup to come in", lambda: os.path.exists(f"{increment}/base"), 60)
    standby.kill_daemon()
    standby.config["postgresql"]["basebackup"] = [{"checkpoint": "fast"}]
    standby.start()
    leader.cluster.wait_healthy(120)
    assert len(sent(standby)) == 1
    is_sound(leader, standby)


def test_a_former_primary_is_copied_whole(filled):
    """It has a row that no other server has, so its blocks are not those of the cluster."""
    old, new = filled
    cluster = old.cluster
    cluster.configure(postgresql={"use_pg_rewind": False, "remove_data_directory_on_diverged_timelines": True})
    old.lose()
    cluster.wait_leader(other_than=old)
    facts.wait_writable(new)
    with facts.server_alone(old):
        old.sql("update t set v = 'only here' where id < 100")
        old.sql("checkpoint")
    old.start()
    cluster.wait_healthy(120)
    facts.wait_log(old, "Error creating replica using method incremental: the old data cannot be used: they are not those of a standby", 5)
    assert sent(old) == []
    is_sound(new, old)


def test_without_summaries_everything_is_copied(filled):
    leader, standby = filled
    leader.cluster.configure(postgresql={"parameters": {"summarize_wal": "off"}})
    wait_for("the setting", lambda: leader.sql("show summarize_wal") == [("off",)], 30)
    reinitialize(leader, standby)
    facts.wait_log(standby, f"Error creating replica using method incremental: the parameter summarize_wal is off on {leader}", 5)
    assert sent(standby) == []
    is_sound(leader, standby)
