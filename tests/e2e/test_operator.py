"""Commands beyond those of patronictl: dry runs, a rolling restart, waiting, a support bundle, and a live screen."""
import json
import re
import subprocess
import tarfile
from itertools import pairwise

import pytest
import yaml

from harness import wait_for

pytestmark = pytest.mark.tamada
GREEN, YELLOW = "\x1b[32m", "\x1b[33m"


@pytest.fixture
def ctl(cluster):
    def run(*args, status=0, **kwargs):
        done = cluster.ctl(*args, **kwargs)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout
    return run


def on_screen(cluster, *args, columns, status=0):
    with cluster.terminal(*args, columns=columns) as terminal:
        assert terminal.end() == status, terminal.shown
    assert max(map(len, terminal.shown.split("\n"))) <= columns, terminal.shown
    return terminal


def starts(cluster):
    return {node.name: node.sql("select pg_postmaster_start_time()")[0][0] for node in cluster.nodes}


def test_tables_on_a_terminal(cluster, ctl):
    standby = cluster.replicas()[0]
    # A standby that has just been made streams before it has the rest of the WAL segment in which its copy ended.
    wait_for("the WAL of the candidate", lambda: cluster.leader().sql(
        f"select pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) < 1000000 from pg_stat_replication where application_name = '{standby.name}'") == [(True,)], 30)
    ctl("switchover", "--candidate", standby.name, "--force")
    leader = cluster.wait_healthy(60)
    wide = on_screen(cluster, "list", columns=120)
    assert f"{GREEN}Leader" in wide.raw and "Replay LSN" in wide.shown
    for columns in (80, 64):
        narrow = on_screen(cluster, "list", columns=columns)
        for node in cluster.nodes:
            assert re.search(rf"^\W*{node.name} .*(Leader|Replica)", narrow.shown, re.M), narrow.shown
    assert "Replay LSN" not in narrow.shown and "Lag" in narrow.shown
    told = on_screen(cluster, "history", columns=80)
    assert re.search(rf"\d+ (s|min) .*{leader.name}", told.shown), told.shown
    # Without a terminal the output is the same as patronictl's.
    assert "\x1b" not in ctl("list") and "Ago" not in ctl("history")


def test_watch_keeps_still(cluster):
    with cluster.terminal("list", "-w", "0.2") as terminal:
        for _ in range(4):
            terminal.expect(r"\+ Cluster: ")
        terminal.type("\x03")
        terminal.end()
    assert terminal.raw.count("\x1b[2J") == 1 and terminal.raw.count("\x1b[H") >= 4


def test_events_are_chosen(cluster, ctl):
    replica = cluster.replicas()[0]
    ctl("restart", cluster.scope, replica.name, "--force")
    lines = ctl("events", "--since", "2m", "--member", replica.name).splitlines()
    assert lines and all(re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}} {replica.name} ", line) for line in lines)
    # Decisions and jobs of one member in the same millisecond are on one line, unless another event lies between them.
    merged = [line.split()[3] in ("decision", "job") for line in lines]
    repeated = [pair for pair, both in zip(pairwise(lines), map(all, pairwise(merged))) if both and pair[0][:23] == pair[1][:23]]
    assert any(merged) and not repeated
    assert ctl("events", "--since", "2099-01-01") == ""
    assert "No member nobody" in cluster.ctl("events", "-m", "nobody").stderr
    assert cluster.ctl("events", "--since", "sometime").returncode == 1


def test_explain_says_whose_lease(cluster, ctl):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    assert re.search(rf"^{leader.name}: leader, running, its leader key lasts [\d.]+ s unless renewed$", ctl("explain"), re.M)
    assert re.search(rf"^{replica.name}: replica, running, (not behind|[\d.]+ \w+ behind), its member key lasts ", ctl("explain"), re.M)


def test_wait(cluster, ctl):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    assert ctl("wait", "--timeout", "30").startswith(f"Success: cluster {cluster.scope} is as asked (healthy) after ")
    ctl("wait", cluster.scope, "--for", f"leader={leader.name}", "--for", "no-pending-restart", "--timeout", "30")
    late = cluster.ctl("wait", "--for", f"leader={replica.name}", "--timeout", "1")
    assert late.returncode == 1 and f"within 1 s: {leader.name} leads" in late.stderr
    assert cluster.ctl("wait", "--for", "luck").returncode == 1
    replica.stop()
    replica.spawn()
    ctl("wait", "--timeout", "60")


def test_dry_runs_change_nothing(cluster, ctl):
    leader, replica = cluster.leader(), cluster.replicas()[0]
    before, keys = starts(cluster), set(cluster.keys())
    said = ctl("switchover", "--candidate", replica.name, "--dry-run")
    assert f"Would switch over cluster {cluster.scope} from {leader.name} to {replica.name}.\n" in said
    assert f"{replica.name}: nothing keeps it from being promoted\n" in said
    assert "the one of the members below that has received the most WAL" in ctl("switchover", "--dry-run")
    ctl("failover", "--candidate", replica.name, "--dry-run")
    said = ctl("restart", cluster.scope, "--rolling", "--dry-run")
    assert said.splitlines()[-1] == f"  {leader.name}: it leads: it would be restarted by a switchover", said
    assert "is not less than 9.6.1" in ctl("restart", cluster.scope, replica.name, "--pg-version", "9.6.1", "--dry-run")
    said = ctl("reinit", cluster.scope, replica.name, "--dry-run")
    assert f"  {replica.name}: its server would be stopped, " in said
    assert re.search(r"^    its [\d.]+ MB of data and [\d.]+ MB of WAL would be removed when the new ones are complete$", said, re.M), said
    assert re.search(rf"^    {leader.name} has [\d.]+ MB of data to send, and the WAL written meanwhile$", said, re.M), said
    assert "members/n0\n" in ctl("remove", cluster.scope, "--dry-run")
    # A dry run tells what would be refused and ends with status 1.
    replica.lose()
    try:
        refused = cluster.ctl("switchover", "--candidate", replica.name, "--dry-run")
        assert refused.returncode == 1 and ("it does not answer" in refused.stderr or "does not exist" in refused.stderr), refused
    finally:
        replica.spawn()
    cluster.wait_healthy(60)
    before[replica.name] = starts(cluster)[replica.name]
    assert starts(cluster) == before and set(cluster.keys()) >= keys - {"failover"}
    assert cluster.leader() is leader


