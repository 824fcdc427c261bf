"""Tests the configuration with a real server: reloads, dynamic changes and their copy on disk, --validate-config, and the
generators."""
import json
import os
import signal

import pytest
import requests
import yaml

import facts
from harness import processes, wait_for

pytestmark = pytest.mark.tamada   # texts and options differ between versions of Patroni


@pytest.fixture(scope="module")
def node(_shared):
    """A cluster of one node, which leads."""
    c = _shared(n=1)
    c.etcd.start()
    node = c.nodes[0]
    node.config["log"] = {"level": "INFO"}
    node.start()
    wait_for("a primary", node.is_primary, 60)
    return node


def write(node, config=None, text=None):
    with open(node.config_file, "w") as f:
        f.write(text if text is not None else yaml.safe_dump(config or node.config, sort_keys=False))


def command(node, *args, env=None, timeout=60):
    return processes.run([*node.cluster.side.daemon, *args], node.cluster.root, timeout=timeout, env=env)


def log_grows(node, text, act, path=None):
    """Checks that `text` appears in the log after `act` and not before."""
    def read():
        if path is None:
            return node.log()
        return open(path).read() if os.path.exists(path) else ""
    before = read().count(text)
    act()
    wait_for(f"{text!r} in the log", lambda: read().count(text) > before, 30)


def hup(node):
    node.signal(signal.SIGHUP)


def test_reload_without_a_change(node):
    log_grows(node, "No local configuration items changed.", lambda: hup(node))


def test_reload_by_signal_and_by_rest(node):
    node.config["postgresql"]["parameters"]["work_mem"] = "5MB"
    write(node)
    hup(node)
    wait_for("work_mem by SIGHUP", lambda: node.sql("show work_mem")[0][0] == "5MB", 30)
    node.config["postgresql"]["parameters"]["work_mem"] = "6MB"
    write(node)
    assert node.api("/reload", "POST")[0] == 202
    wait_for("work_mem by POST /reload", lambda: node.sql("show work_mem")[0][0] == "6MB", 30)


@pytest.mark.parametrize("change, words", [
    ("restapi: [\n", ["n0.yml:", "not YAML"]),
    ("log: {level: loud}\n", ["log.level: 'loud' is not one of the words; allowed: DEBUG"]),
    ("log: {dir: /no/such/folder}\n", ["log.dir: /no/such/folder/patroni.log: No such file"]),
])
def test_a_file_that_cannot_be_used_changes_nothing(node, change, words):
    kept = {k: v for k, v in node.config.items() if k not in ("log", "restapi") or k not in change}
    write(node, text=change + yaml.safe_dump(kept))
    log_grows(node, "the configuration was not reloaded, the old one stays in force", lambda: hup(node))
    said = node.log().rsplit("the old one stays in force", 1)[1]
    assert all(word in said for word in words), said
    assert node.is_primary() and node.sql("show work_mem")[0][0] == "6MB"
    write(node)


def test_what_counts_only_when_the_daemon_starts(node):
    moved = json.loads(json.dumps(node.config))
    moved["postgresql"]["data_dir"] += "-elsewhere"
    write(node, moved)
    log_grows(node, "postgresql.data_dir has changed; the change takes effect only when the daemon is restarted", lambda: hup(node))
    assert node.is_primary() and not os.path.exists(node.data + "-elsewhere")
    write(node)
    log_grows(node, "postgresql.data_dir has changed", lambda: hup(node))


