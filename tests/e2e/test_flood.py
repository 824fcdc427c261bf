"""A client cannot take the cluster down by what it sends to the REST port, or by not reading the answers: health checks are
answered, the leader's lease is renewed in time, and the memory is released afterwards.

The bounds are wide because the machine may be busy with other programs. `-s` shows the measured values.
"""
import json
import multiprocessing
import os
import re
import resource
import socket
import ssl
import threading
import time
import urllib.request
from base64 import b64encode

import pytest
from test_rest_access import Authority

from harness import processes, wait_for

pytestmark = pytest.mark.tamada

CONNECTIONS = int(os.environ.get("FLOOD", "4000"))
PIPELINED = 100
SECONDS = 4
READS = ["/primary", "/patroni", "/cluster", "/history", "/config", "/metrics", "/failsafe", "/tamada/events?since=0",
         "/tamada/events?since=1000000000&wait=60", "/tamada/explain", "/tamada/handover"]
POST = b"POST /restart HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"


class Flood:
    """Connections that send the given bytes and never read. A separate process of low priority holds them, as if they came
    from another machine."""

    def __init__(self, port, sent, count, slowly=b""):
        self.port, self.sent, self.count, self.slowly = port, sent, count, slowly
        self.stopped, self.opened = multiprocessing.Event(), multiprocessing.Value("i", 0)
        self.process = multiprocessing.Process(target=self._run, daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.process.join(20)
        self.process.kill()

    def _send(self, one, data):
        try:
            one.send(data)
        except OSError:
            pass   # the socket's buffer is full, or the server has closed it

    def _run(self):
        os.nice(10)
        sockets = []
        for _ in range(self.count):
            one = socket.socket()
            one.settimeout(5)
            try:
                one.connect(("127.0.0.1", self.port))
            except OSError:
                continue
            one.setblocking(False)
            sockets.append(one)
            self.opened.value += 1
            self._send(one, self.sent)
        at = 0
        while not self.stopped.wait(0.5):
            for one in sockets if self.slowly else []:
                self._send(one, self.slowly[at % len(self.slowly):][:1])
            at += 1
        os._exit(0)


class Checks:
    """Runs health checks one after the other, each on a new connection, as load balancers do."""

    def __init__(self, port, context=None):
        self.port, self.context, self.took, self.wrong = port, context, [], []

    def one(self):
        began = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain:
                s = self.context.wrap_socket(plain) if self.context else plain
                s.sendall(b"GET /primary HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                answer = s.recv(65536)
        except OSError as e:
            answer = repr(e).encode()
        self.took.append(time.monotonic() - began)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.wrong.append(answer[:60])

    def run_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.one()
            time.sleep(0.01)
        return self

    def percentile(self, share):
        return sorted(self.took)[int(len(self.took) * share)]


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


class Heartbeats:
    """Measures the longest time between two renewals of the leader's lease by the TTL that etcd reports."""

    def __init__(self, cluster):
        self.cluster, self.least, self.stopped = cluster, cluster.dcs["ttl"], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        def ask(path, body):
            request = urllib.request.Request(self.cluster.etcd.url + path, data=json.dumps(body).encode())
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        key = b64encode(f"{self.cluster.prefix}leader".encode()).decode()
        while not self.stopped.wait(0.25):
            found = ask("/v3/kv/range", {"key": key}).get("kvs")
            left = int(ask("/v3/lease/timetolive", {"ID": found[0]["lease"]}).get("TTL", 0)) if found else 0
            self.least = min(self.least, left)

    @property
    def gap(self):
        return self.cluster.dcs["ttl"] - self.least


def one_node(new_cluster, tls):
    cluster = new_cluster(n=1, dcs={"ttl": 20, "loop_wait": 1, "retry_timeout": 4})
    node = cluster.nodes[0]
    context = None
    if tls:
        cluster.ca = Authority(cluster.root)
        node.config["restapi"] |= {"certfile": cluster.ca.path("server.crt"), "keyfile": cluster.ca.path("server.key")}
        context = ssl.create_default_context(cafile=cluster.ca.path("ca.crt"))
        context.check_hostname = False
    cluster.etcd.start()
    node.start()

    def checked():
        check = Checks(node.api_port, context)
        check.one()
        return not check.wrong
    wait_for("a primary", checked, 60)
    node.checks = lambda: Checks(node.api_port, context)
    return node


def withstands(node, kind, flood, slow):
    """The faults of one flood. A 99th percentile of more than `slow` seconds is one."""
    postmaster = node.postmaster_pid()
    with Heartbeats(node.cluster) as beats, flood:
        checks = node.checks().run_for(SECONDS)
        opened, memory = flood.opened.value, memory_mb(node.proc.pid)
    p50, p99 = checks.percentile(0.5), checks.percentile(0.99)
    report = (f"{kind}: {opened} connections, {len(checks.took)} checks, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
              f"most {max(checks.took) * 1e3:.1f} ms, lease at most {beats.gap} s old, {memory:.0f} MB")
    print(report, flush=True)
    faults = []
    if checks.wrong:
        faults.append(f"{len(checks.wrong)} checks failed, the first: {checks.wrong[0]}")
    if p99 > slow:
        faults.append("health checks are slow")
    if beats.gap > 5:
        faults.append("the lease is not renewed in time")
    if memory > 250:
        faults.append("memory is used up")
    if processes.sanitized():
        faults = [fault for fault in faults if "lease" in fault]
    if node.postmaster_pid() != postmaster:
        faults.append("the server was ended")
    return [f"{report}: {fault}" for fault in faults]


def fill_journal(node):
    for i in range(60):
        node.configure({"pause": i % 2 == 0})
        wait_for("the pause", lambda: node.status().get("pause", False) == (i % 2 == 0), 10, 0.01)


@pytest.fixture(autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CONNECTIONS + 1000:
        pytest.skip(f"needs {2 * CONNECTIONS + 1000} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))   # the daemon inherits it
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_no_flood_delays_the_lease_or_health_checks(new_cluster, tls):
    node = one_node(new_cluster, tls)
    if not tls:
        fill_journal(node)
    # On a busy machine a check takes longer also without a flood. A flood that stops the checks is seen in any case.
    usual = node.checks().run_for(SECONDS).percentile(0.99)
    slow = min(max(1, 10 * usual), 5)
    memory = memory_mb(node.proc.pid)
    print(f"at rest: p99 {usual * 1e3:.1f} ms, {memory:.0f} MB")
    half = CONNECTIONS * 3 // 8
    port, faults = node.api_port, []
    for kind, sent, slowly in [("half open", b"", b""), ("slow header", b"GET /pri", b"x"), ("slow body", POST, b"x"),
                               ("partial ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"")]:
        faults += withstands(node, kind, Flood(port, sent, half, slowly), slow)
    for path in [] if tls else READS:
        sent = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * PIPELINED
        faults += withstands(node, f"GET {path} x {PIPELINED}", Flood(port, sent, CONNECTIONS), slow)
    assert not faults, "\n".join(faults)
    if not processes.sanitized():
        wait_for("memory to come back", lambda: memory_mb(node.proc.pid) < memory + 60, 30)
    print(f"afterwards: {memory_mb(node.proc.pid):.0f} MB")
