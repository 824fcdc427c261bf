"""Debian's HAProxy with the usual `option httpchk` in front of three nodes: writes follow the primary and reads go to
replicas, even during a switchover."""
import threading
import time

import psycopg2
import pytest

from harness import processes, wait_for

CONFIG = """
global
    maxconn 100
defaults
    mode tcp
    retries 2
    timeout client 30m
    timeout connect 4s
    timeout server 30m
    timeout check 5s
listen primary
    bind 127.0.0.1:{primary}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter {inter} fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
listen replicas
    bind 127.0.0.1:{replicas}
    balance roundrobin
    option httpchk GET /replica?lag=10MB
    http-check expect status 200
    default-server inter {inter} fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
"""
INTERVAL = "250ms"


@pytest.fixture
def proxy(cluster):
    ports = {"primary": cluster.ports[18], "replicas": cluster.ports[19]}
    servers = "\n".join(f"    server {n} 127.0.0.1:{n.pg_port} maxconn 100 check port {n.api_port}" for n in cluster.nodes)
    path = f"{cluster.root}/haproxy.cfg"
    with open(path, "w") as f:
        f.write(CONFIG.format(servers=servers, inter=INTERVAL, **ports))
    with open(f"{cluster.root}/haproxy.log", "a") as log:
        proc = processes.spawn(["haproxy", "-db", "-f", path], log, cluster.root)
    yield ports
    proc.kill()
    proc.wait(30)


def ask(port, query):
    conn = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", password="su", dbname="postgres",
                            connect_timeout=2, options="-c statement_timeout=2000")
    try:
        conn.autocommit = True
        cursor = conn.cursor()
        cursor.execute(query)
        return cursor.fetchone()
    finally:
        conn.close()


def server_behind(port):
    return ask(port, "select current_setting('port')::int, pg_is_in_recovery()")


class Client(threading.Thread):
    """Queries all the time, each time over a new connection, and records when which server answered."""

    def __init__(self, port, query):
        super().__init__(daemon=True)
        self.port, self.query, self.answers, self._done = port, query, [], threading.Event()

    def run(self):
        while not self._done.is_set():
            try:
                # The query returns no row on a server that has just been promoted and still counts as a replica.
                if row := ask(self.port, self.query):
                    self.answers.append((time.monotonic(), row[0]))
            except psycopg2.Error:
                pass
            self._done.wait(0.01)

    def stop(self):
        self._done.set()
        self.join(10)

    def longest_pause(self):
        times = [at for at, _ in self.answers]
        return max(b - a for a, b in zip(times, times[1:]))


def test_follows_a_switchover(cluster, proxy):
    old = cluster.leader()
    old.sql("create table if not exists through_proxy(port int default current_setting('port')::int)")
    wait_for("writes through the proxy", lambda: server_behind(proxy["primary"]) == (old.pg_port, False), 20)
    wait_for("reads through the proxy", lambda: {server_behind(proxy["replicas"]) for _ in range(4)} ==
             {(n.pg_port, True) for n in cluster.replicas()}, 20)
    writer = Client(proxy["primary"], "insert into through_proxy default values returning port")
    reader = Client(proxy["replicas"], "select current_setting('port')::int where pg_is_in_recovery()")
    writer.start(), reader.start()
    wait_for("a write before the switchover", lambda: writer.answers, 30)
    new = cluster.replicas()[0]
    began = time.monotonic()
    status, text = old.api("/switchover", "POST", {"leader": old.name, "candidate": new.name}, timeout=60)
    assert status == 200, text
    wait_for("writes to reach the new primary", lambda: any(port == new.pg_port for _, port in writer.answers), 30)
    wait_for("reads to reach the old one", lambda: any(at > began and port == old.pg_port for at, port in reader.answers), 60)
    writer.stop(), reader.stop()
    first = next(at for at, port in writer.answers if port == new.pg_port)
    print(f"\nthrough HAProxy (checks every {INTERVAL}): first write to the new primary {first - began:.2f} s after the request,"
          f" longest pause of writes {writer.longest_pause():.2f} s, of reads {reader.longest_pause():.2f} s")
    switched = [port for _, port in writer.answers]
    assert set(switched) == {old.pg_port, new.pg_port}
    assert switched == sorted(switched, key=lambda port: port == new.pg_port), "never back to the old primary"
    assert cluster.wait_healthy(60) is new