def test_log_settings_apply_on_reload(node):
    folder = f"{node.cluster.root}/logs"
    os.mkdir(folder)
    if user := processes.service_user():
        os.chown(folder, user.pw_uid, user.pw_gid)
    path = f"{folder}/patroni.log"
    node.config["log"] = {"type": "json", "level": "DEBUG", "dir": folder, "mode": 0o640, "file_size": 1500, "file_num": 2,
                          "format": ["message", "module", {"levelname": "level"}], "static_fields": {"app": "demo"}}
    write(node)
    hup(node)
    wait_for("the first line", lambda: os.path.exists(path) and os.path.getsize(path) > 0, 30)
    line = json.loads(open(path).readline())
    assert list(line) == ["message", "module", "app", "level"] and line["app"] == "demo", line
    assert os.stat(path).st_mode & 0o777 == 0o640

    def rolled():
        hup(node)   # each makes the daemon write a line
        return sorted(os.listdir(folder)) == ["patroni.log", "patroni.log.1", "patroni.log.2"]
    wait_for("two older files", rolled, 60)
    assert all(os.path.getsize(f"{folder}/{name}") <= 1500 for name in os.listdir(folder))
    node.config["log"] = {"format": "%(levelname)-8s|%(name)s|%(message)s"}
    write(node)
    hup(node)
    wait_for("the log on stdout again", lambda: "INFO    |patroni.agent.agent|configuration reloaded" in node.log(), 30)
    node.config["log"] = {"level": "INFO"}
    write(node)
    hup(node)
    facts.wait_log(node, " INFO: configuration reloaded")


def test_a_change_of_config_reaches_the_node_at_once(node):
    seen = f"{node.cluster.root}/reloaded"
    assert node.api("/config", "PATCH", {"loop_wait": 1000, "ttl": 1200, "postgresql": {
        "parameters": {"work_mem": "7MB", "maintenance_work_mem": "71MB"},
        "callbacks": {"on_reload": f"/usr/bin/touch {seen}"}, "callbcks": {}}, "tll": 5})[0] == 200
    # This takes effect long before the next heartbeat, and the local file's work_mem wins.
    wait_for("maintenance_work_mem", lambda: node.sql("show maintenance_work_mem")[0][0] == "71MB", 20)
    assert node.sql("show work_mem")[0][0] == "6MB"
    facts.wait_log(node, "/config: tll: unknown key; it has no effect. Did you mean ttl?")
    facts.wait_log(node, "/config: postgresql.callbcks: unknown key; it has no effect. Did you mean callbacks?")
    assert node.api("/config", "PATCH", {"loop_wait": None, "ttl": None, "tll": None, "postgresql": {
        "callbacks": None, "callbcks": None}})[0] == 200


def test_no_parameter_breaks_out_of_its_line(node):
    """The key may contain anything, because a client that writes to etcd does not pass the checks of the REST API."""
    prefix = "a\nb: \r'\\"
    config = json.loads(node.api("/config")[1])
    config["postgresql"]["parameters"] |= {"log_line_prefix": prefix, "x.y = '1'\nwork_mem": "77MB", "include": "/etc/passwd",
                                           "my.setting": "one\ntwo"}
    config["postgresql"]["pg_hba"] = ["# a zero byte: \0", "host all all 127.0.0.1/32 trust"]
    node.cluster.etcd.ctl("put", f"{node.cluster.prefix}config", json.dumps(config))
    wait_for("the prefix", lambda: node.sql("show log_line_prefix")[0][0] == prefix, 30)
    assert node.sql("show my.setting") == [("one\ntwo",)]
    assert node.sql("show work_mem") != [("77MB",)]
    assert node.sql("select sourceline, error from pg_file_settings where error is not null") == []
    assert node.pg("pg_ctl", "-D", node.data, "status").returncode == 0
    before = node.postmaster_pid()
    assert node.api("/restart", "POST", {}, timeout=60)[0] == 200
    assert node.postmaster_pid() != before
    assert node.sql("show log_line_prefix") == [(prefix,)]
    node.configure({"postgresql": {"parameters": {"log_line_prefix": None, "my.setting": None, "include": None,
                                                  "x.y = '1'\nwork_mem": None}, "pg_hba": None}})


@pytest.mark.parametrize("change, words", [
    ({"postgresql": {"parameters": 7}}, "postgresql.parameters: is a number; allowed: a mapping"),
    ({"postgresql": {"parameters": ["a", "b"]}}, "postgresql.parameters: is a list; allowed: a mapping"),
    ({"ttl": {"a": 1}}, "ttl: a mapping does not fit"),
    ({"parameters": {"work_mem": "1MB"}}, "it belongs into postgresql: postgresql.parameters"),
    ({"postgresql": {"parameters": {"shared_buffers": "10TBx"}}}, "'10TBx' is no value for it"),
    ({"postgresql": {"parameters": {"a b": "1"}}}, '"a b" is no name of a parameter'),
])
def test_what_cannot_work_is_refused_before_it_is_taken(node, change, words):
    before = node.api("/config")[1]
    status, text = node.api("/config", "PATCH", change)
    assert status == 400 and words in text, text
    assert node.api("/config")[1] == before
    file = f"{node.cluster.root}/change.yml"
    with open(file, "w") as f:
        yaml.safe_dump(change, f)
    done = node.cluster.ctl("edit-config", "--apply", file, "demo")
    assert done.returncode == 1 and words in done.stdout + done.stderr, done
    assert node.api("/config")[1] == before


