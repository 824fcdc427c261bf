"""Mistakes of operators: each gives a clear error that names the cause, and no file is deleted."""
import json
import os
import shutil
import socket

import pytest
import yaml

import facts
from fake_member import FakeMember, standby
from harness import processes, wait_for


def ends(node, *words, timeout=30):
    """Checks that the daemon ends with status 1 and that its log contains each of the words."""
    wait_for(f"{node} to end", lambda: not node.running(), timeout)
    log = node.log()
    assert node.proc.returncode == 1, log
    for word in words:
        assert str(word) in log, f"{word!r} is not named in:\n{log}"


def owned(path):
    user = processes.service_user()
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


@pytest.fixture
def single(new_cluster):
    """etcd and one node, which is not started."""
    c = new_cluster(n=1)
    c.etcd.start()
    return c.nodes[0]


@pytest.mark.parametrize("text, words", [
    ("scope: demo\nname: [n0\n", ["n0.yml"]),
    ("scope: demo\n\tname: n0\n", ["n0.yml"]),
])
def test_broken_yaml(single, text, words):
    with open(single.config_file, "w") as f:
        f.write(text)
    single.spawn()
    ends(single, *words)


@pytest.mark.tamada
def test_error_names_line_and_key(single):
    single.config["restapi"]["listen"] = "not an address"
    with open(single.config_file, "w") as f:
        yaml.safe_dump(single.config, f, sort_keys=False)
    with open(single.config_file) as f:
        line = next(i for i, text in enumerate(f, 1) if "not an address" in text)
    single.spawn()
    ends(single, f"n0.yml:{line}", "restapi.listen")


@pytest.mark.tamada
@pytest.mark.parametrize("section, key", [(None, "name"), (None, "scope"), ("postgresql", "data_dir")])
def test_missing_key_is_named(single, section, key):
    del (single.config[section] if section else single.config)[key]
    single.start()
    ends(single, key)


def test_no_such_file(single):
    os.path.exists(single.config_file) and os.unlink(single.config_file)
    single.spawn()
    ends(single)


@pytest.mark.tamada
def test_unknown_bin_dir(single):
    single.config["postgresql"]["bin_dir"] = "/no/such/bin"
    single.start()
    ends(single, "/no/such/bin")
    assert not os.path.exists(single.data)
    assert "initialize" not in single.cluster.keys()


def test_rest_port_in_use(single):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", single.api_port))
        s.listen()
        single.start()
        ends(single, "ddress already in use", *([single.api_port] if single.cluster.side.is_tamada else []))
    assert not os.path.exists(single.data)


def test_postgres_port_in_use(single):
    """initdb succeeds and the first start fails, so the bootstrap is given up and its key is deleted."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", single.pg_port))
        s.listen()
        single.start()
        ends(single, "ddress already in use", single.pg_port, timeout=90)
    assert single.cluster.keys().get("initialize") is None
    assert processes.working_in(single.data) == []


def test_data_directory_of_another_cluster(cluster):
    replica = cluster.replicas()[0]
    replica.stop()
    shutil.rmtree(replica.data)
    assert replica.pg("initdb", "-U", "postgres", "-N", "-D", replica.data).returncode == 0
    before, identifier = facts.fingerprint(replica.data), replica.system_identifier()
    replica.start()
    ends(replica, "system ID mismatch", replica.name, identifier)
    assert facts.fingerprint(replica.data) == before
    assert replica.name not in {n for n, in cluster.leader().sql("select application_name from pg_stat_replication")}
    shutil.rmtree(replica.data)   # the next test gets a healthy cluster again


def test_data_directory_with_foreign_files(single):
    os.mkdir(single.data)
    owned(single.data)
    path = f"{single.data}/important.txt"
    with open(path, "w") as f:
        f.write("the only copy")
    before = facts.fingerprint(single.data)
    single.start()
    wait_for("its word", lambda: "is not empty" in single.log(), 30)
    assert facts.fingerprint(single.data) == before
    assert not single.is_primary()


def test_wrong_replication_password(new_cluster):
    c = new_cluster(n=2)
    for node in c.nodes:   # the server asks for passwords, by either method
        hba = ["local all all trust", "host all all 127.0.0.1/32 md5", "host replication all 127.0.0.1/32 md5"]
        node.config["postgresql"]["pg_hba"] = node.config["bootstrap"]["pg_hba"] = hba
    leader, replica = c.nodes
    replica.config["postgresql"]["authentication"]["replication"]["password"] = "wrong"
    c.etcd.start()
    leader.start()
    wait_for("a primary", leader.is_primary, 60)
    replica.start()
    facts.wait_log(replica, 'password authentication failed for user "replicator"', 60)
    assert not replica.is_replica() and leader.is_primary()
    # With the right password the daemon goes on without any other action.
    replica.stop()
    replica.config["postgresql"]["authentication"]["replication"]["password"] = "rep"
    replica.start()
    assert c.wait_healthy(90) is leader


@pytest.mark.tamada   # Debian's Patroni 3.0 does not have this
def test_second_daemon_of_the_same_name(cluster):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    config = dict(replica.config, restapi={"listen": f"127.0.0.1:{cluster.ports[15]}", "connect_address": f"127.0.0.1:{cluster.ports[15]}"})
    twin = f"{cluster.root}/twin.yml"
    with open(twin, "w") as f:
        yaml.safe_dump(config, f)
    done = processes.run([*cluster.side.daemon, twin], cluster.root, timeout=60)
    assert done.returncode == 1
    assert f"there is already a node named '{replica.name}' running" in done.stdout + done.stderr
    assert cluster.wait_healthy(30) is leader


def test_etcd_that_is_not_there(single):
    """etcd may start later. The daemon waits for it, logs that, and changes nothing."""
    c = single.cluster
    c.etcd.kill()
    single.start()
    wait_for("its word on etcd", lambda: str(c.etcd.port) in single.log() or "etcd" in single.log().lower(), 30)
    assert not os.path.exists(single.data)
    c.etcd.start()
    if not single.running():   # Patroni ends here; systemd would start its service again
        single.start()
    wait_for("a primary", single.is_primary, 60)


def test_a_member_that_claims_too_much_is_named_and_can_be_overruled(new_cluster):
    """No member is promoted while another claims to have later commits, but the operator may promote one."""
    cluster = new_cluster(n=3).up()
    leader, (heir, _) = cluster.leader(), cluster.replicas()
    # Its WAL position is an impossible one.
    claimed = standby("liar", timeline=leader.status()["timeline"],
                      xlog={"received_location": 1 << 60, "replayed_location": 1 << 60, "paused": False})
    with FakeMember("liar", claimed) as liar:
        liar.join(cluster)
        leader.lose()

        def named():
            gates = json.loads(heir.api("/tamada/explain")[1])["gates"]
            return any("liar is ahead of my wal position" in str(gate["reason"]) for gate in gates)
        wait_for("the liar's name", named, 30)
        assert "liar is ahead of my wal position" in heir.log()
        assert not any(node.is_primary() for node in (heir, *cluster.replicas()))
        done = cluster.ctl("failover", "--candidate", heir.name, "--force", node=heir)
        assert done.returncode == 0, done
        wait_for("the operator's choice", heir.is_primary, 30)
