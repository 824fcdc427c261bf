"""Each problem is reported by /patroni, /metrics, list, explain and doctor until it is solved."""
import email.utils
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from harness import processes, wait_for

pytestmark = pytest.mark.tamada


def problems(node):
    """{kind: texts}"""
    told = {}
    for one in node.status().get("problems", []):
        told.setdefault(one["kind"], []).append(one["text"])
    return told


def metric(node, kind):
    return int(re.search(rf'^tamada_problem\{{.*kind="{kind}"\}} (\d+)$', node.api("/metrics")[1], re.M)[1])


def doctor(cluster):
    done = cluster.ctl("doctor")
    return done.returncode, done.stdout


def complaints(cluster):
    return [line for line in doctor(cluster)[1].splitlines() if not line.startswith("ok")]


def test_a_healthy_cluster_has_none(cluster):
    wait_for("no problem", lambda: all(problems(node) == {} for node in cluster.nodes), 30)
    shown = cluster.ctl("list").stdout
    assert "!" not in shown and "Missing" not in shown
    assert all(metric(node, "guard") == 0 for node in cluster.nodes)
    assert [line for line in complaints(cluster) if "problems" in line or "members" in line] == []


def test_a_member_that_is_gone_is_missed(cluster):
    gone = cluster.replicas()[0]
    other = next(node for node in cluster.replicas() if node is not gone)
    gone.signal(signal.SIGSTOP)
    try:
        wait_for("the end of its key", lambda: f"members/{gone}" not in cluster.keys(), 60)
        wait_for("the list to tell", lambda: f"Missing: {gone} (" in cluster.ctl("list", node=other).stdout, 30)
        code, text = doctor(cluster)
        assert code != 0
        assert "all 2 answer" not in text and re.search(rf"FAIL  members +{gone} \(.*\) is missing", text), text
        members = json.loads(cluster.ctl("list", "-f", "json").stdout)
        assert len(members) == 2 and all(set(row) <= {"Cluster", "Member", "Host", "Role", "State", "TL", "Receive LSN", "Receive Lag",
                                                     "Replay LSN", "Replay Lag"} for row in members)
    finally:
        gone.signal(signal.SIGCONT)
    wait_for("it is no longer missed", lambda: "Missing" not in cluster.ctl("list").stdout, 60)


def test_a_configuration_that_is_not_in_force_as_it_was_written(cluster):
    before = cluster.keys()["config"]
    config = json.loads(before)
    config["ttl"] = "abc"
    config["postgresql"]["parameters"]["max_conections"] = 70
    cluster.etcd.ctl("put", cluster.prefix + "config", json.dumps(config))
    try:
        leader = cluster.leader()
        told = wait_for("the problems", lambda: (lambda t: t if len(t) > 1 else None)(problems(leader).get("configuration", [])), 30)
        assert any('ttl: "abc"' in text for text in told) and any("max_conections" in text for text in told), told
        assert metric(leader, "configuration") == len(told)
        wait_for("the list to tell", lambda: f" ! {leader}: " in cluster.ctl("list").stdout, 30)
        assert re.search(rf"\| {leader} .*\| running ! ", cluster.ctl("list").stdout)
        assert "!" not in cluster.ctl("list", "-f", "tsv").stdout.replace("; ", "")
        assert "problem: ttl: " in cluster.ctl("explain", cluster.scope, leader.name).stdout
        text = "\n".join(complaints(cluster))
        assert "configuration  ttl: " in text and "Did you mean max_connections?" in text, text
        assert "ok    ttl" not in doctor(cluster)[1]
    finally:
        cluster.etcd.ctl("put", cluster.prefix + "config", before)
    wait_for("the problems to be over", lambda: all(problems(node) == {} for node in cluster.nodes), 30)
    wait_for("the list to be quiet", lambda: "!" not in cluster.ctl("list").stdout, 30)
    assert "over (configuration): " in leader.log()


def test_a_primary_without_its_guard(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    folder = f"{cluster.root}/without a guard"
    os.mkdir(folder, 0o755)
    guard = os.path.join(os.path.dirname(os.path.realpath(node.side.daemon[0])), "tamada-guard")
    shutil.copy(node.side.daemon[0], folder)
    node.side.daemon[0] = f"{folder}/{os.path.basename(node.side.daemon[0])}"
    cluster.up()
    (text,) = wait_for("the problem", lambda: problems(node).get("guard"), 30)
    assert text.startswith("no guard: ") and "tamada-guard" in text
    assert metric(node, "guard") == 1
    assert "problem: no guard: " in cluster.ctl("explain").stdout
    assert f"{node}: no guard: " in "\n".join(complaints(cluster))
    assert node.log().count("ERROR: no guard: ") == 1, "once, however often it is tried"
    place = re.search(r"cannot run (\S+):", text)[1]
    os.makedirs(os.path.dirname(place))
    shutil.copy(guard, place)
    wait_for("a guard", lambda: problems(node) == {} and "guard started" in node.log(), 30)


def start_where_shared_memory_takes_nothing(node):
    with open(node.config_file, "w") as f:
        json.dump(node.config, f)   # JSON is YAML, too
    user = processes.service_user()
    script = ('mount -t tmpfs -o ro tmpfs /dev/shm && '
              f'exec setpriv --reuid {user.pw_uid} --regid {user.pw_gid} --clear-groups "$@"')
    node.log_start = os.path.getsize(node.log_file) if os.path.exists(node.log_file) else 0
    with open(node.log_file, "a") as log:
        node.proc = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, "sh", *node.side.daemon, node.config_file],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=node.cluster.root,
                                     env=processes.environment(node.cluster.root), start_new_session=True)