def test_by_force_it_is_a_warning_and_the_answer_tells_when_it_counts(node):
    url = f"http://127.0.0.1:{node.api_port}/config"
    change = {"postgresql": {"parameters": {"max_connections": 60, "work_mme": "1MB", "shared_buffers": "lots"}}}
    answer = requests.patch(url, params={"force": "true"}, json=change, timeout=5)
    assert answer.status_code == 200 and answer.json()["postgresql"]["parameters"]["shared_buffers"] == "lots"
    assert "Did you mean work_mem?" in answer.headers["Tamada-Warning"]
    assert "'lots' is no value for it" in answer.headers["Tamada-Warning"]
    assert "max_connections: counts on each node after PostgreSQL's restart there" in answer.headers["Tamada-Effect"]
    undo = {"postgresql": {"parameters": {"max_connections": 50, "work_mme": None, "shared_buffers": "32MB"}}}
    done = node.cluster.ctl("edit-config", "--force", "-p", "shared_buffers=more", "demo")
    assert done.returncode == 0 and "'more' is no value for it" in done.stderr, done
    assert "shared_buffers: counts on each node" in done.stdout
    node.configure(undo)


def test_what_the_server_that_runs_would_refuse_is_refused(node):
    """The server's own pg_settings decide about unknown names and about values of a loaded extension."""
    node.configure({"postgresql": {"parameters": {"session_preload_libraries": "auto_explain"}}})
    wait_for("its library in a new session", lambda: node.sql("show auto_explain.log_level") == [("log",)], 30)
    assert node.api("/restart", "POST", {}, timeout=60)[0] == 200   # the server's parameters are asked for once after each start
    wait_for("the server to tell", lambda: any(one["name"] == "auto_explain.log_level" for one in
                                               json.loads(node.api("/tamada/parameters")[1])), 30)
    url = f"http://127.0.0.1:{node.api_port}/config"
    for name, value, words in [("work_mme", "1MB", ["the server that runs here has no such parameter to set", "Did you mean work_mem?"]),
                               ("auto_explain.log_level", "loud", ["'loud' is no value for it", "allowed: debug5"]),
                               ("auto_explain.log_min_duration", "5 eggs", ["'5 eggs' is no value", "a number from -1 to", "in ms"]),
                               ("auto_explain.sample_rate", 2, ["a number from 0 to 1"])]:
        change = {"postgresql": {"parameters": {name: value}}}
        answer = requests.patch(url, json=change, timeout=5)
        assert answer.status_code == 400 and f"postgresql.parameters.{name}: " in answer.text, answer.text
        done = node.cluster.ctl("edit-config", "--force", "--quiet", "-p", f"{name}={value}", node.cluster.scope)
        told = done.stderr
        for word in words:
            assert word in answer.text and word in told, (word, answer.text, told)
        # The command has written the value into etcd. The daemon must have read it before the request that removes it.
        wait_for("the forced value", lambda: name in json.loads(node.api("/config")[1])["postgresql"]["parameters"], 30)
        node.configure({"postgresql": {"parameters": {name: None}}})
    good = {"auto_explain.log_level": "info", "auto_explain.sample_rate": 0.5, "unloaded.name": "anything"}
    answer = requests.patch(url, json={"postgresql": {"parameters": good}}, timeout=5)
    assert answer.status_code == 200 and "Tamada-Warning" not in answer.headers, answer.text
    wait_for("the value", lambda: node.sql("show auto_explain.log_level") == [("info",)], 30)
    node.configure({"postgresql": {"parameters": dict.fromkeys([*good, "session_preload_libraries"])}})
    wait_for("no problem to be left", lambda: node.status().get("problems", []) == [], 30)


