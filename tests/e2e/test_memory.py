"""Which processes the kernel kills first when memory is short, and whether secrets in memory can get onto a disk."""
import configparser
import os
import pathlib
import re
import resource
import shlex
import signal

import pytest

from harness import processes, wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada

UNIT = TREE / "packaging" / "tamada.service"
SECRETS = [b"su-secret", b"rep-secret", b"rew-secret", b"rest-secret"]


def unit_settings():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(UNIT.read_text())
    return unit["Service"]


def start(node, **env):
    """Like node.spawn(), with additional environment variables."""
    node.start()
    node.kill_daemon()
    node.log_start = os.path.getsize(node.log_file)
    with open(node.log_file, "a") as log:
        node.proc = processes.spawn([*node.side.daemon, node.config_file], log, node.cluster.root, env)


def oom_score_adj(pid):
    return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text())


def test_backends_and_callbacks_go_before_postmaster_daemon_and_guard(new_cluster):
    """The values are higher than those of the unit, so that setting them needs no capability."""
    unit = unit_settings()
    variables = dict(word.split("=") for word in shlex.split(unit["Environment"]))
    assert variables == {"PG_OOM_ADJUST_FILE": "/proc/self/oom_score_adj", "PG_OOM_ADJUST_VALUE": "0"}
    assert int(unit["OOMScoreAdjust"]) < 0
    cluster = new_cluster(1)
    node = cluster.nodes[0]
    answer, script = pathlib.Path(cluster.root, "callback.out"), pathlib.Path(cluster.root, "callback.sh")
    script.write_text(f"#!/bin/sh\nsleep 1\ncat /proc/self/oom_score_adj > {answer}\n")
    script.chmod(0o755)
    node.config["postgresql"]["callbacks"] = {"on_start": str(script)}
    cluster.etcd.start()
    own = oom_score_adj("self")
    spared, others = own + 100, own + 200
    pathlib.Path("/proc/self/oom_score_adj").write_text(str(spared))
    try:
        start(node, **{**variables, "PG_OOM_ADJUST_VALUE": str(others)})
    finally:
        pathlib.Path("/proc/self/oom_score_adj").write_text(str(own))
    wait_for("the primary", node.is_primary, 60)
    postmaster = node.postmaster_pid()
    guard = wait_for("the guard", lambda: [p for p, name in processes.children(node.proc.pid) if name == "tamada-guard"], 30)
    assert [oom_score_adj(pid) for pid in (node.proc.pid, postmaster, *guard)] == [spared] * 3
    assert {oom_score_adj(pid) for pid, _ in processes.children(postmaster)} == {others}
    wait_for("the callback", answer.exists, 30)
    assert wait_for("its answer", answer.read_text, 30).strip() == str(others), "spared as the server is"


def secrets_in_cores(folder):
    return [secret for core in pathlib.Path(folder).glob("core*") for secret in SECRETS if secret in core.read_bytes()]


@pytest.mark.skipif(pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip() not in ("core", "core.%p"),
                    reason="core dumps go elsewhere on this machine")
@pytest.mark.parametrize("wanted", [False, True], ids=["by default", "TAMADA_CORE_DUMPS=1"])
def test_no_password_gets_into_a_core_dump(new_cluster, wanted):
    cluster = new_cluster(1)
    node = cluster.nodes[0]
    roles = node.config["postgresql"]["authentication"]
    for secret, role in zip(SECRETS, ("superuser", "replication", "rewind")):
        roles[role]["password"] = secret.decode()
    node.config["restapi"]["authentication"] = {"username": "u", "password": SECRETS[3].decode()}
    cluster.etcd.start()
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        start(node, **({"TAMADA_CORE_DUMPS": "1"} if wanted else {}))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    wait_for("the primary", node.is_primary, 60)
    own = pathlib.Path("/proc/self/limits").read_text()
    of_server = pathlib.Path(f"/proc/{node.postmaster_pid()}/limits").read_text()
    assert re.search("Max core file size *(\\w+)", of_server)[1] == re.search("Max core file size *\\w+ *(\\w+)", own)[1], \
        "PostgreSQL keeps its own setting"
    node.signal(signal.SIGABRT)
    node.proc.wait(30)
    assert bool(secrets_in_cores(cluster.root)) == wanted
