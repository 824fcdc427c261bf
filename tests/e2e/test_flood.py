"""A client cannot take the cluster down by what it sends to the REST port, or by not reading the answers: health checks are
answered, the leader's lease is renewed in time, and the memory is released afterwards.

The bounds are wide because the machine may be busy with other programs. On one that is overloaded without any flood, the flood must
only not end the server. `-s` shows the measured values. FLOOD=4000 floods with each path by itself, too.
"""
import itertools
import multiprocessing
import os
import re
import resource
import socket
import ssl
import threading
import time
import urllib.request

import pytest
from test_rest_access import Authority

from harness import processes, wait_for
from harness.cluster import TREE

pytestmark = pytest.mark.tamada

FORKED = multiprocessing.get_context("fork")   # Python 3.14 starts processes in another way, which cannot pass a TLS context on
CONNECTIONS = int(os.environ.get("FLOOD", "4000"))
PIPELINED = 100
SECONDS = 4
OVERLOADED = 0.1   # seconds that a health check takes at rest, in the 90th percentile
STREAM = "/tamada/events/stream"
READS = ["/primary", "/replica?lag=1MB", "/liveness", "/readiness", "/nothing", "/patroni", "/cluster", "/history", "/config", "/metrics",
         "/failsafe", "/tamada/events?since=0", "/tamada/events?since=1000000000&wait=60", "/tamada/events?since=0&member=n1",
         STREAM, "/tamada/explain", "/tamada/handover", "/tamada/parameters", "/tamada/members", "/tamada/doctor", "/tamada/samples", "/ui/",
         "/ui/app.js"]
POST = b"POST /restart HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"   # the beginning of one


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


class Flood:
    """Connections that never read and send one of the given texts each, in turn. A separate process of low priority holds them, as if
    they came from another machine."""

    def __init__(self, port, sent, count, slowly=b"", context=None):
        self.port, self.sent, self.count, self.slowly, self.context = port, sent, count, slowly, context
        self.stopped, self.opened = FORKED.Event(), FORKED.Value("i", 0)
        self.process = FORKED.Process(target=self._run, daemon=True)

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

    def _open(self):
        one = socket.socket()
        one.settimeout(5)
        try:
            one.connect(("127.0.0.1", self.port))
            if self.context:
                one = self.context.wrap_socket(one)
        except OSError:
            one.close()
            return None
        one.setblocking(False)
        return one

    def _run(self):
        os.nice(10)
        sockets = []
        for _, sent in zip(range(self.count), itertools.cycle(self.sent)):
            one = None if self.stopped.is_set() else self._open()
            if not one:
                continue
            sockets.append(one)
            self.opened.value += 1
            self._send(one, sent)
        at = 0
        while not self.stopped.wait(0.5):
            for one in sockets if self.slowly else []:
                self._send(one, self.slowly[at % len(self.slowly):][:1])
            at += 1
        os._exit(0)


class Checks:
    """Runs health checks one after the other, each on a new connection, as load balancers do. They run in a process of their own, so
    that they do not wait for another thread of this one."""

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

    def _run_for(self, seconds, result):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.one()
            time.sleep(0.01)
        result.send((self.took, self.wrong))
        os._exit(0)

    def run_for(self, seconds):
        result, sender = FORKED.Pipe(duplex=False)
        process = FORKED.Process(target=self._run_for, args=(seconds, sender), daemon=True)
        process.start()
        sender.close()
        self.took, self.wrong = result.recv()
        process.join()
        return self

    def percentile(self, share):
        return sorted(self.took)[int(len(self.took) * share)]


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


class Heartbeats:
    """Measures the longest time between two renewals of the leader's lease, by etcd's counter of renewals."""

    def __init__(self, cluster):
        self.url, self.stopped = cluster.etcd.url + "/metrics", threading.Event()
        self.renewals, self.renewed_at, self.longest = self._renewals(), time.monotonic(), 0
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def _renewals(self):
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            return int(re.search(rb"^etcd_debugging_lease_renewed_total (\d+)", answer.read(), re.M)[1])

    def _run(self):
        while not self.stopped.wait(0.1):
            try:
                renewals = self._renewals()
            except OSError:
                renewals = self.renewals   # etcd was too slow
            now = time.monotonic()
            self.longest = max(self.longest, now - self.renewed_at)
            if renewals != self.renewals:
                self.renewals, self.renewed_at = renewals, now


def answers(node):
    check = node.checks()
    check.one()
    return not check.wrong


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
    node.checks = lambda: Checks(node.api_port, context)
    wait_for("a primary", lambda: answers(node), 60)
    return node


