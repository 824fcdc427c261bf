"""A member gives wrong information, in its key in etcd and in its answers to other members."""
import http.server
import json
import threading
import time

import pytest

from harness import processes, wait_for

pytestmark = pytest.mark.tamada


class Liar:
    """A server that answers each request with the same text, piece by piece."""

    def __init__(self, body=b"", pause=0.0, headers=()):
        liar = self
        self.body, self.pause, self.headers, self.asked = body, pause, headers, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                liar.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(liar.body)))
                self.end_headers()
                size = 65536 if not liar.pause else 1
                try:
                    for at in range(0, len(liar.body), size):
                        self.wfile.write(liar.body[at:at + size])
                        time.sleep(liar.pause)
                except OSError:
                    pass

            do_POST = do_GET

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/patroni"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def told(**changes):
    return {"state": "running", "role": "replica", "server_version": 150002, "timeline": 1, "cluster_unlocked": False,
            "xlog": {"received_location": 1000, "replayed_location": 1000, "paused": False},
            "patroni": {"version": "4.1.4", "scope": "demo", "name": "liar"}, **changes}


def key(liar, **changes):
    return json.dumps({"conn_url": "postgres://127.0.0.1:1/postgres", "api_url": liar.url, "state": "running", "role": "replica",
                       "version": "4.1.4", "xlog_location": 1000, "timeline": 1, **changes})


def memory_peak(node):
    with open(f"/proc/{node.proc.pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1])


HUGE = json.dumps(told(filler=[{"a": [1, {"b": None}]}] * 2_000_000)).encode()   # 48 MB
LIES = {
    "huge": (dict(body=HUGE), {}),
    "slow": (dict(body=json.dumps(told()).encode(), pause=0.5), {}),
    "no JSON": (dict(body=b"{" * 200_000), {}),
    "deep": (dict(body=b"[" * 100_000 + b"]" * 100_000), {}),
    "old timeline": (dict(body=json.dumps(told(timeline=2**40, xlog={"received_location": -5})).encode()), {"timeline": 2**70}),
    "control characters": (dict(body=json.dumps(told(role="\x1b[2J\nprimary", state="x\0y")).encode()),
                           {"conn_url": "postgres://h\n'x:1/postgres", "role": "\x1b[2J", "version": "\nFATAL", "trouble": "\n\x1b[31mx"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_others_elect_all_the_same(new_cluster, lie):
    answer, changes = LIES[lie]
    cluster = new_cluster(2)
    liar = Liar(**answer)
    try:
        cluster.up()
        old, other = cluster.leader(), cluster.replicas()[0]
        cluster.etcd.ctl("put", f"{cluster.prefix}members/liar", key(liar, **changes))
        wait_for("the member", lambda: "liar" in other.api("/cluster")[1], 20)
        before, asked = memory_peak(other), liar.asked
        old.lose()
        began = time.monotonic()
        assert cluster.wait_leader(60, other_than=old) is other
        assert time.monotonic() - began < cluster.dcs["ttl"] + 12
        assert liar.asked > asked, "nobody asked it, and nothing was tried"
        assert memory_peak(other) < before + 24 * 1024, f"{before} kB before, {memory_peak(other)} kB now"
        assert "\x1b" not in other.log() and "\nFATAL" not in other.log()
        assert "\x1b[2J" not in cluster.ctl("list", node=other).stdout
    finally:
        processes.end_all_in(cluster.root)
        liar.close()


def test_one_that_claims_to_be_the_primary(new_cluster):
    """A member answers that it is a primary, so no other member is promoted, and the log names the member that said so."""
    cluster = new_cluster(2)
    liar = Liar(json.dumps(told(role="primary", xlog={"location": 2**60})).encode())
    try:
        cluster.up()
        old, other = cluster.leader(), cluster.replicas()[0]
        cluster.etcd.ctl("put", f"{cluster.prefix}members/liar", key(liar, role="primary"))
        assert cluster.leader() is old and cluster.keys()["leader"] == old.name
        old.lose()
        wait_for("it to be named", lambda: "liar" in other.log(), 60)
        cluster.etcd.ctl("del", f"{cluster.prefix}members/liar")
        assert cluster.wait_leader(60, other_than=old) is other, "the way out"
    finally:
        processes.end_all_in(cluster.root)
        liar.close()
