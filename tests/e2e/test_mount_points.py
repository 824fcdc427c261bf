"""A data directory, a WAL directory and a tablespace are mount points: they stay in place, and only their content is moved."""
import os
import signal

import pytest

from harness import processes, wait_for
from harness.cluster import postgres_bin, server_version
from mounts import folder, give

pytestmark = pytest.mark.tamada   # Patroni empties the data directory in place, and leaves files of a killed pg_basebackup in the other places

HOLDER = "pgsql_tmp_tamada"


@pytest.fixture
def with_tablespace(mount, new_cluster):   # this order of the fixtures unmounts after the servers have ended
    """A primary with a table in a tablespace. The replica is not started yet and has another place for the tablespace."""
    cluster = new_cluster(n=2)
    cluster.etcd.start()
    primary, replica = cluster.nodes
    primary.start()
    wait_for("a first primary", primary.is_primary, 120)
    space = folder(f"{cluster.root}/space of {primary}")
    primary.sql(f"create tablespace space location '{space}'")
    primary.sql("create table t(v text) tablespace space; insert into t values ('before')")
    places = {"wal": f"{cluster.root}/wal of {replica}", "space": f"{cluster.root}/space of {replica}"}
    replica.config["postgresql"]["basebackup"] = [{"checkpoint": "fast"}, {"waldir": places["wal"]},
                                                  {"tablespace-mapping": f"{space}={places['space']}"}]
    return cluster, primary, replica, places


def made(replica):
    return os.stat(f"{replica.data}/PG_VERSION").st_ctime_ns


def leftovers(cluster, replica, places):
    """Paths that must be gone after a copy has replaced the data."""
    found = [name for name in os.listdir(cluster.root) if name.startswith((f"{replica}_", f"wal of {replica}_", f"space of {replica}_"))]
    found += [f"{replica}.superseded"] if os.path.exists(f"{replica.data}.superseded") else []
    return found + [place for place in (replica.data, *places.values()) if os.path.exists(f"{place}/{HOLDER}")]