def withstands(node, kind, flood, slow):
    """The faults of one flood. A 95th percentile of more than `slow` seconds is one; None: the machine is overloaded, so that neither a
    health check nor the flood itself comes through in time."""
    postmaster = node.postmaster_pid()
    with Heartbeats(node.cluster) as beats, flood:
        checks = node.checks().run_for(SECONDS)
        opened, memory = flood.opened.value, memory_mb(node.proc.pid)
    p50, p99 = checks.percentile(0.5), checks.percentile(0.99)
    report = (f"{kind}: {opened} connections, {len(checks.took)} checks, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
              f"most {max(checks.took) * 1e3:.1f} ms, heartbeats at most {beats.longest:.2f} s apart, {memory:.0f} MB")
    print(report, flush=True)
    faults = []
    if checks.wrong and slow:
        faults.append(f"{len(checks.wrong)} checks failed, the first: {checks.wrong[0]}")
    if slow and checks.percentile(0.95) > slow:
        faults.append("health checks are slow")
    if beats.longest > (5 if slow else 15):   # ttl is 20
        faults.append("the lease is not renewed in time")
    if memory > 250:
        faults.append("memory is used up")
    if opened == 0 and slow:
        faults.append("it was no flood")
    if processes.sanitized():
        faults = [fault for fault in faults if "lease" in fault]
    if node.postmaster_pid() != postmaster:
        faults.append("the server was ended")
    return [f"{report}: {fault}" for fault in faults]


def floods(node):
    """(what it is, the flood)"""
    port, some, context = node.api_port, CONNECTIONS * 3 // 8, node.checks().context
    kinds = [("half open", b"", b""), ("slow header", b"GET /pri", b"x"), ("slow body", POST, b"x")]
    yield from ((kind, Flood(port, [sent], some, slowly)) for kind, sent, slowly in kinds)
    yield "partial ClientHello", Flood(port, [CLIENT_HELLO], some)
    paths = [("all paths", READS)] + ([(path, [path]) for path in READS] if "FLOOD" in os.environ else [])
    # Whoever sends another request behind this one is refused, so this flood sends one on each connection.
    continued = get(STREAM).replace(b"\r\n\r\n", b"\r\nLast-Event-ID: 1-1\r\n\r\n")
    yield "streams of events that nobody reads", Flood(port, [get(STREAM), continued], CONNECTIONS // (8 if context else 1), b"", context)
    if not context:
        yield from ((f"GET {name} x {PIPELINED}", Flood(port, [get(path) * PIPELINED for path in chosen], CONNECTIONS))
                    for name, chosen in paths)
        return
    # A client needs more time for a handshake than the daemon, so there are fewer of these connections.
    yield from ((f"{kind} after the handshake", Flood(port, [sent], some // 3, slowly, context)) for kind, sent, slowly in kinds)
    yield f"GET all paths x {PIPELINED} by TLS", Flood(port, [get(path) * PIPELINED for path in READS], some // 3, b"", context)


def fill_journal(node):
    for i in range(60):
        node.configure({"pause": i % 2 == 0})
        wait_for("the pause", lambda: node.status().get("pause", False) == (i % 2 == 0), 30, 0.01)


@pytest.fixture(autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CONNECTIONS + 1000:
        pytest.skip(f"needs {2 * CONNECTIONS + 1000} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))   # the daemon inherits it
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_every_get_path_is_a_part_of_the_flood():
    source = (TREE / "src/api/routes.cc").read_text()
    segments = re.findall(r'\{"GET", "(\w+)"', source) + re.findall(r'\{"([\w/]+)", &RestApi::', source)
    assert len(segments) > 10
    assert [one for one in segments if not any(path.startswith(f"/{one}") for path in READS)] == []


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_no_flood_delays_the_lease_or_health_checks(new_cluster, tls):
    node = one_node(new_cluster, tls)
    if not tls:
        fill_journal(node)
    # On a busy machine a check takes longer also without a flood, and a few take much longer. A flood that stops the checks is seen in
    # any case.
    at_rest = node.checks().run_for(SECONDS)
    usual = at_rest.percentile(0.99)
    slow = min(max(1, 10 * usual), 5) if at_rest.percentile(0.9) < OVERLOADED else None
    memory = memory_mb(node.proc.pid)
    print(f"at rest: p99 {usual * 1e3:.1f} ms, {memory:.0f} MB")
    faults = [fault for kind, flood in floods(node) for fault in withstands(node, kind, flood, slow)]
    assert not faults, "\n".join(faults)
    if not processes.sanitized():
        wait_for("memory to come back", lambda: memory_mb(node.proc.pid) < memory + 40, 30)   # up to 160 MB during a flood
    print(f"afterwards: {memory_mb(node.proc.pid):.0f} MB")