def test_the_address_of_a_pool_is_told_to_clients(node):
    def told():
        return json.loads(node.cluster.keys()[f"members/{node.name}"]).get("proxy_url")
    for address, url in [("pool.example:6432", "postgres://pool.example:6432/postgres"), ("[2001:db8::1]:6432", "postgres://[2001:db8::1]:6432/postgres")]:
        node.config["postgresql"]["proxy_address"] = address
        write(node)
        hup(node)
        wait_for("the key", lambda url=url: told() == url, 30)
    del node.config["postgresql"]["proxy_address"]
    write(node)
    hup(node)
    wait_for("the key without it", lambda: told() is None, 30)


def test_access_rules_that_do_not_parse_are_told_and_not_kept(node):
    """The server would go on with the old rules, and would not start again with the new ones."""
    good = open(f"{node.data}/pg_hba.conf").read()
    own = node.config["postgresql"]["pg_hba"]
    log_grows(node, "the previous files are kept", lambda: reload_with(node, ["host all all 127.0.0.1/99 trust", *own]))
    assert "pg_hba.conf line 3: " in node.log()
    wait_for("the problem", lambda: [one["kind"] for one in node.status().get("problems", [])] == ["access"], 30)
    wait_for("the previous files", lambda: open(f"{node.data}/pg_hba.conf").read() == good, 30)
    # Neither the next change nor a restart brings them back.
    node.configure({"postgresql": {"parameters": {"log_min_duration_statement": "7s"}}})
    wait_for("the change", lambda: node.sql("show log_min_duration_statement") == [("7s",)], 30)
    assert open(f"{node.data}/pg_hba.conf").read() == good
    assert node.api("/restart", "POST", {}, timeout=60)[0] == 200
    assert open(f"{node.data}/pg_hba.conf").read() == good
    reload_with(node, [*own, "host all nobody 127.0.0.2/32 reject"])
    wait_for("the good ones", lambda: "nobody" in open(f"{node.data}/pg_hba.conf").read(), 30)
    reload_with(node, own)
    wait_for("those of before", lambda: open(f"{node.data}/pg_hba.conf").read() == good, 30)


def test_a_value_that_the_server_does_not_take_is_told_and_not_kept(node):
    """Only the server can judge the value. It would go on with the old value, and would not start again with the new one."""
    def conf():
        return open(f"{node.data}/postgresql.conf").read()

    def change(parameters):
        assert node.api("/config", "PATCH", {"postgresql": {"parameters": parameters}})[0] == 200
    change({"log_timezone": "UTC"})
    wait_for("the good value", lambda: node.sql("show log_timezone") == [("UTC",)], 30)
    log_grows(node, "PostgreSQL does not accept log_timezone = 'Nowhere/Atall'",
              lambda: change({"log_timezone": "Nowhere/Atall", "log_min_duration_statement": "8s"}))
    wait_for("the other parameter", lambda: node.sql("show log_min_duration_statement") == [("8s",)], 30)
    wait_for("the value of before", lambda: "log_timezone = 'UTC'" in conf(), 30)
    wait_for("the problem", lambda: any("log_timezone" in one["text"] for one in node.status().get("problems", [])), 30)
    assert node.api("/restart", "POST", {}, timeout=60)[0] == 200
    assert node.sql("show log_timezone") == [("UTC",)]

    # The server was stopped, so the value could not be tried before.
    facts.wait_writable(node)
    node.stop()
    with open(f"{node.data}/patroni.dynamic.json") as f:
        assert "Nowhere" in f.read()
    node.start()
    wait_for("a primary", node.is_primary, 90)
    facts.wait_log(node, "PostgreSQL does not start with log_timezone = 'Nowhere/Atall'")
    change({"log_timezone": None, "log_min_duration_statement": None})
    wait_for("no problem", lambda: not any("log_timezone" in one["text"] for one in node.status().get("problems", [])), 30)


def reload_with(node, pg_hba):
    node.config["postgresql"]["pg_hba"] = pg_hba
    write(node)
    hup(node)


