"""GET /tamada/events/stream: clients learn of changes from server-sent events, without asking again."""
import http.client
import json
import re

import pytest

from harness import wait_for

pytestmark = pytest.mark.tamada


class Stream:
    """One client of the stream. Each read waits until the daemon sends something, at the latest its comment after 15 s."""

    def __init__(self, node, last_event_id=None):
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        self.connection = http.client.HTTPConnection("127.0.0.1", node.api_port, timeout=30)
        self.connection.request("GET", "/tamada/events/stream", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"] == "text/event-stream"
        self.text, self.seen = "", []

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
