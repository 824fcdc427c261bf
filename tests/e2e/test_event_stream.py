"""GET /tamada/events/stream: clients learn of changes from server-sent events, without asking again."""
import http.client
import json
import re
import shutil
import subprocess

import pytest

from harness import processes, wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada


class Stream:
    """One client of the stream. Each read waits until the daemon sends something, at the latest its comment after 15 s."""

    def __init__(self, node, last_event_id=None, port=None):
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port or node.api_port, timeout=30)
        self.connection.request("GET", "/tamada/events/stream", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"] == "text/event-stream"
        self.text, self.seen, self.comments = "", [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self.connection.close()

    def read(self):
        """Adds to `seen` what has come: (kind, number, data). Returns whether the stream goes on."""
        piece = self.answer.read1(65536)
        self.text += piece.decode()
        *blocks, self.text = self.text.split("\n\n")
        self.comments += blocks.count(":")
        for block in blocks:
            fields = dict(re.findall(r"^(\w+): (.*)$", block, re.M))
            if "event" in fields or "id" in fields:
                self.seen.append((fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "null"))))
        return bool(piece)

    def until(self, what, condition, timeout=60):
        """Reads until the condition holds for one of those that came."""
        def came():
            found = [one for one in self.seen if condition(*one)]
            if not found:
                assert self.read(), "the stream has ended"
            return found
        return wait_for(what, came, timeout)[0]


def number(event_id):
    return int(event_id.split("-")[1])


def test_a_change_of_the_role_arrives_and_can_be_continued(cluster):
    old, (new, _) = cluster.leader(), cluster.replicas()
    with Stream(new) as stream:
        _, before, _ = stream.until("the number of the last event", lambda kind, event_id, data: event_id)
        assert len(stream.seen) == 1
        status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
        assert status == 200, text
        _, event_id, _ = stream.until("the role", lambda kind, _, data: kind == "journal" and data["type"] == "role" and data["to"] == "primary")
        told = stream.until("the cluster", lambda kind, _, data: kind == "cluster" and data["leader"] == new.name and data["role"] == "primary")[2]
        assert told["member"] == new.name
        assert [m["name"] for m in told["cluster"]["members"] if m["role"] == "leader"] == [new.name]
        numbers = [number(one) for kind, one, _ in stream.seen if kind == "journal"]
        assert numbers == list(range(number(before) + 1, number(before) + 1 + len(numbers)))
    # A client whose connection broke before the switchover gets what it missed.
    with Stream(new, before) as stream:
        stream.until("the present cluster", lambda kind, _, data: kind == "cluster" and data["leader"] == new.name)
        missed = [number(one) for kind, one, _ in stream.seen if kind == "journal"]
        assert missed[0] == number(before) + 1 and number(event_id) in missed and missed == list(range(missed[0], missed[-1] + 1))
    cluster.wait_healthy(60)


def test_it_ends_with_the_daemon_and_all_is_news_of_the_next_run(cluster):
    node = cluster.replicas()[0]
    with Stream(node) as stream:
        _, before, _ = stream.until("the number of the last event", lambda kind, event_id, data: event_id)
        node.stop()
        wait_for("its end", lambda: not stream.read(), 60)
    node.start()
    cluster.wait_healthy(60)
    with Stream(node, before) as stream:
        stream.until("the first event", lambda kind, event_id, data: kind == "journal" and number(event_id) == 1)


def example(proxy):
    """The example of docs/operations.md for this proxy."""
    return re.search(rf"^```\n(# {proxy}: .*?)^```$", (TREE / "docs/operations.md").read_text(), re.M | re.S)[1]


def configuration(proxy, node, port):
    text = example(proxy).replace("10.10.2.11:8008", f"127.0.0.1:{node.api_port}").replace("*:8080", f"127.0.0.1:{port}")
    if proxy == "HAProxy":
        return f"global\n    maxconn 100\n{text}"
    root = node.cluster.root
    temporary = "".join(f"{kind}_temp_path {root}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return (f"pid {root}/nginx.pid; error_log {root}/nginx.log; events {{ }} http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port};\n"
            f"{text}}} }}")


@pytest.mark.parametrize("proxy", ["HAProxy", "nginx"])
def test_it_passes_through_a_proxy(cluster, proxy):
    """With the configuration that docs/operations.md gives: each change arrives at once, and silence does not end the stream."""
    program = shutil.which(proxy.lower())
    if not program:
        pytest.skip(f"{proxy} is not installed")
    node, port, path = cluster.leader(), cluster.ports[18], f"{cluster.root}/{proxy}.cfg"
    with open(path, "w") as f:
        f.write(configuration(proxy, node, port))
    command = [program, "-db", "-f", path] if proxy == "HAProxy" else [program, "-c", path, "-g", "daemon off;"]
    with open(f"{cluster.root}/{proxy}.out", "a") as log:
        process = processes.spawn(command, log, cluster.root)
    try:
        wait_for("the proxy", lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/liveness"]).returncode == 0, 30)
        with Stream(node, port=port) as stream:
            stream.until("the number of the last event", lambda kind, event_id, data: event_id)
            wait_for("two comments, each after 15 s without news", lambda: stream.read() and stream.comments >= 2, 60)
            cluster.configure(pause=True)
            stream.until("the pause", lambda kind, _, data: kind == "cluster" and data["cluster"].get("pause"), 10)
    finally:
        cluster.configure(pause=None)
        process.kill()
        process.wait(30)