def test_the_copy_is_restored_when_the_key_is_gone(node):
    assert node.api("/config", "PATCH", {"retry_timeout": 9})[0] == 200
    copy = f"{node.data}/patroni.dynamic.json"
    wait_for("the copy", lambda: json.load(open(copy)).get("retry_timeout") == 9, 20)
    before = json.loads(node.cluster.keys()["config"])
    node.cluster.etcd.ctl("del", f"{node.cluster.prefix}config")
    facts.wait_key(node.cluster, "config")
    assert json.loads(node.cluster.keys()["config"]) == before
    wait_for("the node to see it", lambda: node.api("/config")[0] == 200, 20)


def test_ttl_rule(node):
    assert node.api("/config", "PATCH", {"ttl": 20, "loop_wait": 10, "retry_timeout": 8})[0] == 200
    facts.wait_log(node, 'Violated the rule "loop_wait + 2*retry_timeout <= ttl", where ttl=20 and retry_timeout=8. '
                         'Adjusting loop_wait from 10 to 4')
    assert node.api("/config", "PATCH", {"ttl": None, "loop_wait": None, "retry_timeout": None})[0] == 200


def leader_lease(cluster):
    """The TTL in seconds with which the lease of the leader key was granted."""
    found = json.loads(cluster.etcd.ctl("get", f"{cluster.prefix}leader", "-w", "json").stdout)["kvs"][0]
    lease = cluster.etcd.ctl("lease", "timetolive", f"{found['lease']:x}", "-w", "json").stdout
    return json.loads(lease)["granted-ttl"]


def test_a_profile_sets_the_intervals(node):
    cluster = node.cluster
    postmaster = node.postmaster_pid()
    try:
        url = f"http://127.0.0.1:{node.api_port}/config"
        intervals = {"ttl": None, "loop_wait": None, "retry_timeout": None, "failsafe_mode": None}
        answer = requests.patch(url, json={**intervals, "profile": "fast", "ttl": 9}, timeout=5)
        assert answer.status_code == 200 and "counts instead of the 4 of profile fast" in answer.headers["Tamada-Warning"]
        wait_for("the lease of the key beside it", lambda: leader_lease(cluster) == 9, 30)
        assert node.api("/config", "PATCH", {"ttl": None})[0] == 200
        wait_for("the profile's lease", lambda: leader_lease(cluster) == 4, 30)
        wait_for("its failsafe mode", lambda: "failsafe" in cluster.keys(), 30)
        wait_for("doctor to tell", lambda: "loop_wait 1 + 2 * retry_timeout 1 = 3, ttl 4" in cluster.ctl("doctor", "demo").stdout, 30)
        status, text = node.api("/config", "PATCH", {"profile": "quick"})
        assert status == 400 and "fast, norm, wide" in text
    finally:
        node.configure({"profile": None})
    wait_for("the lease of before", lambda: leader_lease(cluster) == 30, 30)
    assert node.postmaster_pid() == postmaster


# ---- the commands

def test_validate_config(node):
    config = json.loads(json.dumps(node.config))
    config["restapi"]["connect_address"] = "192.0.2.1:8008"
    config["postgresql"]["connect_address"] = "192.0.2.1:5432"
    path = f"{node.cluster.root}/check.yml"

    def check(*args, text=None, env=None):
        with open(path, "w") as f:
            f.write(text or yaml.safe_dump(config, sort_keys=False))
        return command(node, "--validate-config", *args, path, env=env)

    running = check()
    assert running.returncode == 1
    assert f"restapi.listen: port {node.api_port} is already in use" in running.stderr
    assert f"postgresql.listen: port {node.pg_port} is already in use" in running.stderr
    fine = check("--ignore-listen-port")
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "", "")
    printed = check("-i", "-p", env={"PATRONI_SCOPE": "other"})
    assert printed.returncode == 0 and yaml.safe_load(printed.stdout) == {**config, "scope": "other"}

    config["restapi"]["connect_address"] = "127.0.0.1:8008"
    config["etcd3"]["hosts"] = "127.0.0.1:1"
    config["postgresql"]["bin_dir"] = "/nowhere"
    config["bootstrap"]["dcs"]["ttl"] = "long"
    config["postgresql"]["data_dir"] = path
    config["tagz"] = {}
    wrong = check("-i")
    lines = open(path).read().splitlines()

    def line(text):
        return next(i for i, found in enumerate(lines, 1) if found.strip().startswith(text))
    assert wrong.returncode == 1 and wrong.stdout == ""
    for expected in (f"{path}:{line('connect_address: 127')}: restapi.connect_address: '127.0.0.1' makes the other nodes connect to themselves",
                     f"{path}:{line('etcd3')}: etcd3: http://127.0.0.1:1 is not reachable",
                     f"{path}:{line('bin_dir')}: postgresql.bin_dir: no program postgres in '/nowhere'",
                     f"{path}:{line('ttl')}: bootstrap.dcs.ttl: text does not fit; allowed: a whole number from 3",
                     f"{path}:{line('data_dir')}: postgresql.data_dir: is not a folder",
                     f"warning: {path}:{line('tagz')}: tagz: unknown key; it has no effect. Did you mean tags?"):
        assert expected in wrong.stderr, wrong.stderr
    assert check(text="a: [").returncode == 1