def test_rolling_restart(cluster, ctl):
    old, before = cluster.leader(), starts(cluster)
    ctl("edit-config", "-p", "max_connections=60", "--force")
    wait_for("all to wait for a restart", lambda: ctl("list", "-f", "json").count("max_connections: 50->60") == 3, 30)
    late = cluster.ctl("wait", "--for", "no-pending-restart", "--timeout", "0.1")
    assert late.returncode == 1 and "waits for a restart" in late.stderr
    assert ctl("restart", cluster.scope, "--rolling", "--pending", "--dry-run").count("(pending: max_connections 50 -> 60)\n") == 3
    said = ctl("restart", cluster.scope, "--rolling", "--pending", "--force", timeout=180)
    assert {node.sql("show max_connections")[0][0] for node in cluster.nodes} == {"60"}
    ctl("wait", "--for", "no-pending-restart", "--timeout", "30")
    assert re.search(rf"Success: restart on member {old.name} by the switchover to n\d\n$", said), said
    assert cluster.wait_healthy(60) is not old
    assert all(starts(cluster)[name] > at for name, at in before.items())


def test_bundle(cluster, ctl, tmp_path):
    config = {**cluster.nodes[0].config, "ctl": {"authentication": {"username": "me", "password": "seven-of-nine"}}}
    with open(f"{cluster.root}/ctl.yml", "w") as f:
        yaml.safe_dump(config, f)
    archive = f"{cluster.root}/bundle.tar.gz"
    assert "files of cluster" in ctl("-c", f"{cluster.root}/ctl.yml", "bundle", "-o", archive)
    with tarfile.open(archive) as tar:
        files = {name.split("/", 1)[1]: tar.extractfile(name).read().decode() for name in tar.getnames() if tar.getmember(name).isfile()}
    assert {"about.txt", "keys.json", "configuration.yml", "etcd.txt", "members/n0/events.json", "members/n2/explain.json"} <= set(files)
    assert not any("seven-of-nine" in text for text in files.values())
    login = yaml.safe_load(files["configuration.yml"])["postgresql"]["authentication"]
    assert {user["password"] for user in login.values()} == {"***"}
    assert json.loads(files["keys.json"])["members/n1"]["api_url"].startswith("http")


def test_what_is_typed(cluster, ctl):
    """Arrow keys do not become part of a name, an editor may have arguments, and a time may be relative."""
    replica = cluster.replicas()[0]
    with cluster.terminal("failover") as terminal:
        terminal.expect(r"Candidate .*: ").line(f"\x1b[D\x1b[C{replica.name}\x02")
        terminal.expect(r"\[y/N\]: ").line("n")
        assert terminal.end() == 1 and "Aborting failover" in terminal.shown, terminal.shown
    with cluster.terminal("edit-config", env={"EDITOR": "sed -i 's/^ttl: .*/ttl: 9/'"}) as terminal:
        terminal.expect(r"\[y/N\]: ").line("n")
        assert terminal.end() == 0 and "+ttl: 9" in terminal.shown, terminal.shown
    ctl("switchover", "--force", "--scheduled", "in 5 minutes")
    shown = on_screen(cluster, "list", columns=120).shown
    assert re.search(r"Switchover scheduled at: \S+ \(in (5 min|29\d s|4 min)\)", shown), shown
    ctl("flush", cluster.scope, "switchover")


def test_bash_completes_names(cluster, ctl, tmp_path):
    (tmp_path / "bash").write_text(ctl("completion", "bash"))
    program, config = cluster.side.ctl[0], cluster.nodes[0].config_file

    def complete(*words):
        line = " ".join([program, "-c", config, *(f"'{w}'" for w in words)])
        probe = f". {tmp_path}/bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _tamadactl; echo ${{COMPREPLY[*]}}"
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True)
        return done.stdout.split()
    assert complete("restart", "d") == [cluster.scope]
    assert complete("list", "d") == [cluster.scope]
    assert complete("restart", cluster.scope, "n") == ["n0", "n1", "n2"]
    assert complete("restart", "-r", "replica", cluster.scope, "n1") == ["n1"]
    assert complete("switchover", "--candidate", "n2") == ["n2"]
    assert complete("query", "-c", "select 1", "d") == [cluster.scope]


def test_man_is_formatted_on_a_terminal(cluster):
    with cluster.terminal("man", env={"PAGER": "cat", "MANPAGER": "cat"}) as terminal:
        assert terminal.end() == 0
    plain = re.sub(r".\x08", "", terminal.shown)
    assert "TAMADACTL(1)" in plain or plain.startswith(".TH"), plain[:300]