@pytest.mark.parametrize("mounted", ["data", "wal", "space", "data,wal,space", "all by links"])
def test_reinit(with_tablespace, mount, mounted):
    cluster, primary, replica, places = with_tablespace
    linked = mounted == "all by links"
    for name, path in {"data": replica.data, **places}.items():
        if linked:
            os.symlink(mount(f"{cluster.root}/disk of {name}"), path)
        elif name in mounted.split(","):
            mount(path)
    replica.start()
    cluster.wait_healthy(60)
    assert replica.sql("select v from t") == [("before",)]
    before = made(replica)
    done = cluster.ctl("reinit", cluster.scope, replica.name, "--force", "--wait", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.wait_healthy(90) is primary
    assert made(replica) != before, "the old data were started again"
    assert replica.sql("select v from t") == [("before",)]
    assert os.readlink(f"{replica.data}/pg_wal") == places["wal"]
    assert [os.readlink(f.path) for f in os.scandir(f"{replica.data}/pg_tblspc")] == [places["space"]]
    for name, path in {"data": replica.data, **places}.items():
        assert os.path.islink(path) == linked and os.path.ismount(os.path.realpath(path)) == (linked or name in mounted.split(","))
    wait_for("the old data to go", lambda: leftovers(cluster, replica, places) == [], 30)


def test_copy_killed(with_tablespace, mount):
    cluster, primary, replica, places = with_tablespace
    mount(places["space"])
    replica.config["postgresql"]["basebackup"].append({"max-rate": "2M"})
    replica.start()

    def copying():
        return [p for p in processes.working_in(cluster.root) if processes.name(p) == "pg_basebackup"]
    wait_for("pg_basebackup at work", lambda: copying() and os.path.exists(f"{replica.data}/base/1"), 60)
    replica.kill_daemon()
    for pid in copying():
        processes.send(pid, signal.SIGKILL)
    assert os.listdir(places["wal"]), "it was to be killed in the middle"
    replica.config["postgresql"]["basebackup"].pop()
    replica.start()
    assert cluster.wait_healthy(90) is primary
    assert replica.sql("select v from t") == [("before",)]
    assert leftovers(cluster, replica, places) == []


def test_a_wal_directory_of_unknown_origin_is_left_alone(with_tablespace):
    cluster, primary, replica, places = with_tablespace
    folder(places["wal"])
    with open(f"{places['wal']}/precious", "w") as f:
        f.write("of somebody")
    replica.start()
    wait_for("the reason in the log", lambda: "holds precious, which no copy of this node left there" in replica.log(), 30)
    wait_for("more tries", lambda: replica.log().count("trying to bootstrap") > 3 or cluster.dcs["loop_wait"] > 1, 30)
    assert os.path.exists(f"{places['wal']}/precious")
    assert replica.log().count("ERROR: Error creating replica using method") == 1, "said once, not at each try"
    os.remove(f"{places['wal']}/precious")
    assert cluster.wait_healthy(60) is primary


def test_daemon_killed_while_it_sets_aside(with_tablespace, mount):
    cluster, primary, replica, places = with_tablespace
    mount(replica.data)
    replica.start()
    cluster.wait_healthy(60)
    before = made(replica)
    replica.stop()
    # Only half of the data directory's entries have been moved.
    aside = f"{replica.data}/{HOLDER}/pgsql_tmp_2026-01-01-00-00-00"
    os.makedirs(aside)
    with open(f"{replica.data}/{HOLDER}/pgsql_tmp_setting_aside", "w") as f:
        oid = os.listdir(f"{replica.data}/pg_tblspc")[0]
        f.write(f"suffix 2026-01-01-00-00-00\nsuperseded yes\nlinked no\nversion {server_version()}\n"
                f"directory {replica.data}\nlink pg_wal {places['wal']}\nlink pg_tblspc/{oid} {places['space']}\nend\n")
    for name in ("base", "pg_wal"):
        os.rename(f"{replica.data}/{name}", f"{aside}/{name}")
    for top, folders, files in os.walk(f"{replica.data}/{HOLDER}"):
        for path in (top, *(os.path.join(top, file) for file in files)):
            give(path)
    replica.start()
    assert cluster.wait_healthy(90) is primary
    assert made(replica) != before
    assert "was being set aside when the daemon ended; that is done now" in replica.log()
    wait_for("the old data to go", lambda: leftovers(cluster, replica, places) == [], 30)


def test_a_first_node_on_a_mount_point(mount, new_cluster):
    """The file systems have a lost+found, which initdb refuses, and permissions that PostgreSQL refuses."""
    cluster = new_cluster(n=1)
    node = cluster.nodes[0]
    mount(node.data)
    wal = mount(f"{cluster.root}/wal")
    node.config["bootstrap"]["initdb"].append({"waldir": wal})
    cluster.up()
    assert os.path.realpath(f"{node.data}/pg_wal") == wal
    assert os.stat(node.data).st_mode & 0o777 == 0o700
    assert not os.path.exists(f"{node.data}/{HOLDER}") and not os.path.exists(f"{wal}/{HOLDER}")


def test_no_room_for_two_copies(with_tablespace, mount):
    cluster, primary, replica, places = with_tablespace
    mount(replica.data, size="38m")   # a new cluster without its WAL takes about 23 MB
    replica.start()
    cluster.wait_healthy(60)
    before = made(replica)
    status, text = replica.api("/reinitialize", "POST", {})
    assert status == 503 and "there is no room for a fresh copy beside the data that it replaces" in text, (status, text)
    checked = processes.run([*cluster.side.daemon, "--check", replica.config_file], cluster.root)
    assert "WARNING  there is no room for a fresh copy" in checked.stdout and "keep_replaced_data" in checked.stdout, checked.stdout

    replica.config["postgresql"]["keep_replaced_data"] = False
    replica.stop()
    replica.start()
    cluster.wait_healthy(60)
    assert made(replica) == before, "nothing was to happen"
    done = cluster.ctl("reinit", cluster.scope, replica.name, "--force", "--wait", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the data that it replaces are removed before the copy begins" in done.stdout
    assert cluster.wait_healthy(60) is primary
    assert made(replica) != before and "keep_replaced_data is off" in replica.log()
    assert leftovers(cluster, replica, places) == []


def test_what_cannot_be_set_aside_is_said(with_tablespace, mount):
    cluster, primary, replica, places = with_tablespace
    replica.start()
    cluster.wait_healthy(60)
    before = made(replica)
    mount(f"{replica.data}/within")
    status, text = replica.api("/reinitialize", "POST", {})
    assert status == 503 and f"{replica.data}/within is a mount point inside" in text
    done = cluster.ctl("reinit", cluster.scope, replica.name, "--force", "--wait", timeout=120)
    assert done.returncode == 1 and "Reinitialize has failed" in done.stdout, done.stdout + done.stderr
    assert cluster.wait_healthy(60) is primary
    assert made(replica) == before and os.path.realpath(f"{replica.data}/pg_wal") == places["wal"]


def test_what_is_aside_is_invisible_to_postgres(with_tablespace):
    """Checks that base backups, pg_rewind's source and pg_checksums ignore the holders in each kind of place."""
    cluster, primary, replica, places = with_tablespace
    space = f"{cluster.root}/space of {primary}"
    for place in (primary.data, f"{primary.data}/pg_wal", space):
        os.makedirs(f"{place}/{HOLDER}/pgsql_tmp_2026-01-01-00-00-00/base/1")
        for name in ("pgsql_tmp_superseded", "pgsql_tmp_2026-01-01-00-00-00/base/1/1259"):
            with open(f"{place}/{HOLDER}/{name}", "w") as f:
                f.write("no page, no checksum\n" * 1000)
        for top, _, files in os.walk(f"{place}/{HOLDER}"):
            for path in (top, *(os.path.join(top, file) for file in files)):
                give(path)
    replica.start()
    cluster.wait_healthy(60)

    def found():
        return [path for place in (replica.data, *places.values()) for path, _, files in os.walk(place) if HOLDER in path and files]
    assert found() == [] and not os.path.exists(f"{replica.data}/{HOLDER}"), "the base backup has it"

    # The replica diverges and is rewound.
    replica.config["postgresql"]["parameters"]["wal_log_hints"] = "on"
    replica.stop()
    server = [f"{postgres_bin()}/pg_ctl", "-w", "-D", replica.data]
    for action in (["start", "-o", f"-p {replica.pg_port}", "-l", f"{cluster.root}/alone.log"], ["promote"], ["stop", "-m", "fast"]):
        done = processes.run([*server, *action], cluster.root)
        assert done.returncode == 0, done.stdout + done.stderr
    primary.sql("insert into t values ('after')")
    primary.sql("checkpoint")
    replica.start()
    assert cluster.wait_healthy(90) is primary
    assert "pg_rewind exit code=0" in replica.log()
    assert replica.sql("select count(*) from t") == [(2,)]
    assert found() == [], "pg_rewind fetched it"

    replica.stop()
    primary.stop()
    done = primary.pg("pg_checksums", "--check", "-D", primary.data)
    assert done.returncode == 0, done.stdout + done.stderr
