"""Every command on a terminal ends as it should and leaves the terminal as it was."""
import json
import os
import re

import pytest

from harness import wait_for

pytestmark = pytest.mark.tamada

# Each command is run once: its arguments, and the operator's answers as (question, answer).
SESSIONS = {
    "list": [("{scope}", "-e")],
    "topology": [("{scope}",)],
    "history": [()],
    "version": [("{scope}",)],
    "dsn": [("-r", "replica")],
    "query": [("-c", "select 1 as one", "-U", "postgres", "-d", "postgres", "--password", "--format", "pretty"), ("Password: ", "su")],
    "switchover": [("{scope}",), (r"Primary \[{leader}\]: ", ""), (r"Candidate .* \[\]: ", "{replica}"), (r"\[now\]: ", ""),
                   (r"\[y/N\]: ", "y")],
    "failover": [("{scope}", "--candidate", "{replica}"), (r"\[y/N\]: ", "y")],
    "restart": [("{scope}", "{replica}"), (r"\[now\]: ", ""), (r"\[y/N\]: ", "y"), (r"\[\]: ", "")],
    "reload": [("{scope}",), (r"\[y/N\]: ", "y")],
    "reinit": [("{scope}", "--wait"), (r"\]\?", "{replica}"), (r"\[y/N\]: ", "y")],
    "flush": [("{scope}", "restart"), (r"\[y/N\]: ", "y")],
    "pause": [("--wait",)],
    "resume": [("--wait",)],
    "show-config": [()],
    "edit-config": [("-s", "maximum_lag_on_failover=2000000"), (r"\[y/N\]: ", "y")],
    "explain": [()],
    "events": [()],
    "doctor": [()],
    "completion": [("bash",)],
    "man": [()],   # PAGER is cat
    "wait": [()],
    "bundle": [("-o", "{root}/bundle.tar.gz")],
}
# Other tests cover the effects of these commands. Here the commands are refused, so that the cluster stays as it is.
REFUSED = {
    "remove": [("{scope}",), ("confirm the cluster name to remove: ", "another")],
    "demote-cluster": [("--host", "127.0.0.1"), (r"\[y/N\]: ", "n")],
    "promote-cluster": [()],
}


def play(cluster, command, script):
    leader = cluster.leader()
    names = {"scope": cluster.scope, "leader": leader.name, "replica": cluster.replicas()[0].name, "root": cluster.root}

    def filled(text):
        return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], text)
    arguments, *answers = script
    with cluster.terminal(command, *map(filled, arguments), env={"PAGER": "cat", "MANPAGER": "cat"}) as terminal:
        for question, answer in answers:
            terminal.expect(filled(question)).line(filled(answer))
        status = terminal.end()
        return status, terminal.shown


def test_every_command_is_tried(cluster):
    listed = cluster.ctl("--help").stdout.split("\nCommands:\n")[1]
    commands = re.findall(r"^  (\w\S*)", listed, re.M)
    assert sorted(commands) == sorted([*SESSIONS, *REFUSED, "top"])


@pytest.mark.parametrize("command", SESSIONS)
def test_command(cluster, command):
    status, shown = play(cluster, command, SESSIONS[command])
    assert status == 0, shown
    assert shown.strip() and "Error" not in shown


@pytest.mark.parametrize("command", REFUSED)
def test_refusal(cluster, command):
    status, shown = play(cluster, command, REFUSED[command])
    assert status == 1 and "Error: " in shown, shown


def test_the_phases_of_a_switchover_go_by(cluster):
    with cluster.terminal("switchover", cluster.scope, "--leader", cluster.leader().name, "--force") as terminal:
        assert terminal.end() == 0, terminal.shown
        assert re.search(r"^  promote +[\d.]+ ms", terminal.shown, re.M), terminal.shown
        assert "Successfully switched over to" in terminal.shown


def test_top(cluster):
    with cluster.terminal("top", cluster.scope) as terminal:
        terminal.expect("q quit").type("l").expect("by lag").type("q")
        assert terminal.end() == 0, terminal.shown
        assert terminal.raw.rstrip().endswith("\x1b[?1049l")   # this sequence brings the previous screen back


def test_interrupt(cluster):
    """^C ends a running command. At a question it cancels without any effect."""
    for arguments, seen in ((("list", "-W"), r"\+ Cluster"), (("events", "--follow"), r"\d\d:\d\d"), (("failover",), r"Candidate .*: ")):
        with cluster.terminal(*arguments) as terminal:
            terminal.expect(seen).type("\x03")
            assert terminal.end() in (-2, 1, 130), terminal.shown
    assert "failover" not in {k for k, v in cluster.keys().items() if k == "failover" and json.loads(v or "{}")}


def test_config_is_edited(cluster, tmp_path):
    """edit-config opens an editor, and the edited text becomes the cluster's configuration."""
    editor = f"{cluster.root}/editor"
    with open(editor, "w") as f:
        f.write("#!/bin/sh\nsed -i 's/^maximum_lag_on_failover:.*//' \"$1\"\necho 'maximum_lag_on_failover: 3000000' >>\"$1\"\n")
    os.chmod(editor, 0o755)
    with cluster.terminal("edit-config", env={"EDITOR": editor}) as terminal:
        terminal.expect(r"\[y/N\]: ").line("y")
        assert terminal.end() == 0, terminal.shown
    wait_for("the edited configuration", lambda: json.loads(cluster.keys()["config"])["maximum_lag_on_failover"] == 3000000, 30)
