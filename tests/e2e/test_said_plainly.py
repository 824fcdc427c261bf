"""Messages name what an operator needs to know: the slot and the database, the members that wait for a restart, the server that refuses a
client."""
import json
import urllib.request

import pytest

import facts
from harness import wait_for

pytestmark = pytest.mark.tamada


@pytest.fixture(scope="module")
def pair(_shared):
    c = _shared(n=2)
    for node in c.nodes:
        # Connections from the tests' own address need a password.
        node.config["postgresql"]["pg_hba"] = ["local all all trust", "host all all 127.0.0.1/32 md5",
                                               "host replication all 127.0.0.1/32 md5"]
    c.up()
    return c


def trouble(node):
    return json.loads(node.cluster.keys().get(f"members/{node.name}", "{}")).get("trouble", "")


def wait_trouble(node, *words, timeout=40):
    wait_for(f"{words} as the trouble of {node}", lambda: all(word in trouble(node) for word in words), timeout)


def test_a_slot_of_a_database_that_is_not_there(pair):
    leader = pair.leader()
    leader.configure({"slots": {"feed": {"type": "logical", "database": "nosuch", "plugin": "test_decoding"}}})
    wait_trouble(leader, "replication slot 'feed' of database 'nosuch'", 'database "nosuch" does not exist')
    assert "'feed' of database 'nosuch'" in pair.ctl("list").stdout.replace("\n", " ")
    leader.configure({"slots": None})
    wait_for("no trouble", lambda: trouble(leader) == "", 90)


def test_query_without_a_password(pair):
    done = pair.ctl("query", "-c", "select 1", "-U", "postgres", pair.scope)
    assert done.returncode == 1 and "no password supplied" in done.stdout + done.stderr, done
    with pair.terminal("query", "-c", "select 1", "-U", "postgres", pair.scope) as terminal:
        assert terminal.end() == 1, "it asks for a password with -W only"
    assert "no password supplied" in terminal.shown, terminal.shown
    done = pair.ctl("query", "-c", "select 41+1", "-U", "postgres", pair.scope, env={"PGPASSWORD": "su"})
    assert done.returncode == 0 and "42" in done.stdout, done
    done = pair.ctl("query", "-c", "select 1", "-U", "postgres", pair.scope, env={"PGPASSWORD": "wrong"})
    assert done.returncode == 1 and "password authentication failed" in done.stdout + done.stderr, done


def patch(node, change):
    body = json.dumps(change).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{node.api_port}/config", body, method="PATCH")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers


def test_who_waits_for_a_restart(pair):
    done = pair.ctl("edit-config", "--force", "-p", "max_connections=60", pair.scope)
    assert done.returncode == 0 and "A restart is pending on: n0, n1" in done.stdout, done.stdout
    assert "it is raised from 50 to 60: restart the standbys before the primary" in done.stdout, done.stdout
    headers = patch(pair.leader(), {"postgresql": {"parameters": {"max_connections": 40}}})
    assert headers["Tamada-Pending-Restart"] == "n0, n1", dict(headers)
    assert "it is lowered from 60 to 40: restart the primary first" in headers["Tamada-Effect"]
    headers = patch(pair.leader(), {"postgresql": {"parameters": {"work_mem": "9MB"}}})
    assert headers["Tamada-Pending-Restart"] is None
    done = pair.ctl("edit-config", "--force", "-p", "max_connections=50", pair.scope)
    assert done.returncode == 0 and "No member waits for a restart" in done.stdout, done.stdout


def test_a_standby_with_less_than_its_primary_keeps_the_greater_value(pair):
    standby, leader = pair.replicas()[0], pair.leader()
    patch(leader, {"postgresql": {"parameters": {"max_connections": 40}}})
    assert standby.api("/restart", "POST", {}, timeout=60)[0] == 200
    assert standby.sql("show max_connections") == [("50",)]
    facts.wait_log(standby, "max_connections value in pg_controldata: 50, in the global configuration: 40. pg_controldata "
                            "value will be used.")
    wait_for("it to wait for another restart", lambda: standby.status().get("pending_restart"), 20)
    assert leader.api("/restart", "POST", {}, timeout=60)[0] == 200
    pair.wait_healthy()
    wait_for("the standby to have replayed it", lambda: standby.controldata()["max_connections setting"] == "40", 60)
    patch(leader, {"postgresql": {"parameters": {"max_connections": 50}}})
    for node in (standby, leader):
        assert node.api("/restart", "POST", {}, timeout=60)[0] == 200
    pair.wait_healthy()


def test_all_connections_are_taken_the_superusers_too(new_cluster):
    c = new_cluster(1)
    node = c.nodes[0]
    node.config["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_connections"] = 25
    c.up()
    node.kill_daemon()
    with facts.all_connections_taken(node):
        postmaster = node.postmaster_pid()
        node.spawn()
        facts.wait_log(node, "problem (connections)")
        wait_trouble(node, "too many clients already")
        assert "too many clients" in c.ctl("list").stdout.replace("\n", " ")
    wait_for("no trouble", lambda: trouble(node) == "" and node.is_primary(), 40)
    facts.wait_log(node, "over (connections)")
    assert node.postmaster_pid() == postmaster