def test_generate_config_from_the_running_server(node):
    c = node.cluster
    path = f"{c.root}/generated/patroni.yml"
    dsn = f"host=127.0.0.1 port={node.pg_port} user=postgres password=su dbname=postgres"
    done = command(node, "--generate-config", "--dsn", dsn, path)
    assert done.returncode == 0, done.stderr
    assert os.stat(path).st_mode & 0o777 == 0o600
    made = yaml.safe_load(open(path))
    postgresql = made["postgresql"]
    assert made["scope"] == c.scope
    assert postgresql["data_dir"] == node.data and postgresql["listen"] == f"127.0.0.1:{node.pg_port}"
    assert postgresql["bin_dir"] == os.path.realpath(node.config["postgresql"]["bin_dir"])
    assert postgresql["authentication"]["superuser"] == {"username": "postgres", "password": "su"}
    assert postgresql["pg_hba"] == node.config["postgresql"]["pg_hba"]
    dynamic = made["bootstrap"]["dcs"]["postgresql"]
    assert dynamic["parameters"]["max_connections"] == 50 and dynamic["use_pg_rewind"] is True
    # It is usable once the values that only a person knows are filled in.
    text = open(path).read().replace("hosts: '#FIXME'", f"hosts: 127.0.0.1:{c.etcd.port}").replace("'#FIXME'", "filled")
    with open(path, "w") as f:
        f.write(text)
    env = {"PATRONI_RESTAPI_CONNECT_ADDRESS": "192.0.2.1:8008", "PATRONI_POSTGRESQL_CONNECT_ADDRESS": "192.0.2.1:5432"}
    valid = command(node, "--validate-config", "-i", path, env=env)
    assert valid.returncode == 0, valid.stderr

    refused = command(node, "--generate-config", "--dsn", dsn.replace("user=postgres password=su", "user=replicator password=rep"))
    assert refused.returncode == 1 and refused.stdout == "" and refused.stderr


def test_generate_sample_config(node):
    bin_dir = node.config["postgresql"]["bin_dir"]
    done = command(node, "--generate-sample-config", env={"PATRONI_POSTGRESQL_BIN_DIR": bin_dir, "PATRONI_SCOPE": "mine",
                                                          "PATRONI_ETCD3_HOSTS": "10.0.0.1:2379"})
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)
    assert made["scope"] == "mine" and made["etcd3"]["hosts"] == ["10.0.0.1:2379"]
    assert made["bootstrap"]["dcs"]["ttl"] == 30
    assert made["bootstrap"]["dcs"]["postgresql"]["parameters"]["wal_keep_size"] == "128MB"
    assert made["postgresql"]["parameters"]["password_encryption"] == "scram-sha-256"


def test_command_line(node):
    version = command(node, "--version")
    assert version.returncode == 0 and "tamada" in version.stdout
    assert "--validate-config" in command(node, "--help").stdout
    assert command(node, "--no-such-option").returncode == 2
    assert command(node, "--validate-config", "--generate-config").returncode == 2