def guards_of(node):
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
        except OSError:
            continue
        if "tamada-guard" in words[0] and words[-2:] == [node.data, ""]:
            found.append(pid)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_the_guard_does_without_dev_shm(new_cluster):
    cluster = new_cluster(1, dcs={"ttl": 8, "loop_wait": 1, "retry_timeout": 2})
    (node,) = cluster.nodes
    node.config["postgresql"]["parameters"]["dynamic_shared_memory_type"] = "mmap"
    cluster.etcd.start()
    start_where_shared_memory_takes_nothing(node)
    wait_for("a primary", node.is_primary, 60)
    wait_for("its guard", lambda: "guard started" in node.log(), 30)
    assert "guard" not in problems(node)
    server = node.postmaster_pid()

    node.kill_daemon()   # the next daemon finds the guard and its bound
    start_where_shared_memory_takes_nothing(node)
    wait_for("the primary", node.is_primary, 60)
    assert node.postmaster_pid() == server
    wait_for("one guard", lambda: len(guards_of(node)) == 1 and "guard started" in node.log(), 30)

    node.signal(signal.SIGSTOP)
    try:
        wait_for("the server's end", lambda: node.postmaster_pid() is None, 20)
    finally:
        node.signal(signal.SIGCONT)
    wait_for("the primary again", node.is_primary, 60)


def test_an_archive_command_that_fails(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    allowed = f"{cluster.root}/archive works"
    node.config["postgresql"]["parameters"] |= {"archive_mode": "on", "archive_command": f"test -e '{allowed}'"}
    cluster.up()
    node.sql("select pg_switch_wal()")
    (text,) = wait_for("the problem", lambda: problems(node).get("archive"), 60)
    assert re.fullmatch(r"archive_command fails for [0-9A-F]{24}", text)
    with open(allowed, "w"):
        pass
    wait_for("it is over", lambda: problems(node) == {}, 120)


def test_a_slot_that_holds_much_wal(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    node.config["postgresql"]["parameters"]["max_slot_wal_keep_size"] = "128MB"
    cluster.up()
    node.sql("SELECT pg_create_physical_replication_slot('feed', true)")
    assert "slots" not in problems(node)
    for _ in range(5):   # each round fills a WAL segment of 16 MB
        node.sql("SELECT pg_logical_emit_message(false, '', ''); SELECT pg_switch_wal()")
    (text,) = wait_for("the problem", lambda: problems(node).get("slots"), 30)
    assert text.startswith("slot feed holds more than 64 MB of WAL, more than half of max_slot_wal_keep_size: "), text
    assert metric(node, "slots") == 1
    wait_for("the list to tell", lambda: f" ! {node}: slot feed holds " in cluster.ctl("list").stdout, 30)
    assert f"{node}: slot feed holds " in "\n".join(complaints(cluster))
    node.sql("SELECT pg_replication_slot_advance('feed', pg_current_wal_lsn())")
    wait_for("it is over", lambda: problems(node) == {}, 30)


class Gateway:
    """A proxy in front of etcd that shifts the header Date of each answer by `ahead` seconds."""

    def __init__(self, port, etcd_port):
        self.ahead = 0
        self._etcd = ("127.0.0.1", etcd_port)
        self._socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                near = self._socket.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._etcd)
            for source, target, change in ((near, far, lambda data: data), (far, near, self._dated)):
                threading.Thread(target=self._carry, args=(source, target, change), daemon=True).start()

    def _carry(self, source, target, change):
        with source, target:
            try:
                while data := source.recv(65536):
                    target.sendall(change(data))
            except OSError:
                pass

    def _dated(self, data):
        def other(match):
            told = email.utils.parsedate_to_datetime(match[1].decode()).timestamp()
            return b"\r\nDate: " + email.utils.formatdate(told + self.ahead, usegmt=True).encode() + b"\r\n"
        return re.sub(rb"\r\nDate: ([^\r]+)\r\n", other, data)


def test_a_clock_that_differs_from_etcds(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    port = cluster.ports[15]
    gateway = Gateway(port, cluster.etcd.port)
    try:
        node.config["etcd3"]["hosts"] = f"127.0.0.1:{port}"
        cluster.up()
        told = node.status()["dcs_last_seen"]
        wait_for("another heartbeat", lambda: node.status()["dcs_last_seen"] > told + 2, 30)
        assert problems(node) == {}
        gateway.ahead = -3600
        (text,) = wait_for("the problem", lambda: problems(node).get("clock"), 30)
        assert text.startswith("the clock of this host is 60 min ahead of etcd's: "), text
        assert metric(node, "clock") == 1
        wait_for("the list to tell", lambda: f" ! {node}: the clock of this host " in cluster.ctl("list").stdout, 30)
        assert f"{node}: the clock of this host " in "\n".join(complaints(cluster))
        gateway.ahead = 10
        wait_for("the other direction", lambda: re.search(r"is (8|9|10) s behind etcd's", problems(node)["clock"][0]), 30)
        assert node.is_primary(), "leases do not go by it"
        gateway.ahead = 0
        wait_for("it is over", lambda: problems(node) == {}, 30)
        assert "over (clock): " in node.log()
    finally:
        gateway.close()
