"""Certificates on disk are replaced while they are in use, by complete or by half-written files."""
import asyncio
import signal
import socket
import ssl
import threading
import time

import pytest
import requests

from authority import Authority
from harness import processes, wait_for

pytestmark = pytest.mark.tamada


def shown_by(port, ca):
    """The serial number of the certificate that the server on `port` presents."""
    context = ssl.create_default_context(cafile=ca.path("ca.crt"))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            return tls.getpeercert()["serialNumber"]


def replace_by_half(path):
    with open(path, "rb") as f:
        whole = f.read()
    with open(path, "wb") as f:
        f.write(whole[:len(whole) // 2])


def problems(node, session):
    ca = node.cluster.ca.path("ca.crt")
    answer = session.get(f"https://127.0.0.1:{node.api_port}/patroni", verify=ca, timeout=5).json()
    return [one["text"] for one in answer.get("problems", []) if one["kind"] == "certificate"]


class Requests:
    """Runs health checks all the time. One thread keeps its connection, the others open a new one for each check."""

    def __init__(self, node):
        self.url, self.ca = f"https://127.0.0.1:{node.api_port}/health", node.cluster.ca.path("ca.crt")
        self.done, self.failed = 0, []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kept,), daemon=True) for kept in (True, False, False)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, kept):
        session = requests.Session()
        while not self._end.is_set():
            try:
                answer = (session if kept else requests).get(self.url, verify=self.ca, timeout=10)
                if answer.status_code != 200:
                    self.failed.append(answer.status_code)
            except requests.RequestException as e:
                self.failed.append(str(e))
            self.done += 1
            self._end.wait(0.01)


def test_of_the_rest_api(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    ca = cluster.ca = Authority(cluster.root)
    node.config["restapi"] |= {"certfile": ca.path("server.crt"), "keyfile": ca.path("server.key")}
    cluster.etcd.start()
    node.start()
    session = requests.Session()
    wait_for("a primary", lambda: session.get(f"https://127.0.0.1:{node.api_port}/primary", verify=ca.path("ca.crt")).status_code == 200, 60)
    with Requests(node) as load:
        first = shown_by(node.api_port, ca)
        ca.issue("server")   # a renewal writes the key first and then the certificate
        wait_for("the new certificate, without a reload", lambda: shown_by(node.api_port, ca) != first, 20)
        second = shown_by(node.api_port, ca)
        wait_for("no problem", lambda: problems(node, session) == [], 20)

        replace_by_half(ca.path("server.crt"))
        (text,) = wait_for("the problem", lambda: problems(node, session), 20)
        assert ca.path("server.crt") in text and "the previous one stays in use" in text
        assert shown_by(node.api_port, ca) == second
        node.signal(signal.SIGHUP)
        wait_for("the reload", lambda: "configuration reloaded" in node.log(), 20)
        assert shown_by(node.api_port, ca) == second

        ca.issue("server")
        wait_for("the new certificate", lambda: shown_by(node.api_port, ca) not in (first, second), 20)
        wait_for("no problem", lambda: problems(node, session) == [], 20)
        done = load.done
        wait_for("more requests", lambda: load.done > done + 20, 20)
    assert load.failed == []


class TlsFront:
    """A TLS proxy that verifies clients' certificates in front of a plain etcd."""

    def __init__(self, port, far_port, ca):
        self.far_port, self.shown, self._writers = far_port, [], set()   # serial numbers of the certificates that clients presented
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca.path("ca.crt"))
        context.load_cert_chain(ca.path("etcd.crt"), ca.path("etcd.key"))
        context.verify_mode = ssl.CERT_REQUIRED
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connection, "127.0.0.1", port, ssl=context), self._loop).result(10)

    def drop_connections(self):
        def drop():
            for writer in self._writers:
                writer.transport.abort()
        self._loop.call_soon_threadsafe(drop)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connection(self, reader, writer):
        self.shown.append(writer.get_extra_info("peercert")["serialNumber"])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        self._writers.add(writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort(), far_writer.transport.abort()

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.transport.abort()


def test_of_the_client_of_etcd(new_cluster):
    cluster = new_cluster(1)
    (node,) = cluster.nodes
    ca = Authority(cluster.root)
    ca.issue("etcd")
    cluster.etcd.start()
    port = cluster.ports[7]
    front = TlsFront(port, cluster.etcd.port, ca)
    try:
        node.config["etcd3"] = {"hosts": f"127.0.0.1:{port}", "protocol": "https", "cacert": ca.path("ca.crt"),
                                "cert": ca.path("client.crt"), "key": ca.path("client.key")}
        node.start()
        wait_for("a primary", node.is_primary, 60)
        first = front.shown[-1]
        replace_by_half(ca.path("client.crt"))
        until = time.monotonic() + 2 * cluster.dcs["ttl"]
        while time.monotonic() < until:
            front.drop_connections()
            assert node.is_primary(), "its certificate is half written: the one before has to do"
            time.sleep(2)
        assert set(front.shown) == {first}
        (text,) = [one["text"] for one in node.status()["problems"] if one["kind"] == "certificate"]
        assert ca.path("client.crt") in text and "the previous one stays in use" in text
        assert text in cluster.ctl("explain").stdout
        ca.issue("client")
        front.drop_connections()
        wait_for("the new one", lambda: front.shown[-1] != first, 20)
        wait_for("no problem", lambda: "problems" not in node.status(), 20)
        assert node.is_primary() and "demot" not in node.log()
    finally:
        processes.end_all_in(cluster.root)
        front.close()
