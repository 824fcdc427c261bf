"""A file of PostgreSQL that does not parse keeps the server from starting. The daemon names the file and the line in PostgreSQL's
words, wherever PostgreSQL's log goes, and takes that back once the server runs again."""
import contextlib
import glob
import json
import os

import pytest
import yaml

import facts
from harness import wait_for

pytestmark = pytest.mark.tamada


@pytest.fixture(scope="module")
def own_files(_shared):
    """Two nodes, the second with a pg_hba.conf and a collected log of its own."""
    cluster = _shared(2)
    del cluster.nodes[1].config["postgresql"]["pg_hba"]
    cluster.nodes[1].config["postgresql"]["parameters"]["logging_collector"] = "on"
    return cluster.up()


def trouble(node):
    return json.loads(node.cluster.keys().get(f"members/{node.name}", "{}")).get("trouble", "")


@contextlib.contextmanager
def with_line(path, text):
    """The file has this line at its end, whose number is returned."""
    with open(path) as f:
        before = f.read()
    with open(path, "w") as f:
        f.write(before + text + "\n")
    try:
        yield before.count("\n") + 1
    finally:
        with open(path, "w") as f:
            f.write(before)


def restart_fails(node, told):
    """The server is stopped and does not start again: log, list, /patroni and doctor tell why, also when another member leads since."""
    status, text = node.api("/restart", "POST", {}, timeout=60)
    assert status == 503, text
    facts.wait_log(node, told)
    wait_for("the problem", lambda: any(told in one["text"] for one in node.status().get("problems", [])), 30)
    wait_for("the member's trouble", lambda: told in trouble(node), 30)
    for command in ("list", "doctor"):
        shown = node.cluster.ctl(command, node=node).stdout
        assert told in " ".join(shown.split()), shown


def healthy_again(node):
    """The problem is gone as soon as the server runs, although failed starts count for a while."""
    wait_for("the server", lambda: node.sql("select 1") == [(1,)], 90)
    wait_for("no failed start", lambda: "cannot start" not in str(node.status().get("problems")) + trouble(node), 30)
    wait_for("no problem", lambda: not node.status().get("problems") and trouble(node) == "", 60)
    node.cluster.wait_healthy()
    wait_for("nothing to be left of the search for the reason", lambda: glob.glob("/tmp/tamada_start_*") == [], 20)


# By hand: the next attempt, which may be a minute away, finds the file mended. By a reload the attempt comes at once.
@pytest.mark.parametrize("reload", [False, True], ids=["by itself", "by a reload"])
def test_pg_hba(own_files, reload):
    node = own_files.nodes[1]
    path = f"{node.data}/pg_hba.conf"
    with with_line(path, "host all all 127.0.0.2/32 trusty") as line:
        restart_fails(node, f'{path} line {line}: invalid authentication method "trusty"')
    if reload:
        assert node.api("/reload", "POST")[0] == 202
    healthy_again(node)


def test_pg_hba_of_the_configuration(own_files):
    """The lines of config.yml are written before each start, so the mistake is mended there."""
    node = own_files.nodes[0]
    own = list(node.config["postgresql"]["pg_hba"])
    node.stop()
    node.config["postgresql"]["pg_hba"] = [*own, "host all all 127.0.0.1/99 trust"]
    node.start()
    try:
        wait_for("the reason", lambda: "127.0.0.1/99" in trouble(node) and "pg_hba.conf line " in trouble(node), 60)
        facts.wait_log(node, "postgres cannot start: ")
    finally:
        mend(node, own)
    healthy_again(node)


def mend(node, own):
    node.config["postgresql"]["pg_hba"] = own
    with open(node.config_file, "w") as f:
        yaml.safe_dump(node.config, f, sort_keys=False)
    assert node.api("/reload", "POST")[0] == 202


def test_an_included_file(own_files):
    node = own_files.nodes[1]
    base, included = f"{node.data}/postgresql.base.conf", f"{node.data}/more.conf"
    with open(included, "w") as f:
        f.write("\nwork_memm = 1MB\n")
    os.chown(included, os.stat(base).st_uid, os.stat(base).st_gid)
    with with_line(base, "include 'more.conf'"):
        restart_fails(node, f'"work_memm" in file "{included}" line 2')
    healthy_again(node)


def test_a_line_that_is_no_setting(own_files):
    node = own_files.nodes[1]
    base = f"{node.data}/postgresql.base.conf"
    with with_line(base, "work_mem 4MB and more") as line:
        restart_fails(node, f'syntax error in file "{base}" line {line}, near token "and"')
    healthy_again(node)
