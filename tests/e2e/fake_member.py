"""A member of a cluster that has neither a daemon nor a server: what a test says instead of it."""
import contextlib
import http.server
import json
import threading
import time


def standby(name, **changes):
    """What a healthy standby of this name answers to GET /patroni."""
    return {"state": "running", "role": "replica", "server_version": 150002, "timeline": 1, "cluster_unlocked": False,
            "xlog": {"received_location": 1000, "replayed_location": 1000, "paused": False},
            "patroni": {"version": "4.1.4", "scope": "demo", "name": name}, **changes}


class FakeMember:
    """Its REST API answers each request with the same text: `answer` as JSON, or these bytes. With a `pause`, each byte comes so many
    seconds after the one before. Without an answer, the API takes requests and stays silent."""

    def __init__(self, name, answer=None, pause=0.0):
        self.name, self.pause, self.asked = name, pause, 0
        self.body = answer if answer is None or isinstance(answer, bytes) else json.dumps(answer).encode()
        self._closed = threading.Event()
        member = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                member.asked += 1
                if member.body is None:
                    member._closed.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(member.body)))
                self.end_headers()
                size = 65536 if not member.pause else 1
                try:
                    for at in range(0, len(member.body), size):
                        self.wfile.write(member.body[at:at + size])
                        time.sleep(member.pause)
                except OSError:
                    pass   # the other side waits no longer

            do_POST = do_GET

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/patroni"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def join(self, cluster, **changes):
        """Writes its key. The key does not end, as that of a frozen daemon would."""
        key = {"conn_url": "postgres://127.0.0.1:1/postgres", "api_url": self.url, "state": "running", "role": "replica",
               "version": "4.1.4", "xlog_location": 1000, "timeline": 1, **changes}
        cluster.etcd.ctl("put", f"{cluster.prefix}members/{self.name}", json.dumps(key))

    def leave(self, cluster):
        cluster.etcd.ctl("del", f"{cluster.prefix}members/{self.name}")

    @contextlib.contextmanager
    def beside(self, node):
        """It has joined the node's cluster for a while, with the node's key except for the address of the API."""
        key = json.loads(node.cluster.keys()[f"members/{node}"])
        self.join(node.cluster, **{**key, "api_url": self.url})
        try:
            yield
        finally:
            self.leave(node.cluster)
